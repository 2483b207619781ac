"""The gate as a call."""

from __future__ import annotations

from decimal import Decimal

import pytest
import time_machine
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpResponse

from django_authsignal.decorators import step_up_required
from django_authsignal.models import ActionEvent, Status
from django_authsignal.policy import StepUpPolicy
from django_authsignal.services.pages import sign_page
from django_authsignal.shortcuts import (
    StepUpRequired,
    StepUpStatus,
    arequire_step_up,
    atrack,
    proof_of,
    require_step_up,
    step_up_status,
    step_up_unlock_url,
    track,
)
from django_authsignal.testing import assert_tracked, complete_step_up

from .gated import ACTION, outcome
from .gated import gated as gated


@pytest.fixture
def calling(gated):
    """`calling(ACTION, **arguments)` serves a view that asks and says what it got."""

    def serve(*arguments, **policy):
        def view(request):
            gated.proofs.append(require_step_up(request, *arguments, **policy))
            return HttpResponse("done")

        gated.serve(view)
        return gated

    gated.proofs = []
    return serve


@pytest.fixture
def acalling(gated):
    def serve(*arguments, **policy):
        async def view(request):
            gated.proofs.append(await arequire_step_up(request, *arguments, **policy))
            return HttpResponse("done")

        gated.serve(view)
        return gated

    gated.proofs = []
    return serve


@pytest.fixture(params=["calling", "acalling"])
def either(request):
    return request.getfixturevalue(request.param)


def test_challenge_is_answered_by_the_middleware_and_the_approval_proves_it(either, authsignal):
    authsignal.challenge(ACTION)
    gated = either(ACTION, bind={"amount": Decimal("5000.00")})
    stopped = gated.post()
    assert (outcome(stopped), stopped.status_code, gated.proofs) == ("challenge", 403, [])
    assert "Continue" in stopped.content.decode()
    complete_step_up(gated.client, stopped)
    assert gated.post().content == b"done"
    (proof,) = gated.proofs
    assert (proof.action, proof.key, proof.reason) == (ACTION, gated.row.idempotency_key, "challenge")
    proof.must_cover(ACTION, amount=Decimal("5000.00"))
    assert_tracked(ACTION, custom={"amount": 5000}, times=1)


def test_approval_for_other_values_is_not_this_one(either, authsignal):  # T4
    authsignal.challenge(ACTION)
    gated = either(ACTION, bind={"amount": Decimal("5000.00")})
    complete_step_up(gated.client, gated.post())
    either(ACTION, bind={"amount": Decimal("5000.01")})
    assert outcome(gated.post()) == "challenge"


@pytest.mark.parametrize(
    ("policy", "reason", "has_key"),
    [
        ({}, "allow", True),
        ({"mode": "report_only"}, "report_only", False),
        ({"when": lambda request: False}, "exempt", False),
        ({"unenrolled": "allow"}, "unenrolled", True),
    ],
)
def test_proof_says_why(either, authsignal, alice, policy, reason, has_key):
    if reason == "unenrolled":
        authsignal.unenrolled(alice)
    gated = either(ACTION, **policy)
    assert gated.get().content == b"done"
    (proof,) = gated.proofs
    assert (proof.action, proof.reason, proof.key is not None) == (ACTION, reason, has_key)


def test_window_proves_itself_without_a_key(either, authsignal):
    gated = either(ACTION, max_age=60)
    gated.get()
    gated.get()
    assert [(proof.reason, proof.key is None) for proof in gated.proofs] == [("allow", False), ("window", True)]


def test_bypass_during_an_outage_is_no_silent_one(either, authsignal):  # T40
    authsignal.down()
    gated = either(ACTION, on_unavailable="allow")
    assert gated.get().content == b"done"
    assert gated.proofs[0].reason == "unavailable"
    assert gated.row.events.get().kind == ActionEvent.Kind.BYPASSED


def test_policy_may_be_one_value_refined_by_arguments(either, authsignal):
    authsignal.block(ACTION)
    gated = either(StepUpPolicy(ACTION), mode="report_only")
    assert gated.get().content == b"done"


def test_central_settings_count_here_too(either, authsignal, settings):
    authsignal.block(ACTION)
    settings.AUTHSIGNAL_ACTIONS = {ACTION: {"mode": "report_only"}}
    assert either(ACTION).get().content == b"done"


def test_stranger_is_sent_to_sign_in(client, either, authsignal):  # T34
    either(ACTION)
    assert client.get("/gated/").headers["Location"] == "/sign-in/?next=/gated/"
    assert authsignal.requests == []


def test_refusal_is_a_permission_denied_with_its_decision(rf):
    request = rf.get("/")
    with pytest.raises(PermissionDenied) as caught:
        require_step_up(request, ACTION)
    assert isinstance(caught.value, StepUpRequired)
    assert str(caught.value) == "step-up for 'pay': login"
    assert caught.value.decision.outcome == "login"


def test_without_the_middleware_a_refusal_is_a_plain_403(calling, authsignal, settings):
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "StepUp" not in name]
    authsignal.block(ACTION)
    gated = calling(ACTION)
    response = gated.get()
    assert (response.status_code, outcome(response), gated.proofs) == (403, None, [])


@pytest.mark.parametrize("bind", [{}, {"amount": object()}, {1: "a"}, "amount"])
def test_values_that_cannot_be_bound_are_a_mistake_of_the_caller(calling, bind, authsignal):
    gated = calling(ACTION, bind=bind)
    with pytest.raises((ImproperlyConfigured, TypeError)):
        gated.post()
    assert authsignal.requests == []


def test_resent_form_that_names_its_spent_row_is_told_so(calling, authsignal):
    authsignal.challenge(ACTION)
    gated = calling(ACTION, bind={"amount": 5})
    key = str(gated.post().step_up.key)
    complete_step_up(gated.client, gated.post())
    form = {"amount": "5", "_step_up_key": key}
    assert gated.post(form).content == b"done"
    assert (gated.post(form).status_code, gated.row.status) == (409, Status.SPENT)


# Without asking


@pytest.mark.parametrize("tracking", [track, atrack])
def test_audit_trail_records_and_never_gates(gated, authsignal, tracking):
    if tracking is track:

        def view(request):
            track(request, "viewedInvoice", custom={"invoice": 7})
            return HttpResponse("done")

    else:

        async def view(request):
            await atrack(request, "viewedInvoice", custom={"invoice": 7})
            return HttpResponse("done")

    authsignal.block("viewedInvoice")
    gated.serve(view)
    assert gated.get().content == b"done"
    assert_tracked("viewedInvoice", custom={"invoice": 7}, times=1)
    assert (gated.row.enforced, gated.row.remote_state) == (False, "BLOCK")
    authsignal.down()
    assert gated.get().content == b"done"


def status_of(gated, *arguments, **policy):
    """What a view, gated or not, learns of its own window."""
    seen = []

    def view(request):
        seen.append(step_up_status(request, *arguments, **policy))
        return HttpResponse("done")

    return view, seen


def test_status_of_a_window_costs_nothing(gated, authsignal, django_assert_num_queries):
    view, seen = status_of(gated, ACTION)
    gated.serve(step_up_required(ACTION, max_age=60)(view))
    with time_machine.travel("2026-01-01 12:00Z", tick=False) as clock:
        gated.client = gated.sign_in()
        gated.get()
        clock.shift(20)
        gated.get()
    assert (len(authsignal.requests), seen[-1]) == (1, StepUpStatus(True, 40, ""))


@pytest.mark.parametrize(
    ("policy", "is_open"),
    [({}, False), ({"max_age": 60}, True), ({"max_age": 60, "minimum": "challenge"}, False), ({"max_age": 1}, False)],
)
def test_status_is_by_the_policy_it_is_asked_under(gated, policy, is_open):
    with time_machine.travel("2026-01-01 12:00Z", tick=False) as clock:
        gated.client = gated.sign_in()
        gated(max_age=60)
        gated.get()
        clock.shift(2)
        view, seen = status_of(gated, ACTION, **policy)
        gated.serve(view)
        gated.get()
    assert seen[0].is_open is is_open


def test_status_of_nobody_and_of_another_action_is_closed(gated, client):
    gated(max_age=60)
    gated.get()
    view, seen = status_of(gated, "other", max_age=60)
    gated.serve(view)
    gated.get()
    client.get("/gated/")
    assert seen == [StepUpStatus(), StepUpStatus()]


@pytest.mark.parametrize("path", ["", "/gated/x/"])
def test_window_can_be_opened_before_anything_is_typed(gated, authsignal, rf, path):
    authsignal.challenge(ACTION)
    gated(max_age=60, methods=["POST"])
    url = step_up_unlock_url(rf.get("/gated/?a=1"), path)
    complete_step_up(gated.client, gated.client.get(url))
    opened = gated.client.get(url)
    assert (opened.status_code, opened.headers["Location"]) == (303, path or "/gated/?a=1")
    assert gated.post().content == b"done"
    assert len([entry for entry in authsignal.requests if len(entry.segments) == 4]) == 1


@pytest.mark.parametrize("path", ["/step-up/enrol/", "/nowhere/", "/gated/"])
def test_page_without_a_window_cannot_be_unlocked(gated, path):
    gated()
    page = sign_page(path)
    assert gated.client.get("/step-up/unlock/", {"page": page}).status_code == 404


@pytest.mark.parametrize("page", ["", "forged"])
def test_page_without_our_signature_cannot_be_unlocked(gated, page):
    gated(max_age=60)
    assert gated.client.get("/step-up/unlock/", {"page": page}).status_code == 404


def test_proof_of_a_gated_request_is_left_for_its_view(gated):
    seen = []

    def view(request):
        seen.append(proof_of(request))
        return HttpResponse("done")

    gated.serve(view)
    gated.get()
    gated.serve(step_up_required(ACTION, bind=["amount"], methods=["POST"])(view))
    gated.get()
    gated.post()
    assert seen[:2] == [None, None]
    seen[2].must_cover(ACTION, amount="5")


def test_view_that_raises_after_the_call_leaves_the_approval_spent(gated):  # T8
    def view(request):
        require_step_up(request, ACTION)
        raise ZeroDivisionError

    gated.serve(view)
    with pytest.raises(ZeroDivisionError):
        gated.get()
    assert gated.row.status == Status.SPENT
