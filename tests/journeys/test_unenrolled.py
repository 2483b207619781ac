"""A user without any authenticator: the service says ALLOW, and the gate does not take that for a yes."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from django_authsignal.models import ActionEvent
from django_authsignal.testing import assert_step_up_required, complete_step_up

from .steps import ABSENT, press_continue, row, statuses


@pytest.fixture
def client(bank, carol):
    bank.authsignal.challenge("act")
    bank.authsignal.challenge("window")
    return bank.sign_in(carol)


def start(client, path="/step-up/enrol/"):
    return client.post(path, {"action": "start"})


def finish(client, started):
    """Enrol on the hosted page and come back, over the hop that brings cookies."""
    bounce = complete_step_up(client, started)
    return client.get(bounce.context["continue_url"])


def test_unenrolled_customer_pays_only_after_enrolment_and_a_new_action(bank, client):  # A6 T11
    stopped = bank.transfer(client)
    assert (stopped.status_code, stopped.step_up.outcome, bank.ledger) == (403, "enrol", [])
    done = finish(client, start(client, stopped.context["verify_url"]))
    assert b"You are set up" in done.content
    again = press_continue(client, stopped)
    assert_step_up_required(again)
    assert (again.step_up.key != stopped.step_up.key, bank.ledger) == (True, [])
    complete_step_up(client, again)
    press_continue(client, again)
    assert len(bank.ledger) == 1


def test_action_met_by_enrolment_stays_refused(bank, client):  # T12
    stopped = bank.transfer(client)
    finish(client, start(client))
    assert (row(stopped).status, row(stopped).reason) == ("refused", "unenrolled")
    token = bank.authsignal.store.token(
        bank.authsignal.store.action(row(stopped).authsignal_user_id, "withdrawFunds", str(stopped.step_up.key))
    )
    client.get(f"/step-up/return/{stopped.step_up.key}/?token={token}")
    assert row(stopped).status == "refused"


def test_hosted_url_of_an_allow_answer_stays_on_the_server(bank, client):  # T12
    stopped = bank.transfer(client)
    assert "sandbox.localhost" not in stopped.content.decode() + str(stopped.headers)
    assert "hosted" not in str(client.session["_authsignal"])
    as_json = client.post("/act/", {}, headers={"Accept": "application/json"})
    assert (as_json.json()["code"], "sandbox.localhost" in as_json.content.decode()) == ("step_up_enrol", False)


def test_step_up_never_asks_for_enrolment_rights(bank, client, carol):  # T12
    bank.transfer(client)
    bank.authsignal.enrol(carol)
    bank.transfer(client)
    for entry in bank.authsignal.requests:
        assert not {"scope", "redirectToSettings"} & set(entry.payload)


def test_page_asked_for_by_get_is_remembered_across_enrolment(bank, client, done):  # A6
    stopped = client.get("/act/?q=1")
    assert (stopped.status_code, stopped["Location"].startswith("/step-up/enrol/?back=")) == (302, True)
    enrolled = finish(client, start(client, stopped["Location"]))
    assert enrolled.context["continue_url"] == "/act/?q=1"
    assert_step_up_required(client.get("/act/?q=1"))
    assert done == []


def test_enrolment_starts_by_post_only(bank, client):  # T12
    assert client.get("/step-up/enrol/").status_code == 200
    assert bank.authsignal.requests == []


def test_enrolment_needs_the_csrf_token(bank, carol):  # T12 T28
    strict = bank.sign_in(carol, enforce_csrf_checks=True)
    assert start(strict).status_code == 403
    assert bank.authsignal.requests == []


@pytest.mark.parametrize(("age", "opens"), [(299, True), (301, False), (-3600, False)])
def test_enrolment_starts_only_shortly_after_a_sign_in(bank, client, clock, age, opens):  # T12
    client.post("/sign-in/", {"username": "carol", "password": "carol"})
    clock.shift(age)
    started = start(client)
    assert started.status_code == (303 if opens else 200)
    assert bool(bank.authsignal.requests) is opens
    assert opens or b"Please sign in again" in started.content


def test_sign_in_again_signs_out_and_comes_back(bank, client, clock):  # T12
    clock.shift(301)
    again = client.post("/step-up/enrol/", {"action": "reauthenticate"})
    assert again["Location"] == "/sign-in/?next=/step-up/enrol/"
    assert "_auth_user_id" not in client.session


@pytest.fixture
def waiting(bank, carol, clock):
    """A browser with CSRF protection in which carol signed in long ago; `.token` is that of a form which waits."""
    browser = Client(enforce_csrf_checks=True)
    sign_in(browser, "carol")
    browser.token = token_in(browser.get("/transfer/"))
    clock.shift(301)
    return browser


def token_in(page):
    return re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.content.decode())[1]


def sign_in(browser, name):
    token = token_in(browser.get("/sign-in/"))
    browser.post("/sign-in/", {"username": name, "password": name, "csrfmiddlewaretoken": token})


def leave(browser):
    token = token_in(browser.get("/step-up/enrol/"))
    browser.post("/step-up/enrol/", {"action": "reauthenticate", "csrfmiddlewaretoken": token})
    assert "_auth_user_id" not in browser.session


def pays(bank, browser):
    """Whether the form that waits still reaches the gate."""
    response = bank.transfer(browser, csrfmiddlewaretoken=browser.token)
    return hasattr(response, "step_up")


def test_form_that_waits_goes_on_after_signing_in_again(bank, waiting):
    leave(waiting)
    sign_in(waiting, "carol")
    assert pays(bank, waiting)


def test_form_that_waits_goes_on_with_tokens_in_the_session(bank, waiting, settings):
    settings.CSRF_USE_SESSIONS = True
    waiting.token = token_in(waiting.get("/transfer/"))
    leave(waiting)
    sign_in(waiting, "carol")
    assert pays(bank, waiting)


def test_token_does_not_outlive_the_sign_in_of_somebody_else(bank, waiting, bob):  # T20
    leave(waiting)
    sign_in(waiting, "bob")
    assert not pays(bank, waiting)
    waiting.logout()
    sign_in(waiting, "carol")
    assert not pays(bank, waiting)


def test_token_does_not_outlive_a_late_or_an_ordinary_sign_in(bank, waiting, clock):
    leave(waiting)
    clock.shift(601)
    sign_in(waiting, "carol")
    assert not pays(bank, waiting)
    waiting.token = token_in(waiting.get("/transfer/"))
    waiting.logout()
    sign_in(waiting, "carol")
    assert not pays(bank, waiting)


def test_token_does_not_outlive_a_password_change(bank, waiting, carol):  # T22
    leave(waiting)
    carol.set_password("other")
    carol.save()
    token = token_in(waiting.get("/sign-in/"))
    waiting.post("/sign-in/", {"username": "carol", "password": "other", "csrfmiddlewaretoken": token})
    assert not pays(bank, waiting)


def test_recent_sign_in_elsewhere_does_not_help_a_stolen_session(bank, client, carol, clock):  # T12
    clock.shift(301)
    bank.sign_in(carol)
    assert start(client).status_code == 200
    assert bank.authsignal.requests == []


def test_enrolled_user_gets_no_enrolment_page(bank, client, carol):  # T12
    bank.authsignal.enrol(carol)
    page = start(client)
    assert (page.status_code, b"You are already set up" in page.content) == (200, True)
    assert "sandbox.localhost" not in page.content.decode()


def test_enrolment_is_believed_from_the_service_and_not_from_the_url(bank, client):  # T12
    page = client.get("/step-up/enrol/?returned=1")
    assert b"You are set up" not in page.content


def test_stranger_cannot_enrol(bank):  # T34
    assert start(Client())["Location"].startswith("/sign-in/")
    assert bank.authsignal.requests == []


def test_policy_may_deny(bank, client, done):  # T11
    response = client.post("/unenrolled/deny/")
    assert (response.step_up.outcome, done, statuses()) == ("blocked", [], ["refused"])


def test_policy_may_allow_and_it_is_on_the_record(bank, client, done):  # T11
    assert client.post("/unenrolled/allow/").content == b"done"
    assert ActionEvent.objects.get().kind == "bypassed"
    assert (done, statuses()) == (["/unenrolled/allow/"], ["spent"])


def test_allowing_the_unenrolled_opens_no_window(bank, client, done):  # T11
    assert client.get("/window/bypass/").content == b"done"
    assert client.get("/window/").status_code == 302
    assert "windows" not in client.session["_authsignal"]


@pytest.mark.parametrize("flag", [None, "true", 1, ABSENT])
def test_anything_but_true_counts_as_not_enrolled(bank, alice, edge, flag):  # T11
    """The wire's word for it must be the JSON value true."""
    client = bank.sign_in(alice)
    edge.members = {"isEnrolled": flag}
    assert bank.transfer(client, 50).step_up.outcome == "enrol"
    assert bank.ledger == []
    edge.members = {}
    assert bank.transfer(client, 50).status_code == 302
