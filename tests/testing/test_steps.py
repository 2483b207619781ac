"""complete_step_up and the assertions, through each test client and each form of the gate's answer."""

import re

import pytest
from asgiref.sync import async_to_sync
from django.http import HttpResponse
from django.test import AsyncClient, override_settings

from django_authsignal.testing import acomplete_step_up, assert_step_up_required, assert_tracked, complete_step_up

pytestmark = pytest.mark.urls("tests.testing.urls")


@pytest.fixture(autouse=True)
def challenged(authsignal):
    authsignal.challenge("pay")


@pytest.mark.parametrize("answer", ["redirecting", "problem", "holding"])
def test_each_form_of_step_up_is_recognised_and_completed(client, answer):
    response = client.get(f"/{answer}/pay/")
    assert_step_up_required(response, action="pay")
    result = complete_step_up(client, response).json()
    assert (result["isValid"], result["state"], result["verificationMethod"]) == (True, "CHALLENGE_SUCCEEDED", "SMS")
    assert result["keep"] == "1"


@pytest.mark.parametrize(
    ("result", "state"),
    [("quit", "CHALLENGE_REQUIRED"), ("wrong_code", "CHALLENGE_REQUIRED"), ("fail", "CHALLENGE_FAILED")],
)
def test_unhappy_ends_come_back_too(client, result, state):
    back = complete_step_up(client, client.get("/redirecting/pay/"), result).json()
    assert (back["isValid"], back["state"]) == (False, state)


def test_method_chooses_the_authenticator(authsignal, client):
    authsignal.enrol("u", "EMAIL_OTP", email="a@b.nz")
    back = complete_step_up(client, client.get("/redirecting/pay/"), method="EMAIL_OTP").json()
    assert back["verificationMethod"] == "EMAIL_OTP"


@pytest.mark.parametrize(("method", "expected"), [(None, "SMS"), ("AUTHENTICATOR_APP", "AUTHENTICATOR_APP")])
def test_unenrolled_user_is_enrolled_on_the_way(authsignal, client, method, expected):
    authsignal.unenrolled("u")
    back = complete_step_up(client, client.get("/redirecting/pay/"), method=method).json()
    assert back["state"] == "ALLOW"
    assert authsignal.store.user("u").methods == (expected,)


def test_hosted_page_is_reachable_while_the_api_is_down(authsignal, client):
    response = client.get("/redirecting/pay/")
    authsignal.down()
    with pytest.raises(OSError, match="refused"):
        complete_step_up(client, response)


def test_https_site_is_entered_securely(client):
    with override_settings(AUTHSIGNAL_SITE_URL="https://testserver"):
        assert complete_step_up(client, client.get("/redirecting/pay/")).json()["secure"]


@pytest.mark.parametrize("complete", [complete_step_up, acomplete_step_up])
def test_async_client_is_awaited(complete):
    async def journey():
        client = AsyncClient()
        return await complete(client, await client.get("/redirecting/pay/"))

    assert async_to_sync(journey)().json()["isValid"]


def test_rest_framework_client():
    api_client = pytest.importorskip("rest_framework.test").APIClient()
    assert complete_step_up(api_client, api_client.get("/problem/pay/")).json()["isValid"]


@pytest.mark.parametrize("path", ["/redirecting/look/", "/blocked/", "/enrolling/"])
def test_response_without_a_hosted_page_is_refused_with_its_reason(client, path):
    with pytest.raises(AssertionError, match=r"leads to no page of Authsignal: status"):
        complete_step_up(client, client.get(path))
    with pytest.raises(AssertionError, match=r"Expected a challenge|leads to no page"):
        assert_step_up_required(client.get(path))


def test_plain_response_is_described():
    with pytest.raises(AssertionError, match="status 200, not made by the gate"):
        assert_step_up_required(HttpResponse("hello"))


def test_enrol_answer_says_that_the_user_has_no_authenticator(client):
    with pytest.raises(AssertionError, match="was asked to enrol"):
        assert_step_up_required(client.get("/enrolling/"))


@pytest.mark.parametrize("answer", ["redirecting", "problem", "holding"])
def test_challenge_of_another_action_is_named(client, answer):
    with pytest.raises(AssertionError, match="Expected a challenge for 'sell', got one for 'pay'"):
        assert_step_up_required(client.get(f"/{answer}/pay/"), action="sell")


def test_expired_page_is_named(authsignal, client):
    response = client.get("/redirecting/pay/")
    authsignal.store.lifetime = 0
    with pytest.raises(AssertionError, match="answered 410: has its link expired"):
        complete_step_up(client, client.get("/redirecting/pay/"))
    assert complete_step_up(client, response).status_code == 200


def test_without_the_kit_the_helpers_say_so(client):
    with (
        override_settings(AUTHSIGNAL_ADAPTER=None),
        pytest.raises(AssertionError, match="No Authsignal test kit is active"),
    ):
        assert_tracked("pay")


def test_assert_tracked_counts_and_compares(client):
    client.post("/redirecting/pay/", {"amount": "5", "payee": "Ann"})
    client.post("/redirecting/pay/", {"amount": "6"})
    assert_tracked("pay")
    assert_tracked("pay", times=2)
    assert_tracked("pay", custom={"amount": "5"}, times=1)
    assert_tracked("sell", times=0)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"action": "sell"}, "Expected 'sell' to be tracked at least once, found 0"),
        ({"action": "pay", "times": 2}, "Expected 'pay' to be tracked 2 times, found 1"),
        ({"action": "pay", "custom": {"amount": "7"}}, "with {'amount': '7'} to be tracked at least once, found 0"),
    ],
)
def test_failed_assert_tracked_lists_what_was_tracked(client, arguments, text):
    client.post("/redirecting/pay/", {"amount": "5"})
    with pytest.raises(AssertionError, match=re.escape(text)) as caught:
        assert_tracked(**arguments)
    assert "'pay' for 'u', custom {'amount': '5'}" in str(caught.value)


def test_failed_assert_tracked_with_nothing_tracked_says_nothing():
    with pytest.raises(AssertionError, match=r"Tracked were:\n  nothing"):
        assert_tracked("pay")
