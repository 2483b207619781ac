"""The way back: what a return may do, and what the waiting page is told."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
import time_machine
from django.core import signing
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from django_authsignal.models import ActionEvent, Status, TrackedAction
from django_authsignal.services.completion import Completion, Result, complete, status, status_capability
from django_authsignal.testing import complete_step_up
from tests.gated import ACTION, broken_database

ROWS = TrackedAction.objects


@pytest.fixture
def challenged(gated, authsignal):
    """The response that sends to the hosted page."""
    authsignal.challenge(ACTION)
    gated()
    return gated.get()


@pytest.fixture
def back(gated, challenged):
    """`back("approve")` comes back from the hosted page and ends where the return leads, one redirect later at most."""

    def come_back(result="approve"):
        response = complete_step_up(gated.client, challenged, result)
        if response.status_code == 303 and "/return/" in response.headers["Location"]:
            return gated.client.get(response.headers["Location"])
        return response

    return come_back


def page_of(gated, key):
    return gated.client.get(f"/step-up/return/{key}/")


def test_passed_challenge_is_kept_with_its_method_and_times(gated, back):
    assert back().headers["Location"] == "/gated/"
    row = gated.row
    assert (row.status, row.remote_state, row.remote_state_source) == (
        Status.APPROVED,
        "CHALLENGE_SUCCEEDED",
        "validate",
    )
    assert (row.verification_method, row.expires_at) == ("SMS", row.approved_at + timedelta(seconds=300))


def test_service_is_asked_about_the_returned_token_of_this_user_and_action_only(
    gated, authsignal, alice, challenged
):  # T2
    token = challenged.step_up.url.partition("token=")[2]
    gated.client.get(f"/step-up/return/{gated.row.idempotency_key}/", {"token": token})
    assert authsignal.requests[-1].payload == {"token": token, "userId": str(alice.pk), "action": ACTION}


def test_return_writes_no_session(gated, challenged):
    before = gated.client.cookies["sessionid"].value, dict(gated.client.session)
    response = complete_step_up(gated.client, challenged)
    assert response.cookies == {}
    assert (gated.client.cookies["sessionid"].value, dict(gated.client.session)) == before


def test_form_has_no_page_to_go_back_to(gated, authsignal):
    authsignal.challenge(ACTION)
    gated()
    response = complete_step_up(gated.client, gated.post())
    assert response.headers["Location"].startswith("/step-up/return/")
    page = gated.client.get(response.headers["Location"])
    assert (page.status_code, page.context["verified"], page.context["retry_url"]) == (200, True, "")


@pytest.mark.parametrize("result", ["quit", "wrong_code"])
def test_unfinished_challenge_can_be_tried_again(gated, back, result):
    page = back(result)
    assert (page.status_code, page.context["result"], page.context["retry_url"]) == (403, Result.PENDING, "/gated/")
    assert gated.row.events.get().kind == ActionEvent.Kind.NOT_VERIFIED


def test_unfinished_challenge_of_a_form_is_tried_again_on_its_hosted_page(gated, authsignal):
    authsignal.challenge(ACTION)
    gated()
    challenged = gated.post()
    complete_step_up(gated.client, challenged, "quit")
    assert page_of(gated, challenged.step_up.key).context["retry_url"] == challenged.step_up.url


def test_failed_challenge_is_refused_for_good(gated, back):
    assert back("fail").context["result"] == Result.REFUSED
    assert (gated.row.status, gated.row.reason, gated.row.remote_state) == (
        Status.REFUSED,
        "challenge",
        "CHALLENGE_FAILED",
    )
    assert page_of(gated, gated.row.idempotency_key).context["result"] == Result.REFUSED


@pytest.mark.parametrize(
    "change",
    [
        {"status": Status.CREATED},
        {"status": Status.VOID},
        {"environment": "live"},
        {"tenant": "other"},
        {"auth_hash": "other"},
        {"channel": "other"},
        {"enforced": False, "status": Status.VOID},
        {"expires_at": timezone.now() - timedelta(hours=1)},
        {"created_at": timezone.now() + timedelta(hours=1), "expires_at": timezone.now() + timedelta(hours=2)},
    ],
    ids=lambda change: "-".join(change),
)
def test_row_that_is_not_pending_here_and_now_is_not_asked_about(
    gated, authsignal, challenged, change
):  # T17, T35, T47
    ROWS.update(**change)
    calls = len(authsignal.requests)
    response = complete_step_up(gated.client, challenged)
    page = gated.client.get(response.headers["Location"])
    assert (page.status_code, page.context["result"]) == (403, Result.EXPIRED)
    assert len(authsignal.requests) == calls


@pytest.mark.parametrize(
    "change",
    [
        {"userId": "other"},
        {"userId": None},
        {"action": "other", "actionCode": "other"},
        {"idempotencyKey": str(uuid.UUID(int=1))},
        {"idempotencyKey": None},
    ],
    ids=str,
)
def test_success_of_something_else_approves_nothing(gated, back, wire, change):  # T2
    wire.tamper = lambda answer: answer | change
    assert back().context["result"] == Result.PENDING
    event = gated.row.events.get()
    assert (gated.row.status, event.kind) == (Status.PENDING, ActionEvent.Kind.NOT_VERIFIED)
    assert event.detail == "the token is not this action's"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"isValid": False}, Status.REFUSED),
        ({"state": "ALLOW"}, Status.REFUSED),
        ({"state": "REVIEW_SUCCEEDED"}, Status.REFUSED),
        ({"state": None}, Status.REFUSED),
        ({"state": "CHALLENGE_REQUIRED"}, Status.PENDING),
        ({"stateUpdatedAt": "2020-01-01T00:00:00.000Z"}, Status.REFUSED),
        ({"state": "PASSED"}, Status.PENDING),
        ({"isValid": "true"}, Status.PENDING),
        ({"stateUpdatedAt": "yesterday"}, Status.PENDING),
    ],
    ids=str,
)
def test_nothing_but_a_fresh_success_approves(gated, back, wire, change, expected):  # T1, T10
    wire.tamper = lambda answer: answer | change
    assert back().status_code in (403, 502)
    assert gated.row.status == expected


def test_old_success_under_a_new_key_is_called_stale(gated, back, wire):  # T1
    wire.tamper = lambda answer: answer | {"stateUpdatedAt": "2020-01-01T00:00:00.000Z"}
    back()
    assert gated.row.reason == "stale"


def test_refusal_without_a_time_counts_from_now(gated, back, wire):
    wire.tamper = lambda answer: answer | {"isValid": False, "stateUpdatedAt": None}
    back()
    assert gated.row.status == Status.REFUSED
    assert abs(gated.row.remote_state_at - timezone.now()) < timedelta(seconds=5)


def test_success_without_a_time_counts_from_now_and_without_a_method_names_none(gated, back, wire):
    wire.tamper = lambda answer: answer | {"stateUpdatedAt": None, "verificationMethod": None}
    back()
    row = gated.row
    assert (row.status, row.verification_method) == (Status.APPROVED, "")
    assert abs(row.approved_at - timezone.now()) < timedelta(seconds=5)
    assert abs(row.remote_state_at - timezone.now()) < timedelta(seconds=5)


def test_method_longer_than_we_keep_is_cut(gated, back, wire):
    wire.tamper = lambda answer: answer | {"verificationMethod": "NEW\n" + "X" * 100}
    back()
    assert (gated.row.status, gated.row.verification_method) == (Status.APPROVED, "NEW" + "X" * 29)


def test_refusal_without_a_state_names_none(gated, back, wire):
    wire.tamper = lambda answer: answer | {"state": None}
    back()
    assert (gated.row.status, gated.row.remote_state) == (Status.REFUSED, "")


@pytest.mark.parametrize(("hours", "seconds"), [(-1 / 60, -60), (1, 0)])
def test_approval_counts_from_the_earlier_of_both_clocks(gated, challenged, wire, hours, seconds):  # T17, T70
    with time_machine.travel(timezone.now(), tick=False):
        now = timezone.now()
        wire.tamper = lambda answer: answer | {"stateUpdatedAt": (now + timedelta(hours=hours)).isoformat()}
        complete_step_up(gated.client, challenged)
        assert gated.row.approved_at == now + timedelta(seconds=seconds)


def test_service_that_cannot_be_reached_leaves_the_challenge_pending(gated, challenged, authsignal):
    authsignal.down()
    response = complete_step_up(gated.client, challenged)
    assert (response.status_code, response.context["result"]) == (503, Result.UNAVAILABLE)
    assert response["Retry-After"] == "10"
    assert (gated.row.status, gated.row.events.get().kind) == (Status.PENDING, ActionEvent.Kind.OUTAGE)
    authsignal.up()
    assert complete_step_up(gated.client, challenged).headers["Location"] == "/gated/"


def test_service_that_refuses_the_question_is_an_alarm(gated, challenged, authsignal):
    authsignal.fail_next(422)
    response = complete_step_up(gated.client, challenged)
    assert (response.status_code, response.context["result"]) == (502, Result.ERROR)
    noted = gated.row.events.get()
    assert (gated.row.status, noted.kind) == (Status.PENDING, ActionEvent.Kind.ANOMALY)
    assert "422" in noted.detail


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
@pytest.mark.parametrize("words", [["SELECT", "authsignal"], ["UPDATE", "authsignal"]], ids=str)
def test_database_that_fails_approves_nothing(gated, challenged, words, error):  # F20, F22
    with broken_database(*words, error=error):
        response = complete_step_up(gated.client, challenged)
    assert (response.status_code, response.context["result"]) == (503, Result.UNAVAILABLE)
    assert response["Retry-After"] == "10"
    assert gated.row.status == Status.PENDING


# Races: something else happens while the service is asked


@pytest.mark.parametrize(
    ("meanwhile", "expected"),
    [
        ({"status": Status.APPROVED, "approved_at": timezone.now()}, Result.APPROVED),
        ({"status": Status.SPENT, "spent_at": timezone.now()}, Result.APPROVED),
        ({"status": Status.VOID}, Result.EXPIRED),
        ({"status": Status.REFUSED}, Result.EXPIRED),
        ({"expires_at": timezone.now() - timedelta(hours=1)}, Result.EXPIRED),
    ],
    ids=lambda value: str(value.get("status", "expires")) if isinstance(value, dict) else str(value),
)
def test_row_that_changed_while_the_service_was_asked_keeps_its_change(
    gated, rf, wire, challenged, alice, meanwhile, expected
):  # T6
    request = rf.get("/")
    request.user, request.session = alice, gated.client.session
    wire.before = lambda sent: ROWS.update(**meanwhile)
    token = challenged.step_up.url.partition("token=")[2]
    wire.tamper = lambda answer: answer | {"isValid": True, "state": "CHALLENGE_SUCCEEDED"}
    assert complete(request, challenged.step_up.key, token).result == expected
    assert gated.row.status == meanwhile.get("status", Status.PENDING)


def test_approval_of_another_row_is_none_of_one_that_ended_meanwhile(gated, wire, challenged):  # T5
    other = gated.row
    other.pk, other.idempotency_key, other.binding = None, uuid.uuid4(), "v1:other"
    other.status, other.approved_at = Status.APPROVED, timezone.now()
    other.save()
    wire.before = lambda sent: ROWS.filter(status=Status.PENDING).update(status=Status.VOID)
    response = complete_step_up(gated.client, challenged)
    response = gated.client.get(response.headers["Location"])
    assert response.context["result"] == Result.EXPIRED


def test_refusal_of_a_row_that_ended_meanwhile_changes_nothing(gated, back, wire):
    wire.before = lambda sent: ROWS.update(status=Status.VOID, reason="operator")
    assert back("fail").context["result"] == Result.EXPIRED
    assert (gated.row.status, gated.row.reason) == (Status.VOID, "operator")


class ReadsElsewhere:
    def db_for_read(self, model, **hints):
        assert model._meta.app_label != "authsignal", f"{model.__name__} was read from a replica"

    def db_for_write(self, model, **hints):
        return "default"


def test_rows_are_read_where_they_are_written(gated, challenged, wire, settings):  # T72
    settings.DATABASE_ROUTERS = [ReadsElsewhere()]
    wire.before = lambda sent: ROWS.update(status=Status.APPROVED, approved_at=timezone.now())
    assert complete_step_up(gated.client, challenged).headers["Location"] == "/gated/"


@pytest.mark.parametrize("token", ["", "x" * 4097])
def test_token_that_cannot_be_one_is_not_asked_about(gated, challenged, authsignal, token):  # T24
    calls = len(authsignal.requests)
    gated.client.get(f"/step-up/return/{challenged.step_up.key}/", {"token": token})
    assert (len(authsignal.requests), gated.row.status) == (calls, Status.PENDING)


def test_longest_token_is_asked_about(gated, challenged, authsignal):
    calls = len(authsignal.requests)
    gated.client.get(f"/step-up/return/{challenged.step_up.key}/", {"token": "x" * 4096})
    assert len(authsignal.requests) == calls + 1


@pytest.fixture
def answered(rf, gated, alice, challenged):
    """`answered()` is what a return with the challenge's token comes to."""

    def complete_again():
        request = rf.get("/")
        request.user, request.session = alice, gated.client.session
        return complete(request, challenged.step_up.key, challenged.step_up.url.partition("token=")[2])

    return complete_again


def test_only_an_approval_leads_on_however_often_it_is_loaded(answered, wire):
    wire.tamper = lambda answer: answer | {"isValid": True, "state": "CHALLENGE_SUCCEEDED"}
    assert [answered() for _ in range(3)] == [Completion(Result.APPROVED, "/gated/", "")] * 3


def test_refusal_leads_nowhere(answered, wire):
    wire.tamper = lambda answer: answer | {"isValid": False, "state": "CHALLENGE_FAILED"}
    assert [answered() for _ in range(2)] == [Completion(Result.REFUSED, "", "")] * 2


# Status


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"status": Status.CREATED}, "pending"),
        ({}, "pending"),
        ({"expires_at": timezone.now() - timedelta(hours=1)}, "expired"),
        ({"status": Status.APPROVED, "approved_at": timezone.now()}, "approved"),
        (
            {
                "status": Status.APPROVED,
                "approved_at": timezone.now() - timedelta(hours=1),
                "expires_at": timezone.now() - timedelta(minutes=55),
            },
            "expired",
        ),
        ({"status": Status.SPENT, "spent_at": timezone.now()}, "spent"),
        ({"status": Status.REFUSED}, "refused"),
        ({"status": Status.VOID}, "expired"),
    ],
)
def test_status_is_one_word(gated, challenged, values, word):
    ROWS.update(**values)
    assert status(status_capability(challenged.step_up.key)) == word


def test_capability_for_no_row_says_expired(db):
    assert status(status_capability(uuid.uuid4())) == "expired"


def test_capability_that_is_forged_or_old_says_nothing(db, settings):
    capability = status_capability(uuid.uuid4())
    other_salt = signing.TimestampSigner(salt="other").sign(str(uuid.uuid4()))
    for forged in ("", str(uuid.uuid4()), capability[:-1], capability + "x", other_salt):
        assert status(forged) is None
    with time_machine.travel(timezone.now() + timedelta(seconds=890)):
        assert status(capability) == "expired"
    with time_machine.travel(timezone.now() + timedelta(seconds=901)):
        assert status(capability) is None


def test_capability_survives_a_rotation_of_the_secret_key(gated, challenged, settings):
    capability = status_capability(challenged.step_up.key)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "new"
    assert status(capability) == "pending"
    settings.SECRET_KEY_FALLBACKS = []
    assert status(capability) is None
