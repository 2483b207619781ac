"""The changes that would hurt most, chosen by hand: each is made in a copy of the package, and its tests must fail.

``python -m tests.mutation`` changes what stands in functions. Here are also constants, and whole conditions that go.
Four of them are made always, the others at the long setting.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.rig.proofs import LONG, record

pytestmark = pytest.mark.races  # a process for each

ALWAYS = (
    "success of another row approves",
    "content is not bound",
    "approval is spent again",
    "webhook is not verified",
)
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Danger:
    """One *line* of a *module* that becomes another, and the *test* that must notice."""

    module: str
    line: str
    becomes: str
    test: str


DANGERS = {
    "every outcome opens the gate": Danger(
        "services/decision",
        "return self.outcome is Outcome.ALLOWED",
        "return self.outcome is not Outcome.BLOCKED",
        "services/test_proof.py",
    ),
    "success of another row approves": Danger(
        "services/completion",
        "if echoed != (row.authsignal_user_id, row.action, str(row.idempotency_key)):",
        "if False:",
        "services/test_completion.py::test_success_of_something_else_approves_nothing",
    ),
    "every state approves": Danger(
        "services/completion",
        "if answer.is_valid is True and answer.state is State.CHALLENGE_SUCCEEDED:",
        "if answer.is_valid is True:",
        "services/test_completion.py::test_nothing_but_a_fresh_success_approves",
    ),
    "every first answer is an ALLOW": Danger(
        "services/asking",
        'return _anomaly(question, row, f"first answer {answer.state}")',
        "return _allow(question, row, answer)",
        "services/test_asking.py::test_answer_that_must_not_be_opens_nothing_and_is_noted",
    ),
    "content is not bound": Danger(
        "binding",
        "content = [chosen.values] if chosen.is_all else [chosen.values, *_content(request)]",
        "content = [chosen.values]",
        "test_binding.py::test_changed_field_is_another_request",
    ),
    "amount is no content": Danger(
        "binding",
        'NOT_CONTENT = frozenset({"csrfmiddlewaretoken", KEY_FIELD})',
        'NOT_CONTENT = frozenset({"csrfmiddlewaretoken", KEY_FIELD, "a", "b"})',
        "test_binding.py::test_order_of_repeated_values_counts",
    ),
    "approval of another request is spent": Danger(
        "models/actions",
        "binding__in=claim.bindings,",
        "",
        "test_models.py::test_claim_that_differs_in_one_point_spends_nothing",
    ),
    "approval of another browser is spent": Danger(
        "models/actions",
        "channel__in=claim.channels,",
        "",
        "test_models.py::test_claim_that_differs_in_one_point_spends_nothing",
    ),
    "approval is spent again": Danger(
        "models/actions",
        "filter(also or Q(), pk=self.pk, status__in=list(leaving))",
        "filter(also or Q(), pk=self.pk)",
        "test_models.py::test_approval_is_spent_once",
    ),
    "rollback brings an approval back": Danger(
        "querysets",
        "transaction.atomic(using=database, durable=durable)",
        "transaction.atomic(using=database)",
        "test_models.py::test_no_row_changes_inside_an_open_transaction",
    ),
    "every window fits": Danger(
        "sessions",
        "return any(constant_time_compare(signature, candidate) for candidate in genuine)",
        "return True",
        "test_sessions.py::test_tampered_window_is_none",
    ),
    "clocks may disagree by a day": Danger(
        "statuses",
        "SKEW = timedelta(seconds=120)",
        "SKEW = timedelta(days=1)",
        "test_models.py::test_row_is_fresh_between_its_times",
    ),
    "webhook is not verified": Danger(
        "services/webhooks",
        "verify(body, header, secrets, now.timestamp(), app_settings.WEBHOOK_TOLERANCE)",
        "",
        "webhooks/test_signatures.py::test_another_secret_is_refused",
    ),
    "every signature matches": Danger(
        "client/signature",
        "return True in matches",
        "return True",
        "client/test_signature.py::test_another_body_is_refused",
    ),
    "webhook of last year is news": Danger(
        "client/signature",
        "if abs(now - int(timestamp)) > tolerance:",
        "if False:",
        "client/test_signature.py::test_too_old_and_too_new_are_refused",
    ),
    "veto is taken for harmless": Danger(
        "services/reports",
        "if not state or state in HARMLESS:",
        "if state:",
        "webhooks/test_recording.py::test_veto_ends_an_unfinished_row",
    ),
}


CHOSEN = {name: danger for name, danger in DANGERS.items() if LONG or name in ALWAYS}


def copy_of_the_package(folder):
    """The package itself, and what its tests need beside it; returns its folder."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "django_authsignal", folder / "django_authsignal", ignore=ignored)
    for name in ("example_project", "tests", "setup.cfg"):
        (folder / name).symlink_to(ROOT / name)
    return folder / "django_authsignal"


def run(folder, *tests):
    """pytest's exit code: 1 when tests ran and failed."""
    command = [sys.executable, "-m", "pytest", "-qx", "-p", "no:cacheprovider", "--no-migrations", *tests]
    environment = os.environ | {"PYTHONPATH": str(folder), "CI": "1", "AUTHSIGNAL_TEST_DATABASE": "sqlite"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout[-2000:] + done.stderr[-2000:]


def survives(folder, danger):
    module = copy_of_the_package(folder) / f"{danger.module}.py"
    source = module.read_text()
    assert source.count(danger.line) == 1, f"{danger.module} has changed: {danger.line}"
    module.write_text(source.replace(danger.line, danger.becomes))
    code, output = run(folder, f"tests/{danger.test}")
    return None if code == 1 else output


def test_every_dangerous_change_fails_a_test(tmp_path):
    folders = {name: tmp_path / str(number) for number, name in enumerate(CHOSEN)}
    for folder in folders.values():
        folder.mkdir()
    with ThreadPoolExecutor(2) as pool:
        outcomes = pool.map(lambda name: survives(folders[name], CHOSEN[name]), CHOSEN)
        survivors = {name: output for name, output in zip(CHOSEN, outcomes, strict=True) if output is not None}
    assert survivors == {}
    record("mutation", "by hand", mutants=len(CHOSEN), killed=len(CHOSEN))


def test_same_tests_pass_without_a_change(tmp_path):
    copy_of_the_package(tmp_path)
    code, output = run(tmp_path, *sorted({f"tests/{danger.test}" for danger in CHOSEN.values()}))
    assert code == 0, output
