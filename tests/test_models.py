"""Rows move forward only, once, and repeat every condition when they do."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.connection import ConnectionDoesNotExist

from django_authsignal.claims import Claim
from django_authsignal.models import ActionEvent, DailyFigure, Status, TrackedAction, WebhookEvent
from django_authsignal.querysets import committed
from django_authsignal.statuses import LIVE, UNFINISHED, Word

from .gated import broken_database

NOW = timezone.now


@pytest.fixture
def claim(alice):
    return Claim(
        user_pk=alice.pk,
        authsignal_user_id="7",
        tenant="t",
        environment="sandbox",
        action="pay",
        route="pay/",
        method="POST",
        bindings=("bound", "bound before"),
        channels=("channel", "channel before"),
        auth_hashes=("hash", "hash before"),
    )


def begin(claim, status=Status.CREATED, **values):
    row = TrackedAction.objects.begin(claim, enforced=True)
    if status != Status.CREATED:
        values = {"expires_at": NOW() + timedelta(seconds=300)} | values
        values |= {"approved_at": NOW(), "remote_state": "CHALLENGE_SUCCEEDED"} if status == Status.APPROVED else {}
        values |= {"spent_at": NOW()} if status == Status.SPENT else {}
        TrackedAction.objects.filter(pk=row.pk).update(status=status, **values)
        row.refresh_from_db()
    return row


def stored(row):
    return TrackedAction.objects.get(pk=row.pk)


# Moves


def test_row_begins_committed_with_a_fresh_key(claim):
    one, other = begin(claim), begin(claim)
    assert one.idempotency_key.version == 4
    assert one.idempotency_key != other.idempotency_key
    assert (one.status, one.binding, one.channel, one.auth_hash) == (Status.CREATED, "bound", "channel", "hash")


def test_row_begins_where_the_router_says_with_all_that_was_claimed(claim, settings):
    settings.DATABASE_ROUTERS = [ReadsElsewhere()]
    row = begin(replace(claim, ip_address="192.0.2.1", return_path="/pay/"))
    settings.DATABASE_ROUTERS = []
    known = stored(row)
    assert (known.ip_address, known.return_path, known.tenant) == ("192.0.2.1", "/pay/", "t")


@pytest.mark.parametrize("status", Status)
def test_challenge_starts_from_created_only(claim, status):
    row = begin(claim, status)
    moved = row.challenge({"is_enrolled": True}, NOW() + timedelta(seconds=600))
    assert moved is (status == Status.CREATED)
    assert stored(row).status == (Status.PENDING if moved else status)


@pytest.mark.parametrize("status", Status)
def test_first_answer_allow_spends_from_created_only(claim, status):
    row = begin(claim, status)
    moved = row.allow({"remote_state": "ALLOW"})
    assert moved is (status == Status.CREATED)
    assert (stored(row).spent_at is not None) is (status in (Status.CREATED, Status.SPENT))


@pytest.mark.parametrize("status", Status)
def test_approval_comes_from_pending_only(claim, status):
    row = begin(claim, status)
    assert row.approve({}, NOW(), timedelta(seconds=300)) is (status == Status.PENDING)


@pytest.mark.parametrize("age", [601, -121])
def test_challenge_out_of_its_time_is_not_approved(claim, age):  # T17, T70
    row = begin(claim)
    row.challenge({}, NOW() + timedelta(seconds=600))
    with time_machine.travel(NOW() + timedelta(seconds=age)):
        assert not row.approve({}, NOW(), timedelta(seconds=300))
    assert stored(row).status == Status.PENDING


@pytest.mark.parametrize("status", Status)
def test_only_unfinished_rows_end(claim, status):
    row = begin(claim, status)
    assert row.end(Status.VOID, "because") is (status in UNFINISHED)
    assert (stored(row).reason == "because") is (status in UNFINISHED)


def test_row_that_ends_knows_when(claim):
    row = begin(claim)
    assert row.end(Status.VOID, "expired")
    assert abs(stored(row).ended_at - NOW()) < timedelta(seconds=5)


def test_row_that_ends_forgets_where_it_came_from(claim):  # T27
    for finish in (lambda row: row.end(Status.VOID, "x"), lambda row: row.allow({}), lambda row: row.spend(claim)):
        row = begin(replace(claim, return_path="/pay/"))
        if finish(row) is False:
            row = begin(replace(claim, return_path="/pay/"), Status.APPROVED)
            assert finish(row)
        assert (row.return_path, stored(row).return_path) == ("", "")


def test_move_that_fails_changes_nothing_in_memory(claim):
    row = begin(claim, Status.SPENT)
    assert not row.end(Status.VOID, "x")
    assert (row.status, row.reason, row.ended_at) == (Status.SPENT, "", None)


# Spending


def test_approval_is_spent_once(claim):  # T6
    row = begin(claim, Status.APPROVED)
    assert [stored(row).spend(claim) for _ in range(3)] == [True, False, False]
    assert stored(row).status == Status.SPENT


@pytest.mark.parametrize("status", [status for status in Status if status != Status.APPROVED])
def test_nothing_but_an_approval_is_spent(claim, status):
    assert not begin(claim, status).spend(claim)


@pytest.mark.parametrize(
    "change",
    [
        {"authsignal_user_id": "8"},
        {"tenant": ""},
        {"environment": "live"},
        {"action": "look"},
        {"route": "other/"},
        {"method": "PUT"},
        {"bindings": ("other",)},
        {"channels": ("other",)},
        {"channels": ()},
        {"auth_hashes": ("other",)},
    ],
    ids=lambda change: "-".join(change),
)
def test_claim_that_differs_in_one_point_spends_nothing(claim, change):  # T2 to T4, T21, T22, T47
    row = begin(claim, Status.APPROVED)
    assert not row.spend(replace(claim, **change))
    assert stored(row).status == Status.APPROVED


def test_claim_of_another_user_spends_nothing(claim, bob):  # T2
    row = begin(claim, Status.APPROVED)
    assert not row.spend(replace(claim, user_pk=bob.pk))


def test_digests_of_a_former_secret_key_still_fit(claim):
    former = replace(claim, bindings=("bound before",), channels=("channel before",), auth_hashes=("hash before",))
    row = begin(former, Status.APPROVED)
    assert row.fits(claim)
    assert row.spend(claim)


@pytest.mark.parametrize(
    "change",
    [{"remote_state": state} for state in ("CHALLENGE_FAILED", "BLOCK", "", "ALLOW")]
    + [{"expires_at": -1}, {"approved_at": 121}, {"user": None}],
    ids=str,
)
def test_row_that_changed_meanwhile_is_not_spent(claim, change):  # T16, T69, T70
    row = begin(claim, Status.APPROVED)
    times = {name: NOW() + timedelta(seconds=value) for name, value in change.items() if isinstance(value, int)}
    TrackedAction.objects.filter(pk=row.pk).update(**change | times)
    assert not row.spend(claim)


def test_row_outside_enforcement_is_never_spent(claim):
    row = TrackedAction.objects.begin(claim, enforced=False)
    assert not row.challenge({}, NOW() + timedelta(seconds=600))  # the database refuses a live one
    assert not row.spend(claim)


# Freshness


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, True), (299, True), (300, False), (-120, True), (-121, False), (-86_400, False)]
)
def test_row_is_fresh_between_its_times(claim, seconds, expected):  # T17, T70
    row = begin(claim)
    row.created_at = NOW()
    row.expires_at = row.created_at + timedelta(seconds=300)
    assert row.is_fresh(row.created_at + timedelta(seconds=seconds)) is expected


def test_approval_is_fresh_from_when_it_was_given(claim):
    row = begin(claim, Status.APPROVED)
    row.approved_at = row.created_at + timedelta(seconds=500)
    row.expires_at = row.approved_at + timedelta(seconds=300)
    assert not row.is_fresh(row.created_at)
    assert row.is_fresh(row.approved_at)


def test_row_without_an_end_is_not_fresh(claim):
    assert not begin(claim).is_fresh(NOW())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("authsignal_user_id", "8"),
        ("tenant", ""),
        ("environment", "live"),
        ("route", "x"),
        ("method", "GET"),
        ("binding", "x"),
        ("auth_hash", "x"),
    ],
)
def test_row_fits_a_claim_in_every_point(claim, field, value):
    row = begin(claim)
    assert row.fits(claim)
    setattr(row, field, value)
    assert not row.fits(claim)


# Sets


def test_look_never_finds_rows_that_only_record(claim):
    row = TrackedAction.objects.begin(claim, enforced=False)
    assert TrackedAction.objects.look(replace(claim, key=row.idempotency_key), spent=True) == []


def test_look_finds_the_named_row_and_the_live_one(claim):
    spent, live = begin(claim, Status.SPENT), begin(claim, Status.PENDING)
    begin(claim, Status.VOID)
    begin(replace(claim, bindings=("other",)), Status.PENDING)
    named = replace(claim, key=spent.idempotency_key)
    assert {row.pk for row in TrackedAction.objects.look(named)} == {spent.pk, live.pk}
    assert {row.pk for row in TrackedAction.objects.look(claim)} == {live.pk}
    assert TrackedAction.objects.look(replace(named, channels=())) == []


def test_look_never_finds_rows_of_others(claim, bob):  # T2, T21
    row = begin(claim, Status.SPENT)
    named = replace(claim, key=row.idempotency_key)
    for change in ({"user_pk": bob.pk}, {"channels": ("other",)}, {"action": "look"}):
        assert TrackedAction.objects.look(replace(named, **change)) == []


def test_nobody_returns_to_a_row_that_only_records(claim, alice):
    row = TrackedAction.objects.begin(claim, enforced=False)
    assert TrackedAction.objects.returning(alice.pk, claim.channels, row.idempotency_key) is None


def test_returning_is_for_the_same_user_and_browser(claim, alice, bob):  # T2, T21
    row, rows = begin(claim, Status.PENDING), TrackedAction.objects
    assert rows.returning(alice.pk, ["channel"], row.idempotency_key) == row
    assert rows.returning(bob.pk, ["channel"], row.idempotency_key) is None
    assert rows.returning(alice.pk, ["other"], row.idempotency_key) is None
    assert rows.returning(alice.pk, ["channel"], uuid.uuid4()) is None


EXPIRED, EARLIER = {"expires_at": NOW() - timedelta(seconds=1)}, {"created_at": NOW() - timedelta(minutes=61)}


@pytest.mark.parametrize(
    ("status", "values", "live", "unpassed"),
    [
        (Status.CREATED, {}, 0, 0),
        (Status.PENDING, {}, 1, 1),
        (Status.PENDING, EXPIRED, 0, 1),
        (Status.PENDING, EARLIER, 0, 0),
        (Status.APPROVED, {}, 1, 0),  # passed, and not sent yet
        (Status.APPROVED, EXPIRED, 0, 0),
        (Status.SPENT, {"approved_at": NOW()}, 0, 0),
        (Status.SPENT, {"expires_at": None}, 0, 0),  # allowed without a challenge
        (Status.REFUSED, {}, 0, 1),
        (Status.REFUSED, {"expires_at": None}, 0, 0),
        (Status.VOID, EXPIRED, 0, 1),
    ],
)
def test_live_and_unpassed_challenges_are_counted(claim, alice, status, values, live, unpassed):  # T49
    begin(claim, status, **values)
    assert TrackedAction.objects.challenge_counts(alice.pk, NOW()) == (live, unpassed)


def test_challenges_are_counted_by_user_and_enforced_ones_only(claim, alice, bob):  # T49
    begin(claim, Status.PENDING)
    begin(replace(claim, user_pk=bob.pk), Status.PENDING)
    begin(replace(claim, bindings=("other",)), Status.VOID, enforced=False)
    assert TrackedAction.objects.challenge_counts(alice.pk, NOW()) == (1, 1)


# What must never be


def test_second_live_row_for_the_same_request_loses(claim):
    begin(claim, Status.PENDING)
    loser = begin(claim)
    assert not loser.challenge({}, NOW() + timedelta(seconds=600))
    assert (loser.status, stored(loser).status) == (Status.CREATED, Status.CREATED)


@pytest.mark.parametrize(
    "values",
    [
        {"status": Status.SPENT},
        {"status": Status.APPROVED},
        {"status": Status.APPROVED, "approved_at": NOW()},
        {"status": Status.PENDING, "enforced": False},
    ],
)
def test_database_refuses_a_state_without_its_facts(claim, values):
    row = begin(claim)
    with pytest.raises(IntegrityError), transaction.atomic():
        TrackedAction.objects.filter(pk=row.pk).update(**values)


def test_key_is_unique_for_user_and_action(claim):
    row = begin(claim)
    row.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)


@pytest.mark.django_db(transaction=True)
def test_what_is_committed_is_its_own_transaction_on_its_own_database():  # T8
    with transaction.atomic(), pytest.raises(RuntimeError, match="outside any transaction"), committed("default"):
        pass
    with pytest.raises(ConnectionDoesNotExist), committed("nowhere"):
        pass


@pytest.mark.django_db(transaction=True)
def test_row_that_only_records_may_share_a_transaction(claim):
    with transaction.atomic():
        row = TrackedAction.objects.begin(claim, enforced=False)
        assert row.end(Status.VOID, "report_only")
    assert stored(row).status == Status.VOID


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("move", ["begin", "end", "spend"])
def test_no_row_changes_inside_an_open_transaction(claim, move):  # T8
    row = begin(claim, Status.APPROVED)
    moves = {
        "begin": lambda: begin(claim),
        "end": lambda: row.end(Status.VOID, "x"),
        "spend": lambda: row.spend(claim),
    }
    with transaction.atomic(), pytest.raises(RuntimeError, match="outside any transaction"):
        moves[move]()
    assert stored(row).status == Status.APPROVED


def test_deleted_user_leaves_the_history_and_takes_the_approval(claim, alice):  # T69
    row = begin(claim, Status.APPROVED)
    alice.delete()
    assert (stored(row).user, stored(row).authsignal_user_id) == (None, "7")
    assert not row.spend(claim)


def test_failing_database_is_not_a_lost_race(claim):
    row = begin(claim)
    with broken_database("UPDATE"), pytest.raises(Exception, match="the database is gone"):
        row.challenge({}, NOW())


class ReadsElsewhere:
    """A router whose replica must never be asked about rows."""

    def db_for_read(self, model, **hints):
        assert model._meta.app_label != "authsignal", f"{model.__name__} was read from a replica"

    def db_for_write(self, model, **hints):
        return "default" if model in (TrackedAction, ActionEvent) else "nowhere"


def test_rows_are_read_where_they_are_written(claim, settings, alice):  # T72
    settings.DATABASE_ROUTERS = [ReadsElsewhere()]
    row = begin(claim)
    TrackedAction.objects.look(claim)
    TrackedAction.objects.returning(alice.pk, ["channel"], row.idempotency_key)
    TrackedAction.objects.challenge_counts(alice.pk, NOW())
    TrackedAction.objects.ended_for("x", alice.pk, NOW())
    row.note(ActionEvent.Kind.OUTAGE)
    row.end(Status.VOID, "x")


# Events and names


def test_note_needs_no_detail(claim):
    row = begin(claim)
    row.note(ActionEvent.Kind.MISMATCH)
    assert row.events.get().detail == ""


def test_note_keeps_the_first_255_characters(claim):
    row = begin(claim)
    row.note(ActionEvent.Kind.ANOMALY, "x" * 300)
    event = row.events.get()
    assert (event.detail, event.kind) == ("x" * 255, "anomaly")
    assert str(event).startswith("anomaly 20")


def test_row_is_called_by_action_and_key(claim):
    row = begin(claim)
    assert str(row) == f"pay {row.idempotency_key}"


def test_stored_row_holds_no_session_key_and_no_nonce(gated_row, alice_client):  # T73
    session = alice_client.session
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM authsignal_trackedaction")
        dump = repr(cursor.fetchall())
    assert session.session_key not in dump
    assert session["_authsignal"]["nonce"] not in dump


@pytest.fixture
def alice_client(bank, alice):
    return bank.sign_in(alice)


@pytest.fixture
def gated_row(bank, alice_client):
    assert bank.transfer(alice_client, 5000).status_code == 403
    return TrackedAction.objects.get()


def test_live_states_can_still_be_spent_and_unfinished_ones_can_still_end():
    assert set(LIVE) == {Status.PENDING, Status.APPROVED}
    assert set(UNFINISHED) == {Status.CREATED, *LIVE}


def test_rows_that_are_no_actions_say_what_they_are():
    assert str(WebhookEvent(type="action.log_created", event_id="e-1")) == "action.log_created e-1"
    assert str(DailyFigure(day=date(2026, 1, 5), name="outcome", label="allowed")) == "2026-01-05 outcome allowed"
    assert str(DailyFigure(day=date(2026, 1, 5), name="outages")) == "2026-01-05 outages"


# The service's later word


AT = datetime(2026, 1, 5, 12, tzinfo=UTC)
ASKED = {"status": Status.PENDING, "remote_state": "CHALLENGE_REQUIRED"}
PASSED = {"status": Status.APPROVED, "remote_state": "CHALLENGE_SUCCEEDED", "approved_at": AT}
GONE = {**PASSED, "status": Status.VOID}
GRANTED = {**PASSED, "status": Status.SPENT, "spent_at": AT}
TAKEN_BACK = {**GRANTED, "remote_state": "BLOCK"}


@pytest.mark.parametrize(
    ("facts", "state", "later", "earlier"),
    [
        # a yes: news of a challenge that is asked for, and of a spent row that nothing was said against
        (ASKED, "CHALLENGE_SUCCEEDED", True, False),
        (PASSED, "CHALLENGE_SUCCEEDED", False, False),
        (GONE, "CHALLENGE_SUCCEEDED", False, False),
        (GRANTED, "CHALLENGE_SUCCEEDED", True, False),
        (TAKEN_BACK, "CHALLENGE_SUCCEEDED", False, False),
        # neither yes nor no: shuts the window of a row that was spent before
        (ASKED, "REVIEW_SUCCEEDED", True, False),
        (GRANTED, "REVIEW_SUCCEEDED", True, False),
        (TAKEN_BACK, "REVIEW_SUCCEEDED", True, False),
        # a no: of a spent row that still has its yes, whenever it was said
        (ASKED, "BLOCK", True, False),
        (GRANTED, "BLOCK", True, True),
        (TAKEN_BACK, "CHALLENGE_FAILED", True, False),
    ],
)
def test_word_is_news_by_its_time_and_by_what_it_does(claim, facts, state, later, earlier):  # T16 T57 T58
    row = begin(claim)
    times = {"remote_state_at": AT, "expires_at": AT}
    TrackedAction.objects.filter(pk=row.pk).update(**{"approved_at": None, "spent_at": None, **facts, **times})

    def is_news(seconds):
        return TrackedAction.objects.not_heard(state, AT + timedelta(seconds=seconds), Word.of(state)).exists()

    assert (is_news(60), is_news(-60)) == (later, earlier)


def test_neither_yes_nor_no_of_before_the_spend_shuts_nothing(claim):  # T57
    row = begin(claim)
    TrackedAction.objects.filter(pk=row.pk).update(**{**GRANTED, "spent_at": AT}, remote_state_at=AT - timedelta(60))
    for state in ("CHALLENGE_REQUIRED", "REVIEW_SUCCEEDED"):
        rows = TrackedAction.objects
        assert not rows.not_heard(state, AT, Word.of(state)).exists()
        assert rows.not_heard(state, AT + timedelta(seconds=1), Word.of(state)).exists()


def test_late_challenge_shuts_a_window_whose_yes_is_younger(claim):  # T57
    row = begin(claim)
    TrackedAction.objects.filter(pk=row.pk).update(**GRANTED, remote_state_at=AT + timedelta(seconds=60))
    assert TrackedAction.objects.not_heard("CHALLENGE_REQUIRED", AT + timedelta(seconds=30), Word.OPEN).exists()


def test_ends_are_counted_by_user_reason_and_time(claim, alice, bob):  # T40
    begin(claim, Status.VOID, reason="unreachable")
    begin(claim, Status.VOID, reason="unavailable")
    begin(replace(claim, user_pk=bob.pk), Status.VOID, reason="unreachable")
    begin(claim, Status.VOID, reason="unreachable", created_at=NOW() - timedelta(hours=2))
    assert TrackedAction.objects.ended_for("unreachable", alice.pk, NOW() - timedelta(hours=1)) == 1
