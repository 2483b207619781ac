"""Window, look, spend: what rows and session decide before anybody is asked."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.utils import timezone

from django_authsignal.bearers import Bearer
from django_authsignal.decorators import step_up_required
from django_authsignal.models import ActionEvent, Status, TrackedAction
from django_authsignal.policy import StepUpPolicy
from django_authsignal.protection import sign_in_policy
from django_authsignal.services.decision import Outcome
from django_authsignal.services.stepup import require, watch
from django_authsignal.testing import complete_step_up
from tests.gated import ACTION, broken_database, outcome

ROWS = TrackedAction.objects


@pytest.fixture
def approved(gated, authsignal):
    """`approved(**policy)`: a form whose challenge was passed; the row is returned."""

    def approve(**policy):
        authsignal.challenge(ACTION)
        gated(**policy)
        complete_step_up(gated.client, gated.post())
        assert gated.row.status == Status.APPROVED
        return gated.row

    return approve


def meanwhile(act):
    """Do *act* when the next row is about to be spent: after the look, before the UPDATE."""

    def execute(run, sql, params, many, context):
        if sql.startswith("UPDATE") and "trackedaction" in sql and not act.done:
            act.done = True
            act()
        return run(sql, params, many, context)

    act.done = False
    return connection.execute_wrapper(execute)


def test_when_decides_which_requests_are_protected(gated, authsignal):
    gated(when=lambda request: request.method == "POST")
    assert gated.get().content == b"done"
    assert authsignal.requests == []
    gated.post()
    assert len(authsignal.requests) == 1


def test_value_that_cannot_be_bound_is_told_and_nothing_tracked(gated, authsignal):
    gated(bind=["payee"])
    response = gated.post({"amount": "5"})
    assert (response.status_code, outcome(response)) == (400, "invalid")
    assert "“payee” is missing" in response.content.decode()
    assert (authsignal.requests, ROWS.count()) == ([], 0)


def test_every_value_that_is_wrong_is_told_with_its_name(gated, authsignal):
    def bind(request):
        raise ValidationError({"payee_name": ["Nobody.", "Again."], NON_FIELD_ERRORS: ["Too much."]})

    gated(bind=bind)
    response = gated.post()
    assert outcome(response) == "invalid"
    assert response.step_up.details == ("Payee name: Nobody.", "Payee name: Again.", "Too much.")
    assert authsignal.requests == []


# Spending


def test_approval_lost_to_another_request_is_told_as_used(gated, approved):  # T6
    row = approved()

    def win():
        ROWS.filter(pk=row.pk).update(status=Status.SPENT, spent_at=timezone.now())

    with meanwhile(win):
        response = gated.post()
    assert (response.status_code, outcome(response), gated.runs) == (409, "already_used", 0)
    assert (response.step_up.key, response.step_up.reason) == (row.idempotency_key, "")


@pytest.fixture
def signing_in(gated, authsignal, settings):
    """A login whose challenge was passed, and its row; nothing was done with it yet."""
    settings.AUTHSIGNAL_SIGN_IN_ACTION = "signIn"
    authsignal.challenge("signIn")
    gated.serve(gated.view)
    complete_step_up(gated.client, gated.get())
    return gated.row


def test_login_passes_with_an_approval_lost_to_another_request_of_it(gated, signing_in):  # T6
    with meanwhile(lambda: ROWS.update(status=Status.SPENT, spent_at=timezone.now())):
        assert gated.get().content == b"done"
    assert ROWS.count() == 1


def ask_about_login(rf, gated, alice):
    request = rf.get("/gated/")
    request.user, request.session = alice, gated.client.session
    decision = require(request, sign_in_policy(), of_login=True)
    return decision.outcome, decision.reason


def test_login_that_has_passed_meanwhile_says_so(rf, gated, signing_in, alice):
    with meanwhile(lambda: ROWS.update(status=Status.SPENT, spent_at=timezone.now())):
        assert ask_about_login(rf, gated, alice) == (Outcome.ALLOWED, "passed")
    assert ask_about_login(rf, gated, alice) == (Outcome.ALLOWED, "passed")


def test_login_does_not_pass_with_an_approval_that_another_row_was_spent_for(gated, signing_in):  # T3
    spent = gated.row
    spent.pk, spent.idempotency_key, spent.binding = None, uuid.uuid4(), "v1:other"
    spent.status, spent.spent_at = Status.SPENT, timezone.now()
    spent.save()
    with meanwhile(lambda: ROWS.filter(pk=signing_in.pk).update(status=Status.VOID)):
        assert outcome(gated.get()) == "challenge"
    assert gated.runs == 0


@pytest.mark.parametrize(
    "change",
    [{"remote_state": "CHALLENGE_FAILED"}, {"expires_at": timezone.now() - timedelta(hours=1)}, {"auth_hash": "x"}],
    ids=lambda change: "-".join(change),
)
def test_approval_withdrawn_at_the_last_moment_is_asked_anew(gated, approved, change):  # T16
    row = approved()
    with meanwhile(lambda: ROWS.filter(pk=row.pk).update(**change)):
        response = gated.post()
    row.refresh_from_db()
    assert (outcome(response), gated.runs) == ("challenge", 0)
    assert (row.status, row.reason, response.step_up.key != row.idempotency_key) == (Status.VOID, "withdrawn", True)


def test_approval_that_was_spent_is_named_as_used(gated, approved):
    row = approved()
    named = {"amount": "5", "_step_up_key": str(row.idempotency_key)}
    assert gated.post(named).status_code == 200
    again = gated.post(named)
    assert (outcome(again), again.step_up.key) == ("already_used", row.idempotency_key)


def test_approval_by_a_method_that_is_not_accepted_ends(gated, approved):  # T14
    row = approved(verification_methods=["PASSKEY"])
    response = gated.post()
    row.refresh_from_db()
    assert (response.status_code, row.status, row.reason) == (403, Status.REFUSED, "verification_method")
    assert "choose another one" in response.content.decode()
    assert (response.step_up.key, response.step_up.reason) == (row.idempotency_key, "verification_method")


@pytest.mark.parametrize("words", [["SELECT", "authsignal"], ["UPDATE", "authsignal"]], ids=str)
def test_database_that_fails_spends_nothing(gated, approved, words):  # F22
    approved()
    with broken_database(*words):
        assert gated.post().status_code == 503
    assert (gated.runs, gated.row.status) == (0, Status.APPROVED)
    assert gated.post().content == b"done"


def test_rotation_of_the_secret_key_keeps_an_approval(gated, approved, settings):
    approved()
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "new"
    assert gated.post().content == b"done"


def test_other_request_that_names_the_row_is_noted_and_asked(gated, approved):  # A9
    row = approved()
    response = gated.post({"amount": "6", "_step_up_key": str(row.idempotency_key)})
    assert (outcome(response), gated.runs) == ("challenge", 0)
    assert row.events.get().kind == ActionEvent.Kind.MISMATCH


# Report-only, and what a view asks for itself


CALLER = Bearer("a" * 43, is_new=False)


@pytest.fixture
def asked(rf, gated, alice):
    """`asked(policy, bind, …)` is the decision about a form that Alice sends, or another *user* by another *method*."""

    def decide(policy, *arguments, user=alice, method="post", decide=require, **options):
        request = getattr(rf, method)("/gated/", {"amount": "5"})
        request.user, request.session = user, gated.client.session
        return decide(request, policy.resolved(), *arguments, **options)

    return decide


@pytest.mark.parametrize("decide", [watch, require])
def test_watching_binds_what_its_caller_says_and_names_the_caller(asked, gated, authsignal, decide):
    decision = asked(StepUpPolicy(ACTION, mode="report_only"), {"amount": 7}, CALLER, decide=decide)
    assert (decision.allowed, decision.action_code, decision.reason) == (True, ACTION, "report_only")
    row = gated.row
    assert authsignal.requests[0].payload["custom"] == {"amount": 7}
    assert (row.route, row.method, row.channel in CALLER.channels) == ("/gated/", "POST", True)


@pytest.mark.parametrize("decide", [watch, require])
def test_watched_login_is_of_no_single_request(asked, gated, decide):
    asked(StepUpPolicy(ACTION, mode="report_only"), of_login=True, decide=decide)
    assert (gated.row.route, gated.row.method) == ("(sign-in)", "")


# What is decided without a row


def told(decision):
    return decision.outcome, decision.action_code, decision.reason, decision.retry_after


def test_nobody_is_sent_to_log_in_and_a_caller_is_told_as_one(asked):
    decision = asked(StepUpPolicy(ACTION), None, CALLER, user=AnonymousUser())
    assert (*told(decision), decision.bearer) == (Outcome.LOGIN, ACTION, "", None, CALLER)


def test_inactive_user_is_stopped_and_not_sent_to_log_in(asked, alice):  # T22 T34
    alice.is_active = False
    decision = asked(StepUpPolicy(ACTION), None, CALLER)
    assert (*told(decision), decision.bearer) == (Outcome.BLOCKED, ACTION, "", None, CALLER)


@pytest.mark.parametrize("method", ["head", "options"])
def test_method_that_the_gate_answers_itself_is_never_asked_about(asked, authsignal, method):  # T32
    assert told(asked(StepUpPolicy(ACTION), method=method)) == (Outcome.INVALID, ACTION, "", None)
    assert authsignal.requests == []


def test_value_that_cannot_be_read_is_invalid(asked):
    assert told(asked(StepUpPolicy(ACTION, bind=["payee"]))) == (Outcome.INVALID, ACTION, "", None)


def test_window_is_a_reason_of_its_own(asked, gated):
    gated(max_age=60)
    gated.get()
    assert told(asked(StepUpPolicy(ACTION, max_age=60))) == (Outcome.ALLOWED, ACTION, "window", None)


def test_database_that_fails_is_told_as_the_reason(asked):  # F20
    with broken_database("SELECT", "authsignal"):
        decision = asked(StepUpPolicy(ACTION))
    assert told(decision) == (Outcome.UNAVAILABLE, ACTION, "database", 10)


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"auth_hash": "v1:other"}, "changed"), ({"expires_at": timezone.now() - timedelta(hours=1)}, "expired")],
    ids=["changed", "expired"],
)
def test_row_that_fits_no_more_ends_with_its_reason(gated, authsignal, change, reason):
    authsignal.challenge(ACTION)
    gated()
    gated.post()
    row = gated.row
    ROWS.update(**change)
    assert outcome(gated.post()) == "challenge"
    row.refresh_from_db()
    assert (row.status, row.reason) == (Status.VOID, reason)


# Windows


def test_window_is_closed_where_the_policy_has_none(gated, authsignal):
    gated(max_age=60)
    gated.get()
    gated()
    gated.get()
    assert len(authsignal.requests) == 2


@pytest.mark.parametrize(
    ("change", "open_"),
    [
        ({}, True),
        ({"remote_state": "REVIEW_FAILED"}, False),
        ({"status": Status.VOID}, False),
        ({"user": None}, False),
    ],
    ids=str,
)
def test_recheck_believes_the_row(gated, authsignal, change, open_):  # T16
    gated(max_age=60, recheck=True)
    gated.get()
    ROWS.update(**change)
    gated.get()
    assert (len(authsignal.requests) == 1) is open_


def test_recheck_looks_at_the_row_that_opened_the_window_and_at_no_other(gated, authsignal):  # T16
    gated(max_age=60, recheck=True)
    gated.get()
    other = gated.row
    other.pk, other.idempotency_key = None, uuid.uuid4()
    ROWS.update(remote_state="BLOCK")
    other.save()
    gated.get()
    assert len(authsignal.requests) == 2


def test_recheck_that_cannot_look_lets_nothing_pass(gated):
    gated(max_age=60, recheck=True)
    gated.get()
    with broken_database("SELECT", "authsignal"):
        assert gated.get().status_code == 503


# What went on and did not finish


def failing(request):
    raise ZeroDivisionError


async def failing_async(request):
    raise ZeroDivisionError


async def cancelled(request):
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("view", "error"),
    [(failing, ZeroDivisionError), (failing_async, ZeroDivisionError), (cancelled, asyncio.CancelledError)],
)
def test_view_that_does_not_finish_leaves_a_note(gated, view, error):  # K7
    gated.serve(step_up_required(ACTION)(view))
    with pytest.raises(error):
        gated.get()
    assert (gated.row.status, gated.row.events.get().kind) == (Status.SPENT, ActionEvent.Kind.UNFINISHED)


@pytest.mark.parametrize("view", [failing, failing_async])
def test_view_that_was_not_protected_leaves_no_note(gated, view):
    gated.serve(step_up_required(ACTION, methods=["POST"])(view))
    with pytest.raises(ZeroDivisionError):
        gated.get()
    assert ROWS.count() == 0


def test_note_that_cannot_be_written_does_not_hide_the_views_error(gated):
    gated.serve(step_up_required(ACTION)(failing))
    with pytest.raises(ZeroDivisionError), broken_database("INSERT", "actionevent", error=OperationalError):
        gated.get()


def test_view_that_fails_in_a_window_has_no_row_to_note_it_on(gated):
    gated.serve(step_up_required(ACTION, max_age=60)(lambda request: HttpResponse(1 // int(request.GET["by"]))))
    gated.client.get("/gated/?by=1")
    with pytest.raises(ZeroDivisionError):
        gated.client.get("/gated/?by=0")
    assert not gated.row.events.exists()
