"""``manage.py authsignal_forget``: what is erased where, what stays, and that it can be run again."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from django_authsignal.management.commands.authsignal_forget import Command
from django_authsignal.models import ActionEvent, Status, TrackedAction
from django_authsignal.services import erasure
from django_authsignal.services.erasure import forget
from django_authsignal.testing import complete_step_up
from example_project.bank.seed import open_account
from tests.gated import broken_database
from tests.journeys.steps import Edge, press_continue

from .test_authsignal_prune import approved, claim_of

pytestmark = pytest.mark.django_db

KEPT = "A Django account, if there is one, and its sessions are not deleted: that is yours to do."


def run(*args, **options):
    """What the command prints, line by line."""
    out = StringIO()
    call_command("authsignal_forget", *args, stdout=out, no_color=True, **options)
    return out.getvalue().splitlines()


def exit_of(*args, **options):
    """The exit code and the message of a run that fails."""
    with pytest.raises(CommandError) as caught:
        run(*args, **options)
    return caught.value.returncode, str(caught.value)


def history(status=Status.SPENT, *, known_as, user=None, **values):
    """An action with everything that a row can hold of a person."""
    now = timezone.now()
    times = {"spent_at": now} if status == Status.SPENT else {"expires_at": now, "approved_at": now}
    personal = {"ip_address": "203.0.113.7", "return_path": "/a/", "binding": "b", "channel": "c", "auth_hash": "h"}
    known = {"user": user, "authsignal_user_id": known_as, "environment": "sandbox", "action": "pay", "created_at": now}
    return TrackedAction.objects.create(status=status, **personal | times | known | values)


@pytest.fixture
def alices(alice, bank):
    """Three finished actions and an approval of Alice's, and one of Bob's; Authsignal knows both."""
    for _ in range(3):
        history(known_as=str(alice.pk), user=alice).note(ActionEvent.Kind.LIFTED, "Alice Example called, +64211234567")
    client = bank.sign_in(alice)
    complete_step_up(client, bank.transfer(client))
    bank.transfer(bank.sign_in(open_account("bob")))
    return TrackedAction.objects.filter(user=alice)


def written_of(authsignal):
    """Method, path and query of what was changed at the service."""
    return [(entry.method, entry.path, entry.query) for entry in authsignal.requests if entry.method == "DELETE"]


def stored():
    tables = (TrackedAction, ActionEvent)
    return [list(table.objects.order_by("pk").values()) for table in tables]


# What is erased


def test_person_is_taken_out_of_every_action(alice, alices):
    keys = list(alices.values_list("pk", flat=True))
    first, kept = run("alice")
    pseudonym = re.fullmatch(
        r"Erased: 4 actions, 1 of them unfinished, now under (forgotten-[-0-9a-f]{36}); deleted at Authsignal\.", first
    )[1]
    assert kept == KEPT
    rows = TrackedAction.objects.filter(pk__in=keys)
    assert set(rows.values_list("user", "authsignal_user_id", "ip_address", "return_path")) == {
        (None, pseudonym, None, "")
    }
    assert set(rows.values_list("binding", "channel", "auth_hash")) == {("", "", "")}


def test_what_was_decided_stays(alice, alices):
    columns = ("pk", "action", "idempotency_key", "created_at", "spent_at", "remote_state", "route", "method")
    before = list(alices.order_by("pk").values_list(*columns))
    run("alice")
    assert list(TrackedAction.objects.filter(user=None).order_by("pk").values_list(*columns)) == before


def test_words_that_staff_typed_go_and_that_they_did_it_stays(alice, alices):
    run("alice")
    events = ActionEvent.objects.exclude(kind="forgotten")
    assert list(events.values_list("kind", "detail")) == [("lifted", "")] * 3


def test_unfinished_actions_end_first_and_can_never_be_used(alice, bank):
    client = bank.sign_in(alice)
    holding = bank.transfer(client)
    complete_step_up(client, holding)
    run("alice")
    assert list(TrackedAction.objects.values_list("status", "reason")) == [("void", "forgotten")]
    assert press_continue(client, holding).step_up.outcome == "enrol"  # Authsignal knows the account as a new one
    assert bank.ledger == []


def test_user_and_actions_are_deleted_at_authsignal(alice, alices, bank):
    run("alice")
    assert written_of(bank.authsignal) == [("DELETE", f"/v1/users/{alice.pk}", {"actions": "true"})]
    assert bank.authsignal.store.actions(str(alice.pk)) == ()


def test_nobody_else_is_touched(alice, alices):
    others = TrackedAction.objects.exclude(user=alice)
    before = list(others.values())
    run("alice")
    assert list(TrackedAction.objects.exclude(user=None).values()) == before


def test_line_without_personal_data_is_left_in_the_history_and_the_log(alice, alices, caplog):
    caplog.set_level("INFO", "django_authsignal")
    newest = alices.latest("pk")
    run("alice")
    [event] = ActionEvent.objects.filter(kind="forgotten")
    newest.refresh_from_db()
    assert (event.action, event.detail) == (newest, "deleted at Authsignal too")
    assert caplog.messages[-1] == (
        f"a user was erased: 4 actions are {newest.authsignal_user_id} now; deleted at Authsignal too"
    )


def test_nothing_printed_or_logged_names_the_person(alice, alices, caplog):  # T68
    caplog.set_level("INFO", "django_authsignal")
    caplog.clear()
    printed = "\n".join([*run("alice", dry_run=True), *run("alice")]) + caplog.text
    assert not any(word in printed for word in ("alice", "Alice", "+64", f"users/{alice.pk}"))


def test_long_history_is_erased_in_batches(alice, monkeypatch, authsignal):
    monkeypatch.setattr(erasure, "BATCH", 2)
    for _ in range(5):
        history(known_as=str(alice.pk), user=alice)
    assert run("alice")[0].startswith("Erased: 5 actions")
    assert not TrackedAction.objects.filter(user=alice).exists()


def test_account_itself_stays(alice, alices):
    run("alice")
    assert get_user_model().objects.filter(pk=alice.pk).exists()


# Whom


def test_deleted_account_is_forgotten_by_its_id(alice, alices, bank):  # A44
    known_as = str(alice.pk)
    alice.account.delete()
    alice.delete()
    assert TrackedAction.objects.filter(authsignal_user_id=known_as).count() == 4  # the record stays until then
    assert run(authsignal_id=known_as)[0].startswith("Erased: 4 actions, 0 of them unfinished")
    assert not TrackedAction.objects.filter(authsignal_user_id=known_as).exists()
    assert len(written_of(bank.authsignal)) == 1


def test_ids_of_a_former_setting_are_forgotten_too(alice, authsignal, settings):
    history(known_as="former", user=alice)
    history(known_as=str(alice.pk), user=alice)
    settings.AUTHSIGNAL_USER_ID = lambda user: f"new-{user.pk}"
    assert [line.split(",")[0] for line in run("alice")] == [
        "Erased: 0 actions",
        "Erased: 1 actions",
        "Erased: 1 actions",
        KEPT.split(",")[0],
    ]
    assert [path for _, path, _ in written_of(authsignal)] == [
        f"/v1/users/new-{alice.pk}",
        f"/v1/users/{alice.pk}",
        "/v1/users/former",
    ]


@pytest.mark.parametrize("user", ["nobody", "999999", ""])
def test_unknown_user_is_refused(alice, alices, bank, user):
    calls, before = len(bank.authsignal.requests), stored()
    advice = "If the account is deleted, use --authsignal-id."
    assert exit_of(user) == (3, f"No user has the name or primary key {user!r}. {advice}")
    assert (len(bank.authsignal.requests), stored()) == (calls, before)


@pytest.mark.parametrize("arguments", [[], ["alice", "--authsignal-id", "7"]], ids=["nobody", "both"])
def test_one_person_is_named_in_one_way(capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        Command().run_from_argv(["manage.py", "authsignal_forget", *arguments])
    assert caught.value.code == 2


def test_other_environment_and_tenant_are_left_alone_and_told(alice, authsignal):
    for environment, tenant in (("sandbox", ""), ("live", ""), ("sandbox", "other")):
        history(known_as=str(alice.pk), user=alice, environment=environment, tenant=tenant)
    assert run("alice")[0].endswith(
        "deleted at Authsignal. 2 actions of this id in another environment or tenant are left alone."
    )
    assert TrackedAction.objects.filter(user=alice).count() == 2


# Again, partly, not at all


def test_dry_run_counts_and_changes_nothing(alice, alices, bank):  # T68
    before = stored()
    assert run("alice", dry_run=True) == [
        "Would erase (dry run): 4 actions, 1 of them unfinished; deleted at Authsignal."
    ]
    assert (stored(), written_of(bank.authsignal)) == (before, [])


def test_local_only_asks_nobody(alice, alices, bank):
    calls = len(bank.authsignal.requests)
    assert run("alice", local_only=True)[0].endswith("; not deleted at Authsignal.")
    assert len(bank.authsignal.requests) == calls
    assert ActionEvent.objects.get(kind="forgotten").detail == "not deleted at Authsignal"


def test_second_run_finds_nothing_more(alice, alices):
    run("alice")
    before = stored()
    assert run("alice")[0] == "Erased: 0 actions, 0 of them unfinished; deleted at Authsignal."
    assert stored() == before


def test_service_that_is_down_leaves_everything_for_a_second_run(alice, alices, bank):
    bank.authsignal.down()
    code, message = exit_of("alice")
    assert (code, message.endswith("here yet.") and "authsignal_sandbox running? DELETE" in message) == (6, True)
    assert "Unfinished actions under this id are ended" in message
    assert alices.count() == 4  # only the approval is ended
    assert alices.filter(status="void", reason="forgotten").count() == 1
    bank.authsignal.up()
    assert run("alice")[0].startswith("Erased: 4 actions")


@pytest.mark.parametrize(("status", "code"), [(401, 5), (400, 1)])
def test_refusal_of_the_service_erases_nothing_here(alice, alices, bank, status, code):
    bank.authsignal.fail_next(status)
    assert exit_of("alice")[0] == code
    assert alices.count() == 4


def test_user_that_authsignal_does_not_have_any_more_counts_as_deleted(alice, alices, bank):
    bank.authsignal.fail_next(404)
    assert run("alice")[0].endswith("deleted at Authsignal.")


def test_id_that_no_call_can_name_is_refused(authsignal):
    code, message = exit_of(authsignal_id="..")
    assert (code, message.startswith("Not erased.")) == (1, True)
    assert authsignal.requests == []


def test_settings_that_cannot_work_are_exit_code_1(alice, alices, settings):
    settings.AUTHSIGNAL_SECRET = "a live key for a sandbox address"
    assert exit_of("alice")[0] == 1
    assert alices.count() == 4


@pytest.mark.django_db(transaction=True)
def test_database_that_fails_half_way_leaves_the_rest_for_a_second_run(alice, monkeypatch, authsignal):
    monkeypatch.setattr(erasure, "BATCH", 1)
    for _ in range(3):
        history(known_as=str(alice.pk), user=alice)
    with broken_database("UPDATE", "ip_address", error=OperationalError):
        code, message = exit_of("alice")
    assert (code, message) == (6, "The database failed: run it again. the database is gone")
    assert TrackedAction.objects.filter(user=alice).count() == 3
    assert run("alice")[0].startswith("Erased: 3 actions")


@pytest.mark.django_db(transaction=True)
def test_interruption_leaves_the_rest_for_a_second_run(alice, monkeypatch, authsignal):
    monkeypatch.setattr(erasure, "BATCH", 1)
    for _ in range(3):
        history(known_as=str(alice.pk), user=alice)
    scrubs = []

    def interrupt(execute, sql, params, many, context):
        scrubs.extend([sql] if sql.startswith("UPDATE") and "ip_address" in sql else [])
        if len(scrubs) == 2:
            raise KeyboardInterrupt
        return execute(sql, params, many, context)

    with connection.execute_wrapper(interrupt):
        assert exit_of("alice")[0] == 130
    assert TrackedAction.objects.filter(user=alice).count() == 2
    assert ActionEvent.objects.filter(kind="forgotten").count() == 1  # recorded before it begins
    assert run("alice")[0].startswith("Erased: 2 actions")


@pytest.mark.django_db(transaction=True)
def test_erasure_inside_a_transaction_is_refused_before_anything_is_deleted(alice, authsignal):
    """A rollback would bring back here what is gone there."""
    history(known_as=str(alice.pk), user=alice)
    with transaction.atomic(), pytest.raises(RuntimeError):
        forget(str(alice.pk))
    assert (authsignal.requests, TrackedAction.objects.filter(user=alice).count()) == ([], 1)


@pytest.mark.parametrize("word", ["SELECT", "UPDATE"])
def test_nothing_is_said_to_have_ended_when_nothing_has(alice, alices, bank, word):
    """The user cannot be looked up; or whoever is, can be read only, as with a locked file."""
    with broken_database(word):
        assert exit_of("alice") == (6, "The database failed: run it again. the database is gone")
    assert alices.filter(status="approved").count() == 1
    assert written_of(bank.authsignal) == []


# Beside a request of the same person


def test_action_that_is_begun_meanwhile_is_ended_and_erased_too(alice, bank, settings):
    """While Authsignal deletes the user, a request of the person gets an approval."""
    settings.AUTHSIGNAL_ADAPTER = Edge(bank.authsignal.store)
    claim = claim_of(1, alice)
    settings.AUTHSIGNAL_ADAPTER.during(f"/users/{claim.authsignal_user_id}", lambda: approved(claim))
    forget(claim.authsignal_user_id)
    [row] = settings.AUTHSIGNAL_ADAPTER.results
    assert not row.spend(claim)
    row.refresh_from_db()
    assert (row.status, row.reason, row.user) == ("void", "forgotten", None)


def test_approval_that_a_request_holds_already_is_not_spent(alice, authsignal):
    claim = claim_of(1, alice)
    row = approved(claim)
    held = TrackedAction.objects.get(pk=row.pk)
    forget(claim.authsignal_user_id)
    assert not held.spend(claim)


# As a process


def test_help_lists_the_exit_codes(capsys):
    with pytest.raises(SystemExit):
        Command().run_from_argv(["manage.py", "authsignal_forget", "--help"])
    printed = capsys.readouterr().out
    for code in (0, 1, 2, 3, 5, 6, 130):
        assert f"\n  {code}  " in printed
