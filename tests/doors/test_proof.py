"""Proof: an operation that demands it runs on what was approved and on nothing else, whoever swallows what (T37)."""

from __future__ import annotations

import time

import pytest
from django.core.exceptions import PermissionDenied

from django_authsignal.services.proof import Proof
from django_authsignal.testing import assert_step_up_required, complete_step_up
from tests.journeys.steps import press_continue, statuses

from . import views

LEFT = ["/pay/", "/pay/mixin/", "/area/pay/"]
"""Views whose proof was left on the request by the decorator, the mixin and the middleware."""
FORM = {"amount": "5"}


@pytest.fixture(autouse=True)
def _challenged(authsignal, settings):
    authsignal.challenge("pay")
    settings.AUTHSIGNAL_PROTECT = {"area:pay": {"action": "pay", "bind": ["amount"]}}


@pytest.fixture
def proof(client, done):
    """What the gate gave for a payment of 5."""
    holding = client.post("/pay/", FORM)
    complete_step_up(client, holding)
    request = press_continue(client, holding).wsgi_request
    assert done == ["5"]
    return request.step_up_proof


@pytest.mark.parametrize("path", [*LEFT, "/pay/asking/"])
def test_operation_runs_on_the_proof_of_what_was_approved(client, done, path):  # T37
    holding = client.post(path, FORM)
    assert_step_up_required(holding, "pay")
    complete_step_up(client, holding)
    assert press_continue(client, holding).content == b"paid"
    assert (done, statuses()) == (["5"], ["spent"])


@pytest.mark.parametrize("answer", ["ALLOW", "CHALLENGE_REQUIRED", "BLOCK", "REVIEW_REQUIRED", "NEWLY_INVENTED"])
def test_view_that_swallows_every_exception_executes_nothing_unproven(client, done, authsignal, answer):  # T37
    authsignal.answer("pay", answer)
    assert client.post("/pay/careless/", FORM).content == b"whatever"
    assert done == (["5"] if answer == "ALLOW" else [])


@pytest.mark.parametrize("fault", ["down", "500", "anonymous", "transaction"])
def test_view_that_swallows_faults_executes_nothing(client, done, authsignal, request, fault):  # T37 T40
    match fault:
        case "down":
            authsignal.down()
        case "500":
            authsignal.fail_next(500, times=2)
        case "anonymous":
            client.logout()
        case "transaction":
            request.getfixturevalue("atomic_requests")
    assert client.post("/pay/careless/", FORM).content == b"whatever"
    assert done == []


def test_proof_for_one_amount_pays_no_other(client, done):  # T4 T37
    form = {"amount": "5", "really": "5000"}
    complete_step_up(client, client.post("/pay/other/", form))
    assert client.post("/pay/other/", form).status_code == 403
    assert done == []


def test_view_without_a_gate_has_no_proof_to_pay_with(client, done, settings):  # T37
    settings.AUTHSIGNAL_PROTECT = {}
    with pytest.raises(ValueError, match="no proof"):
        client.post("/area/pay/", FORM)
    assert done == []


@pytest.mark.parametrize("path", ["/peek/", "/area/peek/"])
def test_login_that_passes_is_no_proof_of_anything_else(client, settings, authsignal, done, path):  # T37
    """A view that looks whether there is a proof must not find the login's."""
    authsignal.challenge("signIn")
    settings.AUTHSIGNAL_SIGN_IN_ACTION = "signIn"
    complete_step_up(client, client.post(path, FORM))
    assert client.post(path, FORM).content == b"done"
    assert views.SEEN == [None]


def test_proof_of_the_area_is_left_after_the_login_passed(client, settings, authsignal, done):
    settings.AUTHSIGNAL_SIGN_IN_ACTION = "signIn"
    authsignal.allow("pay")
    assert client.post("/area/pay/", FORM).content == b"paid"
    assert done == ["5"]


# Nothing is stopped where nothing is to be stopped


@pytest.mark.parametrize("path", [*LEFT, "/pay/asking/"])
@pytest.mark.parametrize("answer", ["ALLOW", "CHALLENGE_REQUIRED", "BLOCK"])
def test_report_only_stops_no_operation_that_demands_proof(client, done, settings, authsignal, path, answer):
    authsignal.answer("pay", answer)
    settings.AUTHSIGNAL_MODE = "report_only"
    assert client.post(path, FORM).content == b"paid"
    assert (done, statuses()) == (["5"], ["void"])


def test_report_only_stops_no_operation_during_an_outage(client, done, settings, authsignal):
    authsignal.down()
    assert client.post("/pay/asking/watched/", FORM).content == b"paid"
    assert done == ["5"]


@pytest.mark.parametrize("path", ["/pay/asking/unless/", "/pay/unless/"])
def test_operation_that_is_not_protected_now_is_not_stopped_for_want_of_proof(client, done, authsignal, path):
    """`when` says that this request needs no step-up."""
    assert client.post(path, FORM).content == b"paid"
    assert (done, authsignal.requests) == (["5"], [])


@pytest.mark.parametrize("kind", ["unenrolled", "unavailable"])
def test_bypass_by_policy_gives_proof_that_says_so(client, alice, done, settings, authsignal, kind):
    settings.AUTHSIGNAL_ACTIONS = {"pay": {"unenrolled": "allow", "on_unavailable": "allow"}}
    authsignal.unenrolled(alice) if kind == "unenrolled" else authsignal.down()
    request = client.post("/pay/", FORM).wsgi_request
    assert (done, request.step_up_proof.reason) == (["5"], kind)


# Carried to where it is used later


def test_task_acts_later_on_the_very_request(proof, done):  # T37
    sealed = proof.seal()
    views.pay(Proof.unseal(sealed), "5")
    assert done == ["5", "5"]


@pytest.mark.parametrize("amount", ["6", 5, "5.00", "", None])
def test_task_does_nothing_else(proof, done, amount):  # T4 T37
    with pytest.raises(PermissionDenied):
        views.pay(Proof.unseal(proof.seal()), amount)
    assert done == ["5"]


@pytest.mark.parametrize("action", ["look", "Pay", "pay2", ""])
def test_proof_is_for_its_action(proof, action):  # T3
    with pytest.raises(PermissionDenied, match="does not cover"):
        proof.must_cover(action, amount="5")


def test_what_was_not_bound_is_not_covered(proof):
    with pytest.raises(PermissionDenied, match="payee"):
        proof.must_cover("pay", amount="5", payee="Ann")


@pytest.mark.parametrize("place", [0, 10, -1])
def test_sealed_proof_that_was_tampered_with_is_none(proof, place):
    sealed = list(proof.seal())
    sealed[place] = "A" if sealed[place] != "A" else "B"
    with pytest.raises(PermissionDenied):
        Proof.unseal("".join(sealed))


def test_sealed_proof_ends_after_an_hour(proof, time_machine):
    sealed = proof.seal()
    now = time.time()
    time_machine.move_to(now + 3599)
    Proof.unseal(sealed).must_cover("pay", amount="5")
    time_machine.move_to(now + 3602)
    with pytest.raises(PermissionDenied, match="too old"):
        Proof.unseal(sealed)


def test_sealed_proof_of_another_installation_is_none(proof, settings):  # T47
    sealed = proof.seal()
    settings.SECRET_KEY = "another installation's"
    with pytest.raises(PermissionDenied):
        Proof.unseal(sealed)


def test_sealed_proof_outlives_a_rotation_of_the_key(proof, settings):
    sealed, old = proof.seal(), settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", [old]
    Proof.unseal(sealed).must_cover("pay", amount="5")
    with pytest.raises(PermissionDenied):
        Proof.unseal(sealed).must_cover("pay", amount="6")
