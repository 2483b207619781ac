"""Django Ninja's operations behind the gate, for callers with a session and with a token."""

from __future__ import annotations

import pytest
from django.db import connection
from django.urls import path
from ninja import NinjaAPI, Schema
from ninja.security import HttpBearer, django_auth
from rest_framework.authtoken.models import Token

from django_authsignal.contrib.ninja import answer_refusals, require_step_up
from django_authsignal.exceptions import StepUpRequired
from django_authsignal.testing import assert_step_up_required, assert_tracked
from example_project.urls import urlpatterns as bank_urls

from .api import ACTION, CSRF, PAYMENT, Caller, codes

PATH = "/ninja/pay"


class Terms(Schema):
    amount: float
    payee: str


class Tokens(HttpBearer):
    """Leaves its user in ``request.auth`` only, as Ninja's documentation shows."""

    def authenticate(self, request, token):
        found = Token.objects.filter(key=token).select_related("user").first()
        return found and found.user


class SigningIn(Tokens):
    """Sets ``request.user`` as well, as JWT packages do."""

    def authenticate(self, request, token):
        user = super().authenticate(request, token)
        request.user = user or request.user
        return user


class Customer(Caller):
    def __init__(self, kind, user):
        super().__init__("session" if kind == "session" else "bearer", user)
        if self.kind == "bearer" and user:
            token = Token.objects.get_or_create(user=user)[0].key
            self.client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")

    def send(self, data=PAYMENT, at=PATH, **options):
        return super().send(data, at=at, **options)


@pytest.fixture
def done():
    return []


@pytest.fixture(autouse=True)
def api(settings, authsignal, done):
    api = NinjaAPI(auth=[SigningIn(), django_auth], urls_namespace="ninja")
    answer_refusals(api)

    def pay(request, terms: Terms):
        proof = require_step_up(request, ACTION, bind=terms.dict())
        proof.must_cover(ACTION, amount=terms.amount)
        done.append(terms.dict())
        return {"done": len(done)}

    def swallow(request, terms: Terms):
        try:
            done.append(require_step_up(request, ACTION, bind=terms.dict()))
        except Exception:
            return {"done": 0}
        return {"done": 1}

    api.post("/pay")(pay)
    api.post("/open", auth=None)(pay)
    api.post("/token", auth=Tokens())(pay)
    api.post("/swallow")(swallow)
    settings.ROOT_URLCONF = (path("ninja/", api.urls), *bank_urls)
    authsignal.challenge(ACTION)
    return api


@pytest.fixture(params=["session", "bearer"])
def customer(request, alice):
    return Customer(request.param, alice)


@pytest.mark.parametrize("debug", [False, True])
def test_operation_runs_once_after_the_challenge(customer, settings, done, debug):
    settings.DEBUG = debug
    refused = customer.send()
    assert_step_up_required(refused, ACTION)
    assert (refused["Content-Type"], "resume" in refused.json()) == (
        "application/problem+json",
        customer.kind == "bearer",
    )
    headers = customer.verified(refused)
    assert_step_up_required(customer.send(PAYMENT | {"amount": 6}, headers=headers), ACTION)
    assert customer.send(headers=headers).json() == {"done": 1}
    assert customer.send(headers=headers).json()["code"] == "step_up_already_used"
    assert done == [PAYMENT]
    assert_tracked(ACTION, custom={"amount": 5, "payee": "Landlord"}, times=1)


def test_user_is_found_in_what_the_authentication_returned(alice, done):
    customer = Customer("bearer", alice)
    headers = customer.verified(customer.send(at="/ninja/token"))
    assert customer.send(at="/ninja/token", headers=headers).status_code == 200
    assert_tracked(ACTION, times=1)


@pytest.mark.parametrize("wrong", [{"Authsignal-Token": "x"}, {"Authsignal-Step-Up": f"{'0' * 32}.{'x' * 43}"}])
def test_wrong_secret_or_token_does_nothing(alice, done, wrong):
    customer = Customer("bearer", alice)
    headers = customer.verified(customer.send())
    assert_step_up_required(customer.send(headers=headers | wrong), ACTION)
    assert done == []


def test_approval_of_a_token_serves_no_session_and_no_other_user(alice, bob, done):  # T35
    customer = Customer("bearer", alice)
    headers = customer.verified(customer.send())
    for other in (Customer("session", alice), Customer("bearer", bob)):
        assert_step_up_required(other.send(headers=headers), ACTION)
    assert done == []


@pytest.mark.parametrize("at", [PATH, "/ninja/open", "/ninja/token"])
def test_strangers_track_nothing(db, authsignal, done, at):  # T34 A26
    assert Customer("bearer", None).send(at=at).status_code in (401, 403)  # Ninja checks for forgery first
    assert (authsignal.requests, codes(), done) == ([], [], [])


def test_forged_request_tracks_nothing(alice, authsignal):  # T28
    customer = Customer("session", alice)
    customer.client.credentials(HTTP_X_CSRFTOKEN=CSRF[::-1].replace("c", "d"))
    assert customer.send().status_code == 403
    assert authsignal.requests == []


def test_invalid_data_track_nothing(customer, authsignal):
    assert customer.send({"amount": "much"}).status_code == 422
    assert authsignal.requests == []


def test_operation_that_swallows_every_exception_has_no_proof(customer, done):  # T37
    assert customer.send(at="/ninja/swallow").json() == {"done": 0}
    assert done == []


def test_without_the_handler_the_middleware_answers(customer, api, done):
    del api._exception_handlers[StepUpRequired]
    assert_step_up_required(customer.send(), ACTION)


@pytest.mark.django_db(transaction=True)
def test_operation_fails_closed_under_atomic_requests(customer, authsignal, done):  # T8
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    try:
        customer.client.raise_request_exception = True
        with pytest.raises(RuntimeError, match="non_atomic_requests"):
            customer.send()
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = False
    assert (authsignal.requests, done) == ([], [])
