"""``manage.py authsignal_sync``, over the sandbox: what becomes of each kind of row, and what is told about it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from django_authsignal import signals
from django_authsignal.models import DailyFigure, TrackedAction
from django_authsignal.services.erasure import forget
from django_authsignal.testing import assert_step_up_required
from example_project.bank.seed import open_account

from .past import Past, drifts, everything, stands

HOURS = 3600


@pytest.fixture
def past(alice, authsignal):
    return Past(authsignal.store, alice)


def sync(**options):
    """Call the command; its summary."""
    out = StringIO()
    call_command("authsignal_sync", stdout=out, stderr=StringIO(), json=True, **options)
    return json.loads(out.getvalue())


def counts(summary):
    """What is not zero, but the numbers of rows and days."""
    return {name: count for name, count in summary.items() if count and name not in ("rows", "days")}


def asked(authsignal):
    """Who was asked about, call by call: 'list' or 'get'."""
    return ["get" if len(entry.segments) == 5 else "list" for entry in authsignal.requests]


# Rows whose answer was lost


@pytest.mark.parametrize("said", ["ALLOW", "CHALLENGE_REQUIRED", "CHALLENGE_SUCCEEDED"])
def test_row_whose_answer_was_lost_ends_and_is_never_granted(past, said):  # K2 K3
    row = past.row("created", said)
    assert counts(sync()) == {"recorded": 1, "lost": 1}
    assert stands(row) == ("void", "lost", said)
    assert (row.remote_state_source, row.spent_at, row.approved_at, row.ended_at is None) == ("sync", None, None, False)


def test_row_that_the_service_never_heard_of_ends(past):  # K1
    row = past.row("created")
    assert counts(sync()) == {"lost": 1}
    assert (stands(row), drifts(row)) == (("void", "lost", ""), [])


@pytest.mark.parametrize("said", ["BLOCK", "REVIEW_REQUIRED", "CHALLENGE_FAILED", "FROZEN"])
def test_lost_answer_that_was_a_no_is_told_as_one(past, said):  # K2
    row = past.row("created", said)
    assert counts(sync()) == {"recorded": 1, "revoked": 1}
    assert stands(row) == ("refused", "revoked", said)


def test_young_row_belongs_to_its_request(past, authsignal):
    row = past.row("created", "ALLOW", age=50)
    assert (counts(sync()), asked(authsignal), stands(row)) == ({}, [], ("created", "", ""))


def test_row_that_was_only_watched_ends_too(past):  # K2
    row = past.row("created", "ALLOW", enforced=False)
    sync()
    assert stands(row) == ("void", "lost", "ALLOW")


# Rows that wait


@pytest.mark.parametrize(
    ("status", "said"),
    [("pending", "CHALLENGE_REQUIRED"), ("pending", "CHALLENGE_SUCCEEDED"), ("approved", "CHALLENGE_SUCCEEDED")],
)
def test_row_that_nobody_came_back_for_ends(past, status, said):
    row = past.row(status, said, age=900)
    assert counts(sync())["expired"] == 1
    assert stands(row) == ("void", "expired", said if status == "approved" else "CHALLENGE_REQUIRED")


def test_row_with_a_clock_that_may_be_ahead_waits(past):  # T70
    row = past.row("pending", "CHALLENGE_REQUIRED", age=400)  # over for 100 seconds
    assert (counts(sync()), stands(row)[0]) == ({}, "pending")


def test_passed_challenge_is_recorded_but_never_approves(past):  # T58
    row = past.row("pending", age=60)
    past.says(row, "CHALLENGE_SUCCEEDED")
    assert counts(sync()) == {"recorded": 1}
    assert stands(row) == ("pending", "", "CHALLENGE_SUCCEEDED")
    assert row.approved_at is None


@pytest.mark.parametrize("status", ["pending", "approved"])
@pytest.mark.parametrize("said", ["BLOCK", "CHALLENGE_FAILED", "FROZEN"])
@pytest.mark.parametrize("age", [60, 900])
def test_veto_takes_back_what_is_not_used(past, status, said, age):
    heard = []
    row = past.row(status, age=age)
    past.says(row, said)

    def hear(action, **kwargs):
        heard.append(action.pk)

    signals.step_up_refused.connect(hear)
    assert sync()["revoked"] == 1
    assert stands(row) == ("refused", "revoked", said)


def test_approval_that_stands_stays_usable(past):
    row = past.row("approved", "CHALLENGE_SUCCEEDED", age=60)
    before = everything()
    assert (counts(sync()), stands(row)[0], everything()) == ({}, "approved", before)


# Rows that ended: drift


def granted(past, said, **fields):
    row = past.row("spent", **fields)
    past.says(row, said)
    return row


@pytest.mark.parametrize("said", ["BLOCK", "CHALLENGE_FAILED", "CHALLENGE_REQUIRED", "REVIEW_REQUIRED", "FROZEN"])
def test_grant_that_the_service_does_not_confirm_is_drift(past, said):
    row = granted(past, said)
    assert counts(sync()) == {"recorded": 1, "drift": 1}
    assert stands(row) == ("spent", "", said)
    assert drifts(row) == [f"granted, but Authsignal says {said}"]


@pytest.mark.parametrize("said", ["ALLOW", "CHALLENGE_SUCCEEDED", "REVIEW_SUCCEEDED"])
def test_grant_that_the_service_confirms_is_none(past, said):
    row = granted(past, said)
    assert ("drift" in counts(sync()), drifts(row)) == (False, [])


def test_approval_that_was_never_passed_is_drift(past):
    row = past.row("approved", "CHALLENGE_REQUIRED", age=60)
    assert (sync()["drift"], drifts(row)) == (1, ["granted, but Authsignal says CHALLENGE_REQUIRED"])


@pytest.mark.parametrize("status", ["spent", "approved", "pending", "refused"])
def test_answered_row_that_the_service_does_not_know_is_drift(past, status):
    row = past.row(status, age=60)
    assert counts(sync()) == {"drift": 1}
    assert (stands(row)[0], drifts(row)) == (status, ["answered, but Authsignal does not know it"])


@pytest.mark.parametrize("status", ["refused", "void"])
@pytest.mark.parametrize("said", ["ALLOW", "CHALLENGE_SUCCEEDED", "BLOCK"])
def test_what_became_of_a_row_that_granted_nothing_is_recorded_only(past, status, said):
    row = past.row(status)
    past.says(row, said)
    sync()
    assert (stands(row)[0], stands(row)[2], drifts(row)) == (status, said, [])


def test_drift_is_noted_once_however_often_it_is_seen(past):
    row, unknown = granted(past, "BLOCK"), past.row("spent")
    long = granted(past, "X" * 300)
    assert sync()["drift"] == 3
    seen = everything()
    assert (counts(sync()), everything()) == ({}, seen)
    assert [len(drifts(one)) for one in (row, unknown, long)] == [1, 1, 1]


def test_drift_that_goes_on_to_something_else_is_noted_again(past):
    row = granted(past, "CHALLENGE_REQUIRED")
    sync()
    past.says(row, "BLOCK")
    assert (sync()["drift"], len(drifts(row))) == (1, 2)


def test_veto_shuts_the_window_that_a_spent_row_opened(client, alice, authsignal, settings):  # T16
    settings.ROOT_URLCONF = "tests.journeys.urls"
    client.force_login(alice)
    assert client.get("/window/recheck/").content == b"done"
    action = TrackedAction.objects.get()
    Past(authsignal.store, alice).says(action, "BLOCK")
    assert client.get("/window/recheck/").content == b"done"  # nobody has told us yet
    sync()
    assert stands(action) == ("spent", "", "BLOCK")
    authsignal.challenge(action.action)
    assert_step_up_required(client.get("/window/recheck/"))


def test_only_what_ended_lately_is_compared(past):
    young, old = past.row("spent", age=23 * HOURS), past.row("spent", age=25 * HOURS)
    sync()
    assert (len(drifts(young)), drifts(old)) == (1, [])
    sync(hours=30)
    assert len(drifts(old)) == 1


def test_unfinished_rows_are_resolved_however_old_they_are(past):
    rows = [past.row(status, age=40 * 24 * HOURS) for status in ("created", "pending", "approved")]
    sync(hours=0)
    assert [stands(row)[0] for row in rows] == ["void"] * 3


# What is asked


def test_one_call_tells_all_about_a_user(past, alice, bob, authsignal):
    for user in (alice, bob):
        theirs = Past(authsignal.store, user)
        for status, said in [("spent", "CHALLENGE_SUCCEEDED"), ("refused", "BLOCK"), ("void", "ALLOW")]:
            theirs.row(status, said)
    assert sync()["rows"] == 6
    assert asked(authsignal) == ["list", "list"]


def test_list_is_asked_for_from_the_oldest_row_on(past, authsignal):
    old = past.row("spent", "CHALLENGE_SUCCEEDED", age=5 * HOURS)
    past.row("spent", "CHALLENGE_SUCCEEDED", age=1 * HOURS)
    sync()
    since = datetime.fromisoformat(authsignal.requests[0].query["fromDate"])
    assert timedelta(0) < old.created_at - since < timedelta(minutes=3)


def test_only_what_the_list_lacks_and_must_have_is_looked_up(past, authsignal):
    past.row("spent", "CHALLENGE_SUCCEEDED")
    past.row("spent")  # answered: the service must know it
    past.row("created")  # unfinished: it may
    past.row("void")  # the service could not be asked then: it need not
    sync()
    assert sorted(asked(authsignal)) == ["get", "get", "list"]


def test_action_older_than_the_list_goes_is_looked_up(past, authsignal):
    row = past.row("pending", "CHALLENGE_SUCCEEDED", age=31 * 24 * HOURS)
    assert counts(sync()) == {"expired": 1}
    assert (stands(row)[:2], asked(authsignal), drifts(row)) == (("void", "expired"), ["list", "get"], [])


def test_second_run_changes_nothing(past):
    for status in ("created", "pending", "approved", "spent", "refused", "void"):
        for said in ("ALLOW", "CHALLENGE_REQUIRED", "CHALLENGE_SUCCEEDED", "BLOCK", "FROZEN", None):
            past.row(status, said)
    assert sync()["rows"] == 36
    after = everything()
    assert (counts(sync()), everything()) == ({}, after)


@pytest.mark.parametrize("fields", [{"environment": "live"}, {"tenant": "another"}])
def test_rows_of_another_environment_or_tenant_are_left_alone(past, authsignal, fields):  # T48
    row = past.row("created", "ALLOW", **fields)
    assert (sync()["rows"], stands(row)[0], asked(authsignal)) == (0, "created", [])


def test_rows_of_the_configured_tenant_are_looked_at(past, settings):
    settings.AUTHSIGNAL_TENANT_ID = "ours"
    row = past.row("created", "ALLOW", tenant="ours")
    sync()
    assert stands(row)[:2] == ("void", "lost")


@pytest.mark.parametrize("name", ["username", "pk"])
def test_one_user_alone_can_be_reconciled(past, alice, bob, authsignal, name):
    his = Past(authsignal.store, bob).row()
    hers = past.row()
    assert sync(user=str(getattr(alice, name)))["rows"] == 1
    assert (stands(hers)[0], stands(his)[0]) == ("void", "created")


def test_rows_of_a_deleted_user_are_reconciled_by_their_id(past, alice, authsignal):  # T69
    row = past.row("spent")
    past.says(row, "BLOCK")
    alice.delete()
    assert (sync()["drift"], stands(row)) == (1, ("spent", "", "BLOCK"))


def test_erased_rows_are_nobodys_drift(past, alice, authsignal):  # T69
    rows = [past.row(status, "ALLOW") for status in ("created", "spent")]
    forget(str(alice.pk))
    before = everything()
    assert (sync()["rows"], everything()) == (0, before)
    assert [drifts(row) for row in rows] == [[], []]


# What is told


def test_table_is_for_people(past):
    past.row("created")
    granted(past, "BLOCK")
    out = StringIO()
    call_command("authsignal_sync", stdout=out, stderr=StringIO())
    assert [line.split(maxsplit=1) for line in out.getvalue().splitlines()][:6] == [
        ["2", "rows looked at"],
        ["1", "news recorded"],
        ["0", "taken back by Authsignal"],
        ["1", "ended, as no answer ever arrived"],
        ["0", "ended, as nobody came back in time"],
        ["1", "drift: Authsignal and the history contradict each other"],
    ]


def test_json_is_one_object_and_nothing_else(past):
    past.row("created", "ALLOW")
    out = StringIO()
    call_command("authsignal_sync", "--json", "--hours", "1", "--workers", "2", stdout=out, stderr=StringIO())
    told = json.loads(out.getvalue())
    assert told.pop("days") in (1, 2)  # midnight can have passed
    assert told == {
        **{"rows": 1, "recorded": 1, "revoked": 0, "lost": 1, "expired": 0, "drift": 0, "unreadable": 0},
        **{"unanswered": 0, "exit_code": 0},
    }


def failing(**options):
    """The exit code of a run that complains, and its summary."""
    out = StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("authsignal_sync", stdout=out, stderr=StringIO(), json=True, **options)
    return caught.value.returncode, json.loads(out.getvalue())


def test_drift_can_be_an_exit_code(past):
    granted(past, "BLOCK")
    code, summary = failing(fail_on_drift=True)
    assert (code, summary["exit_code"], summary["drift"]) == (4, 4, 1)
    assert sync(fail_on_drift=True)["exit_code"] == 0  # noted once


def test_unknown_user_is_an_exit_code(db, authsignal):
    with pytest.raises(CommandError) as caught:
        sync(user="nobody")
    assert caught.value.returncode == 3


def test_settings_that_cannot_work_are_an_exit_code(past, settings):
    settings.AUTHSIGNAL_API_URL = "http://elsewhere.example/v1"
    assert failing()[0] == 1


@pytest.mark.parametrize(
    "option", [["--workers", "0"], ["--workers", "17"], ["--hours", "-1"], ["--hours", "721"], ["--hours", "x"]]
)
def test_numbers_out_of_range_are_refused(db, option):
    with pytest.raises(CommandError, match="whole number from"):
        call_command("authsignal_sync", *option)


def test_exit_codes_are_in_the_help(capsys):
    with pytest.raises(SystemExit):
        call_command("authsignal_sync", "--help")
    shown = capsys.readouterr().out
    assert all(f"\n  {code}  " in shown for code in (0, 1, 2, 3, 4, 5, 6, 130))


def test_figures_are_kept_unless_somebody_says_no(past):
    past.row("spent", "CHALLENGE_SUCCEEDED", age=60)
    assert (sync(figures=False)["days"], DailyFigure.objects.count()) == (0, 0)
    assert sync()["days"] >= 1
    assert DailyFigure.objects.filter(name="outcome", label="verified", value=1).exists()


def test_outage_does_not_keep_the_figures_back(past, authsignal):
    past.row("created")
    authsignal.down()
    assert failing()[1]["days"] >= 1
    assert DailyFigure.objects.filter(name="outages").exists()


class Terminal(StringIO):
    def isatty(self):
        return True


def test_progress_is_shown_to_whoever_watches_unless_silenced(past):
    pytest.importorskip("tqdm")
    past.row()
    watched, silent = Terminal(), Terminal()
    call_command("authsignal_sync", stdout=StringIO(), stderr=watched)
    call_command("authsignal_sync", stdout=StringIO(), stderr=silent, verbosity=0)
    assert ("Rows: 100%" in watched.getvalue(), silent.getvalue()) == (True, "")


@pytest.mark.parametrize("json", [False, True])
def test_cron_gets_no_mail_of_a_run_that_went_well(past, json):
    past.row("created", "ALLOW")
    out = StringIO()
    call_command("authsignal_sync", stdout=out, stderr=out, verbosity=0, json=json)
    assert out.getvalue().startswith('{"rows": 1') if json else out.getvalue() == ""


def test_report_tells_no_name_or_address(past, alice):  # T68
    granted(past, "BLOCK")
    out = StringIO()
    call_command("authsignal_sync", stdout=out, stderr=out)
    assert alice.username not in out.getvalue()


def test_other_users_are_never_asked_about(past, authsignal):
    open_account("bystander")
    past.row("created")
    sync()
    assert {entry.segments[1] for entry in authsignal.requests} == {str(past.user.pk)}
