"""What the service says later is recorded once, in any order, and never grants (T56, T57, A33, F28)."""

from __future__ import annotations

import itertools
import math
import uuid
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.db import OperationalError, connection
from django.utils import timezone

from django_authsignal import signals
from django_authsignal.client import Event
from django_authsignal.models import ActionEvent, Status, TrackedAction, WebhookEvent
from django_authsignal.prepared import insert_once
from django_authsignal.services.reports import Report, take
from tests.gated import broken_database, outcome

from .events import START, authenticator, batch, encoded, event, log, message, moment, verify

HARMLESS = {"ALLOW", "CHALLENGE_REQUIRED", "CHALLENGE_SUCCEEDED", "REVIEW_SUCCEEDED"}
OUR_CLOCK = "ended_at"
"""The only column that says when we heard, not what."""


def facts(row):
    columns = TrackedAction.objects.filter(pk=row.pk).values().get()
    del columns[OUR_CLOCK]
    return columns


def test_event_is_recorded_without_what_it_says(post_event, make_row):  # T56 T59
    row = make_row()
    said = log(row, "CHALLENGE_REQUIRED")
    before = timezone.now()
    assert post_event(said).status_code == 200
    known = WebhookEvent.objects.get()
    assert (known.event_id, known.tenant, known.type) == (said["id"], said["tenantId"], "action.log_created")
    assert (known.occurred_at.isoformat(), known.outcome) == ("2026-01-05T12:00:00+00:00", "recorded")
    assert before <= known.received_at <= timezone.now()


@pytest.mark.parametrize("status", [Status.CREATED, Status.PENDING, Status.APPROVED])
def test_veto_ends_an_unfinished_row(post_event, make_row, status, heard, django_capture_on_commit_callbacks):
    row = make_row(status, return_path="/statement/")
    refused = heard(signals.step_up_refused)
    with django_capture_on_commit_callbacks(execute=True):
        assert post_event(log(row, "BLOCK", 60)).status_code == 200
    row.refresh_from_db()
    assert (row.status, row.reason, row.remote_state, row.return_path) == ("refused", "revoked", "BLOCK", "")
    assert row.ended_at is not None
    assert [(noted.kind, noted.detail) for noted in row.events.all()] == [("revoked", "webhook: BLOCK")]
    assert (WebhookEvent.objects.get().outcome, refused) == ("revoked", [{"action": row}])


@pytest.mark.parametrize("state", ["BLOCK", "CHALLENGE_FAILED", "REVIEW_REQUIRED", "REVIEW_FAILED", "SOMETHING_NEW"])
def test_every_word_that_is_not_known_to_be_harmless_is_a_veto(post_event, make_row, state):
    row = make_row(Status.APPROVED)
    post_event(log(row, state))
    assert facts(row)["status"] == "refused"


@pytest.mark.parametrize("state", ["ALLOW", "CHALLENGE_SUCCEEDED", "CHALLENGE_REQUIRED", "REVIEW_SUCCEEDED"])
@pytest.mark.parametrize("status", list(Status))
def test_no_word_changes_where_a_row_stands_for_the_better(post_event, make_row, state, status):  # T58
    row = make_row(status)
    post_event(log(row, state))
    assert facts(row)["status"] == status


@pytest.mark.parametrize("status", [Status.REFUSED, Status.VOID])
def test_veto_of_a_finished_row_is_recorded_as_the_services_word_only(post_event, make_row, status):
    row = make_row(status, reason="block")
    post_event(log(row, "BLOCK"))
    assert (facts(row)["status"], facts(row)["reason"], facts(row)["remote_state"]) == (status, "block", "BLOCK")
    assert not ActionEvent.objects.exists()


@pytest.mark.parametrize("member", ["state", "idempotencyKey", "userId", "actionCode", "stateUpdatedAt"])
@pytest.mark.parametrize("value", [None, "", 7, [], {}, "\0", "x" * 10_000, "\x1b[31m\n", "not a uuid"])
def test_member_that_makes_no_sense_is_accepted_and_vetoes_nobody_else(post_event, make_row, member, value):
    row, other = make_row(), make_row(action="other", binding="v1:o")
    said = log(row, "BLOCK")
    said["data"][member] = value
    assert post_event(said).status_code == 200
    assert facts(other)["status"] == "pending"
    revoked = member == "stateUpdatedAt" or (member == "state" and value not in (None, "", 7, [], {}, "\0"))
    revoked = revoked or (member == "actionCode" and not value and "action" in said["data"])
    assert (facts(row)["status"] == "refused") == bool(revoked)


@pytest.mark.parametrize(
    "wrong",
    [
        {"environment": "live"},
        {"tenant": "other"},
        {"action": "else"},
        {"authsignal_user_id": "else"},
        {"idempotency_key": uuid.uuid5(uuid.NAMESPACE_URL, "else")},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_event_finds_its_row_by_every_part_of_its_identity(post_event, make_row, wrong):  # T2 T48
    row = make_row(**{"idempotency_key": uuid.uuid5(uuid.NAMESPACE_URL, "known")} | wrong)
    meant = TrackedAction(
        authsignal_user_id=str(row.user_id), action="transfer", idempotency_key=uuid.uuid5(uuid.NAMESPACE_URL, "known")
    )
    assert post_event(log(meant, "BLOCK")).status_code == 200
    assert facts(row)["status"] == "pending"


@pytest.mark.parametrize("times", [2, 5])
def test_same_event_again_has_no_further_effect(post_event, make_row, received, times):  # T56
    row = make_row()
    said = log(row, "BLOCK")
    assert [post_event(said).status_code for _ in range(times)] == [200] * times
    assert (WebhookEvent.objects.count(), row.events.count(), len(received)) == (1, 1, 1)


def test_same_id_of_two_tenants_is_two_events(post_event, make_row):
    """Each with its own effect."""
    row = make_row()
    for tenant, name in (("a", "1"), ("b", "2")):
        post_event(event("x", {}, id=name, tenantId=tenant))
    post_event(log(row, "BLOCK", id="1", tenantId="b"))
    known = set(WebhookEvent.objects.values_list("tenant", "event_id", "outcome"))
    assert known == {("a", "1", "recorded"), ("b", "2", "recorded"), ("b", "1", "revoked")}


def test_event_with_a_known_id_and_another_content_is_not_read(post_event, make_row):  # T56
    row = make_row()
    post_event(log(row, "CHALLENGE_REQUIRED", id="1"))
    post_event(log(row, "BLOCK", id="1"))
    assert facts(row)["status"] == "pending"


@pytest.mark.parametrize("form", [lambda one: one, batch], ids=["single", "batch"])
def test_first_delivery_costs_two_or_three_statements_and_a_replay_one(post_event, make_row, statements, form):
    said = form(log(make_row(), "CHALLENGE_REQUIRED", 1))
    statements.clear()
    post_event(said)
    assert len(statements) == 2
    statements.clear()
    post_event(said)
    assert len(statements) == 1


def test_replay_of_a_batch_costs_one_statement(post_event, make_row, statements):
    said = batch(*(log(make_row(binding=f"v1:{number}"), "CHALLENGE_REQUIRED") for number in range(3)))
    post_event(said)
    statements.clear()
    post_event(said)
    assert len(statements) == 1


class ReadsElsewhere:
    """One database for our own models, and nothing of them on its replica."""

    def db_for_read(self, model, **hints):
        assert model._meta.app_label != "authsignal", f"{model.__name__} was read from a replica"

    def db_for_write(self, model, **hints):
        return "default" if model._meta.app_label == "authsignal" else None


@pytest.mark.parametrize("form", [lambda *events: events[0], batch], ids=["single", "batch"])
def test_events_are_read_where_they_are_written(post_event, make_row, settings, form):  # T72
    row = make_row()
    settings.DATABASE_ROUTERS = [ReadsElsewhere()]
    assert post_event(form(log(row, "CHALLENGE_REQUIRED", 60), event("x", {}))).status_code == 200
    assert post_event(form(log(row, "BLOCK", 90), event("x", {}))).status_code == 200
    settings.DATABASE_ROUTERS = []
    assert facts(row)["status"] == "refused"


@pytest.mark.parametrize(
    ("source", "said", "status"),
    [("lift", 0, "pending"), ("lift", 120, "refused"), ("track", 0, "refused"), ("webhook", 0, "refused")],
)
def test_only_a_lift_outweighs_what_was_said_before_it(post_event, make_row, source, said, status):  # T67
    row = make_row(remote_state_source=source, remote_state_at=START + timedelta(seconds=60))
    post_event(log(row, "BLOCK", said))
    assert facts(row)["status"] == status


def test_word_longer_than_we_keep_is_cut(post_event, make_row):
    row = make_row()
    post_event(log(row, "X" * 100))
    assert (facts(row)["status"], facts(row)["remote_state"]) == ("refused", "X" * 32)


PERMUTED = {
    "challenge": ["CHALLENGE_REQUIRED", "CHALLENGE_SUCCEEDED", "ALLOW", "REVIEW_SUCCEEDED", "CHALLENGE_SUCCEEDED"],
    "veto in the middle": ["CHALLENGE_REQUIRED", "CHALLENGE_SUCCEEDED", "BLOCK", "CHALLENGE_SUCCEEDED", "ALLOW"],
    "veto first": ["BLOCK", "CHALLENGE_REQUIRED", "CHALLENGE_SUCCEEDED", "ALLOW", "REVIEW_SUCCEEDED"],
    "three vetoes": ["CHALLENGE_FAILED", "ALLOW", "REVIEW_FAILED", "CHALLENGE_SUCCEEDED", "BLOCK"],
}


@pytest.mark.parametrize("states", PERMUTED.values(), ids=PERMUTED.keys())
@pytest.mark.parametrize("status", [Status.PENDING, Status.APPROVED, Status.SPENT])
def test_all_orders_of_five_events_end_the_same(post_event, make_row, status, states):  # T57
    row = make_row(status)
    ends = ends_of(row, [log(row, state, second) for second, state in enumerate(states)], post_event)
    assert len(ends) == 1
    vetoed = not HARMLESS.issuperset(states)
    assert ends[0]["status"] == ("refused" if vetoed and status != Status.SPENT else status)


@pytest.mark.parametrize("states", PERMUTED.values(), ids=PERMUTED.keys())
@pytest.mark.parametrize("spent", [-1, 1.5, 3.5], ids=["before", "between", "late"])
def test_all_orders_about_a_spent_row_end_the_same_whenever_it_was_spent(post_event, make_row, states, spent):  # T57
    at = START + timedelta(seconds=spent)
    row = make_row(Status.SPENT, remote_state_at=at, approved_at=at, spent_at=at)
    [end] = ends_of(row, [log(row, state, second) for second, state in enumerate(states)], post_event)
    later = {state for second, state in enumerate(states) if second > spent}
    shut = not HARMLESS.issuperset(states) or later & {"CHALLENGE_REQUIRED", "REVIEW_SUCCEEDED"}
    assert (end["remote_state"] in ("ALLOW", "CHALLENGE_SUCCEEDED")) is not bool(shut)


@pytest.mark.parametrize("states", PERMUTED.values(), ids=PERMUTED.keys())
def test_all_orders_about_an_approval_end_the_same(post_event, make_row, states):  # T57 T58
    passed = 1.5
    at = START + timedelta(seconds=passed)
    row = make_row(Status.APPROVED, remote_state_at=at, approved_at=at)
    [end] = ends_of(row, [log(row, state, second) for second, state in enumerate(states)], post_event)
    later = {state for second, state in enumerate(states) if second > passed}
    shut = not HARMLESS.issuperset(states) or later & {"CHALLENGE_REQUIRED", "REVIEW_SUCCEEDED"}
    can_be_spent = (end["status"], end["remote_state"]) == ("approved", "CHALLENGE_SUCCEEDED")
    assert can_be_spent is not bool(shut)


@pytest.mark.parametrize("order", list(itertools.permutations(["CHALLENGE_REQUIRED", "CHALLENGE_SUCCEEDED", "ALLOW"])))
def test_approval_that_was_taken_back_is_not_given_back(post_event, make_row, order):  # T58
    """What was passed is to be passed again, however often the service says yes afterwards."""
    row = make_row(Status.APPROVED, remote_state_at=timezone.now())
    seconds = {"CHALLENGE_REQUIRED": 1, "CHALLENGE_SUCCEEDED": 2, "ALLOW": 3}
    for state in order:
        said = log(row, state)
        said["data"]["stateUpdatedAt"] = (row.approved_at + timedelta(seconds=seconds[state])).isoformat()
        assert post_event(said).status_code == 200
    assert (facts(row)["status"], facts(row)["remote_state"]) == ("approved", "CHALLENGE_REQUIRED")


def test_late_word_of_the_challenge_that_was_passed_takes_no_approval_back(post_event, make_row):
    """Neither does it where the service's clock is ahead of ours, so that the approval counts as older than it is."""
    passed = timezone.now()
    row = make_row(Status.APPROVED, remote_state_at=passed, approved_at=passed - timedelta(seconds=90))
    said = log(row, "CHALLENGE_REQUIRED")
    said["data"]["stateUpdatedAt"] = (passed - timedelta(seconds=20)).isoformat()
    post_event(said)
    assert facts(row)["remote_state"] == "CHALLENGE_SUCCEEDED"


@pytest.mark.parametrize("status", [Status.PENDING, Status.SPENT])
def test_all_orders_of_five_events_of_one_moment_end_the_same(post_event, make_row, status):  # T57
    row = make_row(status)
    assert len(ends_of(row, [log(row, state) for state in PERMUTED["three vetoes"]], post_event)) == 1


def test_all_orders_of_five_single_events_end_the_same(post_event, make_row):  # T57
    row = make_row(Status.APPROVED)
    events = [log(row, state, second) for second, state in enumerate(PERMUTED["veto in the middle"])]
    ends = ends_of(
        row, events, lambda delivery: [post_event({**one, "data": one["record"]}) for one in delivery["records"]]
    )
    assert [end["status"] for end in ends] == ["refused"]


def ends_of(row, events, send):
    """The different rows that all orders of *events* lead to; each event is new each time."""
    before = {field.attname: getattr(row, field.attname) for field in TrackedAction._meta.concrete_fields}
    ends = []
    for order in itertools.permutations(events):
        TrackedAction.objects.filter(pk=row.pk).update(**before)
        # A batch is worked through in the order of its ids.
        send(batch(*({**one, "id": f"{place}-{uuid.uuid4()}"} for place, one in enumerate(order))))
        if (end := facts(row)) not in ends:
            ends.append(end)
    assert WebhookEvent.objects.count() == len(events) * math.factorial(len(events))
    return ends


def test_batch_of_500_is_larger_than_djangos_limit_and_each_has_its_effect_once(  # A33 T55
    post_event, make_row, received, statements
):
    rows = [make_row(binding=f"v1:{number}") for number in range(500)]
    said = batch(*(log(row, "BLOCK" if number % 50 == 0 else "CHALLENGE_REQUIRED") for number, row in enumerate(rows)))
    for record in said["records"]:
        record["record"]["custom"] = {"note": "-" * 5500}
    assert len(encoded(said)) > django_settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    assert post_event(said).status_code == 200
    assert (WebhookEvent.objects.count(), len(received)) == (500, 500)
    assert TrackedAction.objects.filter(status="refused").count() == ActionEvent.objects.count() == 10
    statements.clear()
    assert post_event(said).status_code == 200
    assert (len(statements), WebhookEvent.objects.count(), ActionEvent.objects.count()) == (1, 500, 10)


def test_batch_that_overlaps_with_an_earlier_one_brings_only_what_is_new(post_event, received):
    events = [event("x", {}) for _ in range(3)]
    post_event(batch(*events[:2]))
    post_event(batch(*events, events[2]))
    assert (WebhookEvent.objects.count(), len(received)) == (3, 3)


def test_empty_batch_is_accepted_without_a_query(post_event, statements):
    assert (post_event({"records": []}).status_code, statements) == (200, [])


UNREADABLE = [None, 7, "text", [], {}, {"id": "1"}, event("x", [], id="data"), event("", {}), event("x", {}, time="no")]


def test_record_that_is_no_event_is_left_out_and_the_rest_counts(post_event, make_row, caplog):  # T55
    """Refused as a whole, a batch would come again for ever."""
    row = make_row()
    delivery = batch(log(row, "BLOCK"))
    delivery["records"] += UNREADABLE
    assert post_event(delivery).status_code == 200
    assert (facts(row)["status"], WebhookEvent.objects.count()) == ("refused", 1)
    assert f"{len(UNREADABLE)} records of a webhook are no events" in caplog.text


def test_text_that_was_cut_within_a_character_does_not_hold_up_a_batch(post_event, make_row, received):
    row = make_row()
    cut = event("challenge.log_created", {"userAgent": "half an emoji: \ud83d"})
    assert post_event(batch(cut, log(row, "BLOCK"))).status_code == 200
    assert facts(row)["status"] == "refused"
    assert "half an emoji: ?" in [said["event"].text("userAgent") for said in received]


def test_unknown_types_and_members_pass_through(post_event, received):  # T60
    new = event("device.created", {"deviceId": "d", "nested": {"a": [1, None]}}, region="au", version=2)
    assert post_event(new).status_code == 200
    assert received[0]["event"].data["nested"] == {"a": [1, None]}
    assert WebhookEvent.objects.get().type == "device.created"


def test_event_of_another_type_is_no_report(post_event, make_row):
    row = make_row()
    before = facts(row)
    assert post_event({**log(row, "BLOCK"), "type": "challenge.log_created"}).status_code == 200
    assert facts(row) == before


@pytest.mark.parametrize("state", ["BLOCK", "CHALLENGE_SUCCEEDED"])
def test_event_before_its_row_or_for_a_purged_one_makes_no_row(post_event, make_row, state):  # F28
    purged = make_row()
    TrackedAction.objects.all().delete()
    assert post_event(log(purged, state)).status_code == 200
    assert (TrackedAction.objects.count(), WebhookEvent.objects.count(), ActionEvent.objects.count()) == (0, 1, 0)


@pytest.mark.parametrize(
    ("status", "states", "effects"),
    [
        ("pending", ["CHALLENGE_REQUIRED", "CHALLENGE_REQUIRED"], ["recorded", "nothing"]),
        ("pending", ["BLOCK", "BLOCK", "CHALLENGE_FAILED"], ["revoked", "nothing", "recorded"]),
        ("spent", ["BLOCK", "BLOCK"], ["recorded", "nothing"]),
        ("pending", ["", "\n"], ["nothing", "nothing"]),
    ],
)
def test_report_tells_what_it_changed(make_row, status, states, effects):
    row = make_row(status)
    known = (row.authsignal_user_id, row.action, row.idempotency_key)
    assert [take(Report(*known, state, START), "sync") for state in states] == effects


@pytest.mark.parametrize("said", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2999-12-31T23:59:59Z", "soon"])
def test_absurd_time_of_a_state_does_not_outlast_the_next_word(post_event, make_row, said):
    row = make_row(Status.SPENT)
    first, now = log(row, "ALLOW", time=moment()), timezone.now()
    first["data"]["stateUpdatedAt"] = said
    post_event(first)
    second = log(row, "CHALLENGE_SUCCEEDED")
    second["data"]["stateUpdatedAt"] = (now + timedelta(seconds=90)).isoformat()
    post_event(second)
    assert facts(row)["remote_state"] == "CHALLENGE_SUCCEEDED"


def test_failing_receiver_changes_nothing(post_event, make_row, listen, caplog):
    row = make_row()

    def receiver(**kwargs):
        raise ArithmeticError("not ours")

    listen(signals.webhook_received, receiver)
    assert post_event(log(row, "BLOCK")).status_code == 200
    assert facts(row)["status"] == "refused"
    assert "not ours" in caplog.text


@pytest.mark.parametrize("change", ["created", "updated", "deleted"])
def test_authenticator_events_tell_whose_enrolment_changed(post_event, alice, enrolments, change):
    said = authenticator(change, str(alice.pk), verificationMethod="PASS\nKEY" + "x" * 100)
    assert [post_event(said).status_code for _ in range(2)] == [200, 200]
    heard = [(one["user"], one["change"], one["verification_method"], one["source"]) for one in enrolments]
    assert heard == [(alice, change, ("PASSKEY" + "x" * 100)[:32], "webhook")]


def test_signals_say_who_sends_them(post_event, make_row, alice, listen):
    """A receiver may be connected for events only, or for the users of one model."""
    senders = []
    for signal in (signals.webhook_received, signals.enrolment_changed):
        listen(signal, lambda sender, **kwargs: senders.append(sender))
    for said in (verify(make_row()), message(), authenticator("created", str(alice.pk))):
        post_event(said)
    assert senders == [Event, Event, Event, get_user_model()]


@pytest.mark.parametrize("user_id", ["", "0", "nobody", "999999999999999999999999", "9" * 10_000, "\0", None, 7])
def test_authenticator_event_about_nobody_here_is_recorded_only(post_event, alice, enrolments, user_id):
    assert post_event(authenticator("created", user_id)).status_code == 200
    assert (enrolments, WebhookEvent.objects.count()) == ([], 1)


def test_type_that_only_looks_like_an_authenticators_is_not_announced(post_event, alice, enrolments):
    assert post_event(authenticator("renamed", str(alice.pk))).status_code == 200
    assert enrolments == []


@pytest.mark.parametrize("table", ["authsignal_webhookevent", "authsignal_trackedaction", "auth_user"])
def test_event_that_cannot_be_recorded_is_asked_for_again_and_then_has_its_effect(post_event, make_row, alice, table):
    """T56, K9: the record and its effect stand or fall together, so nothing is lost by a failure between them."""
    row = make_row(authsignal_user_id="elsewhere")
    said = [log(row, "BLOCK"), authenticator("created", str(alice.pk))]
    with broken_database(table):
        answers = [post_event(one) for one in said]
    (refused, *_) = [answer for answer in answers if answer.status_code == 503]
    assert (refused.json(), refused["Retry-After"]) == ({"error": "try again"}, "30")
    assert [post_event(one).status_code for one in said] == [200, 200]
    assert (facts(row)["status"], WebhookEvent.objects.count(), row.events.count()) == ("refused", 2, 1)


def test_batch_keeps_what_was_committed_before_the_database_failed(post_event, make_row, received):
    rows = [make_row(binding=f"v1:{number}") for number in range(150)]
    said = batch(*(log(row, "CHALLENGE_REQUIRED") for row in rows))
    updates = itertools.count()

    def execute(run, sql, *rest):
        if sql.startswith("UPDATE") and next(updates) == 120:
            raise OperationalError("the database is gone")
        return run(sql, *rest)

    with connection.execute_wrapper(execute):
        response = post_event(said)
    assert (response.status_code, response["Retry-After"]) == (503, "30")
    assert WebhookEvent.objects.count() == len(received) == 100
    assert post_event(said).status_code == 200
    assert WebhookEvent.objects.count() == len(received) == 150


def test_insert_once_says_whether_it_inserted(db):
    row = WebhookEvent(event_id="1", type="x", occurred_at=timezone.now(), received_at=timezone.now())
    assert [insert_once(row, "default") for _ in range(2)] == [True, False]


@pytest.mark.parametrize("first", ["BLOCK", "CHALLENGE_FAILED", "CHALLENGE_REQUIRED", "REVIEW_SUCCEEDED", "new"])
def test_window_that_is_rechecked_is_shut_for_good_by_a_word_that_does_not_grant(  # T16 T58
    gated, authsignal, post_event, first
):
    authsignal.allow("pay")
    gated(max_age=300, recheck=True)
    assert (gated.get().content, gated.get().content, gated.runs) == (b"done", b"done", 2)
    spent = gated.row
    TrackedAction.objects.update(remote_state_at=START, spent_at=START)
    for order, state in enumerate([first, "ALLOW", "CHALLENGE_SUCCEEDED", "REVIEW_SUCCEEDED"], 1):
        assert post_event(log(spent, state, order * 60)).status_code == 200
        authsignal.challenge("pay")
        assert outcome(gated.get()) == "challenge"
    assert post_event(verify(spent)).status_code == 200
    assert (outcome(gated.get()), gated.runs) == ("challenge", 2)


def test_challenge_that_came_before_the_spend_shuts_no_window(gated, authsignal, post_event):  # T57
    """Logs arrive late and in any order: that there was a challenge once is no reason for another."""
    authsignal.allow("pay")
    gated(max_age=300, recheck=True)
    gated.get()
    assert post_event(log(gated.row, "CHALLENGE_REQUIRED")).status_code == 200
    assert (gated.get().content, gated.row.remote_state) == (b"done", "ALLOW")


@pytest.mark.parametrize("offset", ["+16:00", "-23:59", "+14:00"])
@pytest.mark.parametrize("time", ["2026-01-01T00:00:00", "0001-01-01T00:00:00", "9999-12-31T23:59:59"])
def test_time_that_no_database_holds_holds_up_no_veto(post_event, make_row, time, offset):  # T60
    row = make_row(Status.APPROVED)
    odd = log(row, "CHALLENGE_REQUIRED", time=f"{time}{offset}")
    odd["data"]["stateUpdatedAt"] = f"{time}{offset}"
    assert post_event(batch(odd, log(row, "BLOCK"))).status_code == 200
    row.refresh_from_db()
    assert (row.status, row.remote_state_at.year) == ("refused", 2026)


def test_batch_beyond_all_measure_is_refused_as_a_whole(post_event):
    assert post_event({"records": [{}] * 5001}).status_code == 400
