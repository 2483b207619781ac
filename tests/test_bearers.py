"""Callers without a session: a secret of their own stands in for the browser's nonce."""

from __future__ import annotations

from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client

from django_authsignal.bearers import Bearer, bearer_of
from django_authsignal.decorators import gate
from django_authsignal.digests import digests
from django_authsignal.models import Status, TrackedAction
from django_authsignal.policy import StepUpPolicy
from django_authsignal.testing.steps import complete_step_up

from .gated import ACTION, broken_database
from .gated import gated as gated
from .gated import wire as wire


class Api:
    """A caller with a bearer token of its own, whose view asks the gate as the REST framework's mixin does."""

    def __init__(self, gated, user):
        self.gated, self.user = gated, user
        self.policy = StepUpPolicy(ACTION, max_age=60)
        gated.serve(self.view)

    def view(self, request):
        request.user = self.user
        stopped, decision = gate(request, self.policy, bearer_of(request))
        return stopped or HttpResponse(f"done {decision.reason}")

    def post(self, data=None, *, key="", token=""):
        headers = {"Authsignal-Step-Up": key, "Authsignal-Token": token}
        return Client().post("/gated/", data or {"amount": "5"}, headers={k: v for k, v in headers.items() if v})


@pytest.fixture
def api(gated, authsignal, alice):
    authsignal.challenge(ACTION)
    return Api(gated, alice)


def passed(response, result="approve"):
    """What the hosted page's redirect carries after *result*."""

    class Redirected:
        def get(self, url, **extra):
            return SimpleNamespace(token=parse_qs(urlsplit(url).query)["token"][0])

    return complete_step_up(Redirected(), response, result).token


def key_of(response):
    body = response.json()
    return f"{body['key']}.{body['resume']}"


def test_refusal_hands_over_key_and_secret_once(api):
    first = api.post()
    assert (first.status_code, first["WWW-Authenticate"]) == (
        403,
        'Bearer error="insufficient_user_authentication"',
    )
    again = api.post(key=key_of(first))
    assert (again.json()["key"], "resume" in again.json()) == (first.json()["key"], False)
    assert again.json()["challenge_url"].startswith("http")
    assert TrackedAction.objects.count() == 1


def test_pending_challenge_needs_no_session_to_be_shown_again(api):
    view = api.view

    def without_a_session(request):
        del request.session
        return view(request)

    api.gated.serve(without_a_session)
    first = api.post()
    again = api.post(key=key_of(first))
    assert (again.status_code, again.json()["key"]) == (403, first.json()["key"])


def test_nobody_is_led_back_to_what_a_caller_without_a_session_reads(api):
    response = Client().get("/gated/")
    assert (response.status_code, TrackedAction.objects.get().return_path) == (403, "")


def test_caller_that_passed_the_challenge_goes_on_once(api):
    first = api.post()
    key, token = key_of(first), passed(first)
    assert api.post(key=key, token=token).content == b"done challenge"
    assert api.post(key=key, token=token).status_code == 409


def test_allow_opens_no_window_for_a_caller_without_a_session(api, authsignal):
    authsignal.allow(ACTION)
    assert api.post().content == b"done allow"
    assert api.post().content == b"done allow"
    assert len(authsignal.requests) == 2


@pytest.mark.parametrize("change", ["no secret", "other secret", "other content", "other user"])
def test_approval_is_for_the_caller_content_and_user_that_asked(api, bob, change):  # T2, T4, T21
    first = api.post()
    key, token = key_of(first), passed(first)
    if change == "other user":
        api.user = bob
    key = {"no secret": key.partition(".")[0], "other secret": key[:-43] + "A" * 43}.get(change, key)
    response = api.post({"amount": "6"} if change == "other content" else None, key=key, token=token)
    assert (response.status_code, response.json()["code"]) == (403, "step_up_required")


@pytest.mark.parametrize(("result", "status", "row"), [("quit", 403, Status.PENDING), ("fail", 403, Status.REFUSED)])
def test_token_that_proves_no_success_lets_nothing_pass(api, result, status, row):  # T15, T24
    first = api.post()
    response = api.post(key=key_of(first), token=passed(first, result))
    assert (response.status_code, TrackedAction.objects.get().status) == (status, row)
    assert response.json()["code"] == ("step_up_required" if result == "quit" else "step_up_blocked")
    assert (response.step_up.key, response.step_up.reason) == (
        TrackedAction.objects.get().idempotency_key,
        "" if result == "quit" else "challenge",
    )


def test_token_of_another_action_is_not_believed(api):  # T2
    first, other = api.post(), api.post({"amount": "6"})
    assert api.post(key=key_of(first), token=passed(other)).json()["code"] == "step_up_required"


@pytest.mark.parametrize("token", ["x", "x" * 5000])
def test_nonsense_is_not_believed(api, token):  # T24
    assert api.post(key=key_of(api.post()), token=token).json()["code"] == "step_up_required"


def test_service_or_database_that_fails_lets_nothing_pass(api, authsignal):  # F20
    first = api.post()
    key, token = key_of(first), passed(first)
    row = TrackedAction.objects.get().idempotency_key
    authsignal.down()
    outage = api.post(key=key, token=token)
    assert (outage.status_code, outage.step_up.key, outage.step_up.retry_after) == (503, row, 10)
    authsignal.up()
    authsignal.fail_next(422)
    error = api.post(key=key, token=token)
    assert (error.status_code, error.step_up.key) == (502, row)
    with broken_database("authsignal", error=OperationalError):
        assert api.post(key=key, token=token).status_code == 503
    assert api.post(key=key, token=token).status_code == 200


def test_row_that_ended_while_its_token_was_asked_about_is_asked_anew(api, wire):  # T6
    first = api.post()
    token = passed(first)

    def end(request):
        wire.before = lambda request: None
        TrackedAction.objects.update(status=Status.VOID)

    wire.before = end
    response = api.post(key=key_of(first), token=token)
    assert response.json()["code"] == "step_up_required"
    assert response.json()["key"] != first.json()["key"]


def test_row_that_another_request_approved_meanwhile_is_spent_once(api, wire):  # T6
    first = api.post()
    key, token = key_of(first), passed(first)
    answers = []

    def overtake(request):
        wire.before = lambda request: None
        answers.append(api.post(key=key, token=token).status_code)

    wire.before = overtake
    answers.append(api.post(key=key, token=token).status_code)
    assert sorted(answers)[0] == 200
    assert answers.count(200) == 1


def test_row_keeps_only_a_digest_of_the_secret(api):  # T66, T73
    secret = api.post().json()["resume"]
    assert secret not in repr(TrackedAction.objects.values())
    assert secret not in repr(Bearer(secret, is_new=True, token=secret))


@pytest.mark.parametrize(
    "header", ["", "key", "key.", "key.short", "key." + "a" * 44, "key." + "é" * 43, "key.x." + "a" * 43]
)
def test_header_without_a_secret_of_ours_is_a_new_caller(rf, header):
    bearer = bearer_of(rf.get("/", headers={"Authsignal-Step-Up": header, "Authsignal-Token": "t"}))
    assert (bearer.is_new, len(bearer.secret), bearer.token) == (True, 43, "")


def test_header_names_the_caller_and_its_token(rf):
    secret = "a" * 43
    headers = {"Authsignal-Step-Up": f"key.{secret}"}
    assert bearer_of(rf.post("/", headers=headers)) == Bearer(secret, is_new=False, token="")
    caller = bearer_of(rf.post("/", headers={**headers, "Authsignal-Token": "passed"}))
    assert caller == Bearer(secret, is_new=False, token="passed")
    assert caller.channels == digests("resume", secret)
