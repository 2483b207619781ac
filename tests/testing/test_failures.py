"""What a failed assertion says: what came instead, why, and what to write."""

from __future__ import annotations

import re

import pytest
from asgiref.sync import async_to_sync
from django.http import HttpResponse
from django.test import AsyncClient
from rest_framework.response import Response
from rest_framework.views import APIView

from django_authsignal.contrib.rest_framework import step_up_permission
from django_authsignal.testing import (
    assert_not_tracked,
    assert_step_up_refused,
    assert_step_up_required,
    assert_tracked,
    complete_step_up,
)
from tests.gated import ACTION, PATH
from tests.gated import gated as gated

LET_THROUGH = (
    "status 200, not made by the gate; is the view gated, and was it reached?\n"
    "Asked about was 'pay'; what a test has not decided, as by authsignal.challenge(…), is allowed."
)
WATCHED = (
    "status 200. The gate only watched, and stopped nothing: this action is report_only. In the settings of your tests "
    "let AUTHSIGNAL_MODE be 'enforce', and AUTHSIGNAL_ACTIONS and the view name no other mode."
)
NO_AUTHENTICATOR = (
    "status 403, the gate decided 'enrol' (unenrolled). This user has no authenticator and was asked to enrol. "
    "Give it one with authsignal.enrol(user), or enrol as the user would: "
    "complete_step_up(client, client.post(reverse('authsignal:enrol')))."
)


def says(text):
    return pytest.raises(AssertionError, match=f"^{re.escape(text)}$")


def test_action_that_the_test_did_not_name_was_allowed(authsignal, gated):
    authsignal.challenge("pai")
    response = gated().post()
    with says(f"Expected a challenge, got {LET_THROUGH}"):
        assert_step_up_required(response)
    with says(f"Expected 'blocked', got {LET_THROUGH}"):
        assert_step_up_refused(response, "blocked")
    with says(f"This response leads to no page of Authsignal: {LET_THROUGH}"):
        complete_step_up(gated.client, response)


def test_view_without_a_gate_asked_nobody(gated):
    gated.serve(gated.view)
    with says("Expected a challenge, got status 200, not made by the gate; is the view gated, and was it reached?"):
        assert_step_up_required(gated.post())


@pytest.mark.parametrize(
    ("setting", "value", "policy"),
    [
        ("MODE", "report_only", {}),
        ("ACTIONS", {ACTION: {"mode": "report_only"}}, {}),
        ("MODE", "enforce", {"mode": "report_only"}),
    ],
)
def test_action_that_is_only_watched_is_told_apart(authsignal, gated, settings, setting, value, policy):
    setattr(settings, f"AUTHSIGNAL_{setting}", value)
    authsignal.challenge(ACTION)
    with says(f"Expected a challenge, got {WATCHED}"):
        assert_step_up_required(gated(**policy).post())


def test_async_client_tells_what_was_only_watched(authsignal, gated, alice):
    gated(mode="report_only")
    client = AsyncClient()
    client.force_login(alice)
    with says(f"Expected 'blocked', got {WATCHED}"):
        assert_step_up_refused(async_to_sync(client.post)(PATH), "blocked")


@pytest.mark.parametrize("headers", [{}, {"Accept": "application/json"}], ids=["page", "problem"])
@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (lambda kit, user: kit.block(ACTION), "status 403, the gate decided 'blocked'."),
        (lambda kit, user: kit.review(ACTION), "status 403, the gate decided 'under_review'."),
        (lambda kit, user: kit.down(), "status 503, the gate decided 'unavailable'."),
        (lambda kit, user: kit.answer(ACTION, "NONSENSE"), "status 502, the gate decided 'upstream_error'."),
        (lambda kit, user: kit.unenrolled(user), NO_AUTHENTICATOR),
    ],
)
def test_refusal_is_named(authsignal, gated, alice, prepare, said, headers):
    prepare(authsignal, alice)
    response = gated().post(headers=headers)
    with says(f"Expected a challenge, got {said}"):
        assert_step_up_required(response)
    with says(f"Expected 'throttled', got {said}"):
        assert_step_up_refused(response, "throttled")
    assert_step_up_refused(response, re.search("decided '(.*?)'", said)[1], action=ACTION)


def test_refusal_of_another_action_is_named(authsignal, gated):
    authsignal.block(ACTION)
    with says("Expected 'blocked' for 'sell', got one for 'pay'."):
        assert_step_up_refused(gated().post(), "blocked", action="sell")


def test_reason_of_a_refusal_is_told(gated):
    with says("Expected a challenge, got status 400, the gate decided 'invalid' (“amount” is missing.)."):
        assert_step_up_required(gated(bind=("amount",)).post({"payee": "Ann"}))
    with says("Expected a challenge, got status 403, the gate decided 'blocked' (minimum)."):
        assert_step_up_required(gated(minimum="challenge").post())


def test_challenge_is_no_refusal(authsignal, gated):
    authsignal.challenge(ACTION)
    with says("Expected 'blocked', got status 403, the gate decided 'challenge'."):
        assert_step_up_refused(gated().post(), "blocked")


def test_visitor_who_is_not_signed_in_is_told_apart(gated, settings):
    gated()
    gated.client.logout()
    signed_out = "Nobody is signed in: call client.force_login(user) first."
    for headers, answer in [({}, "status 302, Location /sign-in/"), ({"Accept": "application/json"}, "status 401")]:
        with says(f"Expected a challenge, got {answer}. {signed_out}"):
            assert_step_up_required(gated.post(headers=headers))
    with says(f"Expected a challenge, got status 302, Location /sign-in/. {signed_out}"):
        assert_step_up_required(HttpResponse(status=302, headers={"Location": "/sign-in/?next=/gated/"}))


def test_unexpected_call_is_listed(gated, alice):
    assert_not_tracked()
    gated(bind=("amount",)).post()
    assert_not_tracked("sell")
    listing = f"Tracked were:\n  'pay' for '{alice.pk}', custom {{'amount': '5'}}"
    with says(f"Expected 'pay' not to be tracked.\n{listing}"):
        assert_not_tracked("pay")
    with says(f"Expected nothing to be tracked.\n{listing}"):
        assert_not_tracked()
    with says(f"Expected 'sell' to be tracked at least once, found 0.\n{listing}"):
        assert_tracked("sell")


class Permitted(APIView):
    permission_classes = [step_up_permission(ACTION)]

    def post(self, request):
        return Response("done")


def test_problem_of_a_permission_is_read_too(authsignal, gated, settings):
    """REST framework makes that response itself: only its body tells."""
    gated.serve(Permitted.as_view())
    authsignal.challenge(ACTION)
    response = gated.post()
    assert not hasattr(response, "step_up")
    assert_step_up_required(response, ACTION)
    back = complete_step_up(gated.client, response)
    assert back.step_up_headers == {"Authsignal-Step-Up": response.json()["key"]}
    assert gated.client.post(PATH, {"amount": "5"}, headers=back.step_up_headers).content == b'"done"'
