"""The reference and the README's tables tell what the code has: no less, and nothing else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest
from django.dispatch import Signal

import django_authsignal
from django_authsignal import conf, policy, signals
from django_authsignal.models import TrackedAction
from django_authsignal.sandbox.rules import Outcome, Rules
from django_authsignal.sandbox.server import SandboxServer
from django_authsignal.sandbox.store import Store

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PACKAGE = ROOT / "django_authsignal"
README = (ROOT / "README.md").read_text()
PAGES = "\n".join(page.read_text() for page in (DOCS / "reference").glob("*.md"))
ROW = re.compile(r"^\| (`.+?) \| (.+?) \|", re.MULTILINE)
IN_WORDS = {
    "AUTHSIGNAL_SITE_URL": "required unless `DEBUG`",
    "AUTHSIGNAL_REGION": "`us`",
    "AUTHSIGNAL_API_URL": "`us`",
    "AUTHSIGNAL_USER_ID": "`str(user.pk)`",
    "AUTHSIGNAL_ADAPTER": "our own pool",
    "AUTHSIGNAL_SIGN_IN_ACTION": "none",
    "action": "the view's name",
    "methods": "all",
    "bind": "nothing named",
    "when": "always",
    "unenrolled": '`"enrol"`',
    "verification_methods": "any",
    "mode": '`"enforce"`',
}
"""What the README says in place of a default that stands for something else."""


def sources():
    """The text of every module of the package."""
    return [path.read_text() for path in PACKAGE.rglob("*.py")]


def makes_checks(text):
    return "django_authsignal.checks.messages" in text or "django.core import checks" in text


@pytest.fixture(scope="module")
def reference():
    """The extension that makes the reference's tables; it needs no Sphinx."""
    sys.path.insert(0, str(DOCS / "_ext"))
    yield [import_module(f"authsignal_{name}") for name in ("facts", "checks", "history")]
    sys.path.remove(str(DOCS / "_ext"))


def rows_of(heading):
    """Name -> default, as the README's table below *heading* says."""
    table = README.partition(f"{heading}\n")[2].partition("\n#")[0]
    return {name: default for names, default in ROW.findall(table) for name in re.findall(r"`(\w+)`", names)}


def names_and_defaults(table):
    return {name: row[2] for row in table.rows for name in re.findall(r"`(\w+)`", row[0])}


def bare(default):
    """A default without its looks: 300, `300` and `"enforce"`, `enforce` are the same."""
    return default.replace('`""`', "").strip('`"').lower()


@pytest.mark.parametrize(
    ("heading", "table"), [("## Settings", "settings_table"), ("### All arguments", "policy_table")]
)
def test_readme_has_every_name_with_its_default(reference, heading, table):
    code, readme = names_and_defaults(getattr(reference[0], table)()), rows_of(heading)
    assert readme.keys() == code.keys()
    assert {name: bare(default) for name, default in readme.items()} == {
        name: bare(IN_WORDS.get(name, default)) for name, default in code.items()
    }


def test_reference_has_every_setting_that_is_read(reference):
    read = set(
        re.findall(r'\b_(?:get|text|integer|choice|function|sealed)\("(\w+)"', (PACKAGE / "conf.py").read_text())
    )
    told = names_and_defaults(reference[0].settings_table())
    assert told.keys() == {f"AUTHSIGNAL_{name}" for name in read}
    assert {name for name, value in vars(conf.AppSettings).items() if isinstance(value, property)} <= read


def test_reference_has_every_policy_argument(reference):
    told = [row[0].strip("`") for row in reference[0].policy_table().rows]
    assert told == [field.name for field in fields(policy.StepUpPolicy)]
    assert {*told} == {"action", *policy.PolicyArguments.__annotations__}


def test_reference_has_every_check_that_is_raised(reference):
    raised = set()
    for text in filter(makes_checks, sources()):
        raised |= {
            f"{kind[0].upper()}{int(number):03}" for kind, number in re.findall(r"\b(error|warning)\((\d+),", text)
        }
        raised |= set(re.findall(r'id="authsignal\.([EW]\d{3})"', text))
    rows = {row[0].strip("`").removeprefix("authsignal."): row for row in reference[1].checks_table().rows}
    assert rows.keys() == raised
    assert all(all(row) for row in rows.values())
    assert rows["E007"][1:] == (
        "**Error: time zones.** USE_TZ is False: local times jump, and approvals with them.",
        "Set USE_TZ = True.",
    )
    assert rows["W001"][1].endswith("The view at … (action …) lets requests pass while Authsignal cannot be reached.")


def test_reference_has_every_signal(reference):
    made = {name for name, value in vars(signals).items() if isinstance(value, Signal)}
    rows = {row[0].strip("`"): row[1:] for row in reference[2].signals_table().rows}
    assert rows.keys() == made
    assert all(all(row) for row in rows.values())
    assert rows["step_up_bypassed"][0] == "`action`, `reason`"
    assert rows["enrolment_changed"][0] == "`user`, `change`, `verification_method`, `source`"


def test_reference_has_every_command_and_option(reference):
    told = {command.name: command for command in reference[0].commands()}
    assert told.keys() == {path.stem for path in (PACKAGE / "management" / "commands").glob("[!_]*.py")}
    for name, command in told.items():
        text = (PACKAGE / "management" / "commands" / f"{name}.py").read_text()
        options = set(re.findall(r'\b(?:add|add_argument)\(\s*"(--[\w-]+)"', text))
        assert options == set(re.findall(r"--[\w-]+", " ".join(row[0] for row in command.options.rows)))


def test_history_hides_digests_and_leaves_nothing_else_out(reference):
    told = {row[0].strip("`") for row in reference[2].fields_table().rows}
    held = {field.name for field in TrackedAction._meta.fields}
    assert held - told == {"id", "binding", "channel", "auth_hash"}


def test_every_outcome_and_member_is_told(reference):
    assert all(row[0] and row[-1] for row in reference[0].answers_table().rows)
    assert all(row[0] and row[-1] for row in reference[0].problem_table().rows)


def test_every_table_stands_on_a_page(reference):
    asked = set(re.findall(r"^```\{authsignal\} (\w+)$", PAGES, re.MULTILINE))
    assert asked == {*reference[0].TABLES, *reference[2].TABLES, "checks", "commands", "testing"}


@pytest.mark.parametrize(
    "module", ["shortcuts", "contrib.admin", "mixins", "middleware", "exceptions", "templatetags.authsignal"]
)
def test_every_public_name_stands_on_a_page(module):
    names = import_module(f"django_authsignal.{module}").__all__
    assert [name for name in names if not re.search(rf"\b{name}\b", PAGES)] == []


@pytest.mark.parametrize(
    ("outcome", "printed"),
    [(Outcome.ALLOW, "go on"), (Outcome.CHALLENGE, "verify at http://"), (Outcome.BLOCK, "no: BLOCK")],
)
def test_client_example_runs_without_django(outcome, printed):
    store = Store(Rules(enrol_everyone=True), secret="sandbox_reference")
    store.force("withdrawFunds", outcome)
    with SandboxServer(store) as server:
        variables = os.environ | {"AUTHSIGNAL_SECRET": store.secret, "AUTHSIGNAL_API_URL": f"{server.url}/v1"}
        variables.pop("DJANGO_SETTINGS_MODULE", None)
        script = "import runpy, sys; runpy.run_path(sys.argv[1]); assert 'django' not in sys.modules"
        done = subprocess.run(
            [sys.executable, "-c", script, str(DOCS / "reference" / "client_example.py")],
            env=variables,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(printed)


def test_changelog_names_this_version():
    version = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert version
    assert version[1] == django_authsignal.__version__
