"""Tests in pytest's style: the fixture is there because the package is installed."""

from __future__ import annotations

from typing import Literal

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from django_authsignal.testing import (
    Authsignal,
    assert_not_tracked,
    assert_step_up_refused,
    assert_step_up_required,
    assert_tracked,
    complete_step_up,
)

from . import providers
from .models import Transfer, Waiver

FORM = {"amount": "5000", "payee": "Landlord"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def treasurer(client: Client) -> User:
    user = User.objects.create_user("alice")
    client.force_login(user)
    return user


@pytest.mark.django_db
def test_transfer_needs_a_step_up(authsignal: Authsignal, client: Client, django_user_model: type[User]) -> None:
    client.force_login(django_user_model.objects.create_user("alice"))
    authsignal.challenge("withdrawFunds")
    response = client.post("/transfer/", FORM)
    assert_step_up_required(response, action="withdrawFunds")
    complete_step_up(client, response)
    assert client.post("/transfer/", FORM).status_code == 302


def test_transfer_runs_once_after_the_challenge(authsignal: Authsignal, client: Client, treasurer: User) -> None:
    authsignal.challenge("withdrawFunds")
    response = client.post("/transfer/", FORM)
    assert_step_up_required(response, action="withdrawFunds")
    assert not Transfer.objects.exists()

    complete_step_up(client, response)
    assert client.post("/transfer/", FORM).status_code == 302
    assert Transfer.objects.count() == 1
    assert_tracked("withdrawFunds", custom={"amount": "5000"}, times=1)


def test_double_click_pays_once(authsignal: Authsignal, client: Client, treasurer: User) -> None:
    authsignal.challenge("withdrawFunds")
    back = complete_step_up(client, client.post("/transfer/", FORM))
    assert client.post("/transfer/", FORM, headers=back.step_up_headers).status_code == 302
    again = client.post("/transfer/", FORM, headers=back.step_up_headers)
    assert_step_up_refused(again, "already_used")
    assert Transfer.objects.count() == 1


def test_approval_is_for_this_amount(authsignal: Authsignal, client: Client, treasurer: User) -> None:
    authsignal.challenge("withdrawFunds")
    complete_step_up(client, client.post("/transfer/", FORM))
    assert_step_up_required(client.post("/transfer/", FORM | {"amount": "9000"}))
    assert not Transfer.objects.exists()


def test_page_is_open_to_look_at(authsignal: Authsignal, client: Client, treasurer: User) -> None:
    assert client.get("/transfer/").status_code == 200
    assert_not_tracked()


def test_blocked_transfer_is_refused(authsignal: Authsignal, client: Client, treasurer: User) -> None:
    authsignal.block("withdrawFunds")
    assert_step_up_refused(client.post("/transfer/", FORM), "blocked", action="withdrawFunds")


def test_nothing_is_paid_while_authsignal_is_down(authsignal: Authsignal, client: Client, treasurer: User) -> None:
    authsignal.down()
    assert_step_up_refused(client.post("/transfer/", FORM), "unavailable")
    authsignal.up()
    assert client.post("/transfer/", FORM).status_code == 302


def test_user_without_authenticator_enrols_first(authsignal: Authsignal, client: Client, treasurer: User) -> None:
    authsignal.unenrolled(treasurer)
    authsignal.challenge("withdrawFunds")
    assert_step_up_refused(client.post("/transfer/", FORM), "enrol")

    complete_step_up(client, client.post(reverse("authsignal:enrol")))
    assert_step_up_required(client.post("/transfer/", FORM))


@pytest.mark.parametrize("result", ["quit", "wrong_code", "fail"])
def test_failed_challenge_pays_nothing(
    authsignal: Authsignal, client: Client, treasurer: User, result: Literal["quit", "wrong_code", "fail"]
) -> None:
    authsignal.challenge("withdrawFunds")
    complete_step_up(client, client.post("/transfer/", FORM), result)
    assert_step_up_required(client.post("/transfer/", FORM))


def test_script_repeats_its_request(authsignal: Authsignal, client: Client, treasurer: User) -> None:
    authsignal.challenge("waiveFee")
    fee = {"member": "Bob", "amount": 20}
    response = client.post("/fees/", fee, content_type="application/json")
    assert response.json()["code"] == "step_up_required"
    back = complete_step_up(client, response)
    again = client.post("/fees/", fee, content_type="application/json", headers=back.step_up_headers)
    assert again.json() == {"waived": 20}
    assert Waiver.objects.count() == 1


def test_program_repeats_its_request(authsignal: Authsignal, treasurer: User) -> None:
    authsignal.challenge("withdrawFunds")
    program = APIClient()
    program.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=treasurer)}")
    response = program.post("/api/transfers/", FORM, format="json")
    assert_step_up_required(response, action="withdrawFunds")
    back = complete_step_up(program, response)
    made = program.post("/api/transfers/", FORM, format="json", headers=back.step_up_headers)
    assert made.status_code == 201
    assert_tracked("withdrawFunds", times=1)


def test_api_of_a_session_repeats_its_request(authsignal: Authsignal, treasurer: User) -> None:
    authsignal.challenge("withdrawFunds")
    visitor = APIClient()
    visitor.force_login(treasurer)
    back = complete_step_up(visitor, visitor.post("/api/transfers/", FORM, format="json"))
    made = visitor.post("/api/transfers/", FORM, format="json", headers=back.step_up_headers)
    assert made.status_code == 201


def test_code_is_sent_by_our_own_provider(authsignal: Authsignal, client: Client) -> None:
    providers.sent.clear()
    sms = authsignal.signed_webhook("sms.created", {"to": "+64270000000", "code": "123456"})
    assert client.post(**sms).status_code == 200
    assert providers.sent == [("+64270000000", "123456")]


def test_forged_webhook_is_refused(authsignal: Authsignal, client: Client) -> None:
    forged = authsignal.signed_webhook("sms.created", {"code": "123456"}, secret="a guess")
    assert client.post(**forged).status_code == 400


def test_call_without_the_kit_reaches_nobody(client: Client, treasurer: User) -> None:
    with pytest.raises(BaseException, match="would have reached the network: POST https://api.authsignal.com"):
        client.post("/transfer/", FORM)
