"""The gate as a call."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpResponse

from django_authsignal.models import ActionEvent, Status
from django_authsignal.policy import StepUpPolicy
from django_authsignal.shortcuts import StepUpRequired, arequire_step_up, require_step_up
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


def test_view_that_raises_after_the_call_leaves_the_approval_spent(gated):  # T8
    def view(request):
        require_step_up(request, ACTION)
        raise ZeroDivisionError

    gated.serve(view)
    with pytest.raises(ZeroDivisionError):
        gated.get()
    assert gated.row.status == Status.SPENT
