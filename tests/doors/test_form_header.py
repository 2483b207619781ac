"""`Authsignal-Form: true`: a script sent the form, and must navigate itself instead of following a redirect."""

from __future__ import annotations

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from django_authsignal.testing import assert_step_up_required, complete_step_up

from .steps import answered

SCRIPT = {"Authsignal-Form": "true", "Accept": "application/problem+json, text/html;q=0.9, */*;q=0.8"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_becomes_a_header_for_the_script(any_client, status):
    response = answered(any_client, "post", f"/go/{status}/", headers=SCRIPT)
    assert (response.status_code, response["Authsignal-Location"]) == (204, "/plain/?next=1")
    assert (response.has_header("Location"), response.content) == (False, b"")
    assert response.cookies["kept"].value == "yes"


def test_redirect_of_a_protected_view_becomes_one_too(client, settings):
    settings.AUTHSIGNAL_PROTECT = {"area:*": {"action": "act"}}
    response = client.post("/area/go/303/", headers=SCRIPT)
    assert (response.status_code, response["Authsignal-Location"]) == (204, "/plain/?next=1")
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize("status", [200, 201, 202, 400, 404, 500, 503])
def test_location_of_what_is_no_redirect_stays(client, status):
    """201 Created names what was made; nobody is sent there."""
    response = client.post(f"/go/{status}/", headers=SCRIPT)
    assert (response.status_code, response["Location"]) == (status, "/plain/?next=1")
    assert (response.has_header("Authsignal-Location"), response.content) == (False, b"made")


@pytest.mark.parametrize(
    "header", [{}, {"Authsignal-Form": ""}, {"Authsignal-Form": "false"}, {"Authsignal-Form": "1"}]
)
def test_browser_is_redirected_as_ever(client, header):
    response = client.post("/go/302/", headers=header)
    assert (response.status_code, response["Location"]) == (302, "/plain/?next=1")
    assert not response.has_header("Authsignal-Location")


def test_answer_without_a_redirect_is_left_alone(client, done):
    response = client.post("/plain/", headers=SCRIPT)
    assert (response.status_code, response.content) == (200, b"done")
    assert not response.has_header("Authsignal-Location")


def test_messages_wait_for_the_page_that_the_script_goes_to(bank, alice):
    browser = bank.sign_in(alice)
    response = browser.post("/transfer/", {"amount": "5000", "payee": "Landlord"}, headers=SCRIPT)
    assert_step_up_required(response, "withdrawFunds")
    complete_step_up(browser, response)
    form = {"amount": "5000", "payee": "Landlord", "_step_up_key": response.json()["key"]}
    sent = browser.post("/transfer/", form, headers=SCRIPT)
    assert (sent.status_code, len(bank.ledger)) == (204, 1)
    page = browser.get(sent["Authsignal-Location"])
    assert [str(message) for message in get_messages(page.wsgi_request)] or b"You sent $5,000.00" in page.content


def test_script_of_a_stranger_is_told_401_and_goes_nowhere(db, authsignal):  # A26
    response = Client().post("/decorated/", headers=SCRIPT)
    assert (response.status_code, response.json()["code"]) == (401, "step_up_login")
    assert not response.has_header("Authsignal-Location")
