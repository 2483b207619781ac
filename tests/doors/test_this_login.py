"""What a login has passed is a fact about that login: it goes with it, and nobody can bring it along."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.views import PasswordChangeView
from django.test import Client
from django.urls import path

from django_authsignal.sessions import SESSION_KEY, record_sign_in, sign_in_outcome
from django_authsignal.testing import assert_step_up_required, complete_step_up
from example_project.urls import urlpatterns as bank_urls

from .conftest import browser_of
from .steps import follow

pytestmark = pytest.mark.usefixtures("sign_in_step", "done")


@pytest.fixture
def passed(client):
    assert follow(client, client.get("/plain/")).content == b"done"
    return client


def log_in(browser, name):
    return browser.post("/sign-in/", {"username": name, "password": name})


def facts(browser):
    return dict(browser.session[SESSION_KEY])


def plant(browser, planted):
    session = browser.session
    session[SESSION_KEY] = planted
    session.save()


def test_logging_out_and_in_again_asks_again(passed):  # A16
    passed.post("/sign-out/")
    log_in(passed, "alice")
    assert_step_up_required(passed.get("/plain/"), "signIn")


def test_logging_in_over_it_asks_again(passed):  # A16
    log_in(passed, "alice")
    assert_step_up_required(passed.get("/plain/"), "signIn")


def test_another_user_in_the_same_browser_is_asked(passed, bob):
    log_in(passed, "bob")
    assert_step_up_required(passed.get("/plain/"), "signIn")


def test_another_browser_of_the_same_user_is_asked(passed, alice):  # T21
    assert_step_up_required(browser_of(alice).get("/plain/"), "signIn")


def test_password_change_asks_again_even_where_the_session_survives(passed, alice, settings):  # A17 T22
    change = PasswordChangeView.as_view(success_url="/", template_name="bank/sign_in.html")
    settings.ROOT_URLCONF = (path("password/", change), *bank_urls)
    new = {"old_password": "alice", "new_password1": "quite-another-1", "new_password2": "quite-another-1"}
    assert passed.post("/password/", new).status_code == 302
    assert passed.session["_auth_user_id"] == str(alice.pk)
    assert_step_up_required(passed.get("/"), "signIn")


def test_deactivated_user_is_out(passed):  # A17 T22
    get_user_model().objects.update(is_active=False)
    assert passed.get("/transfer/")["Location"].startswith("/sign-in/")


def test_fact_of_another_login_does_not_fit(passed, alice):  # T20
    thief = browser_of(alice)
    plant(thief, {**facts(thief), "sign_in": facts(passed)["sign_in"]})
    assert_step_up_required(thief.get("/plain/"), "signIn")


def test_facts_of_another_user_do_not_fit(passed, bob):
    thief = browser_of(bob)
    plant(thief, facts(passed))
    assert_step_up_required(thief.get("/plain/"), "signIn")


@pytest.mark.parametrize("planted", [["challenge", ""], ["challenge", "v1:x"], ["", ""], ["allow", None]])
def test_invented_fact_does_not_fit(client, planted):
    plant(client, {**facts(client), "sign_in": planted})
    assert_step_up_required(client.get("/plain/"), "signIn")


def test_session_planted_before_the_login_is_worth_nothing_after_it(passed, alice):  # T20
    """The attacker passes in their own session; the victim is made to log in on top of it."""
    victim = Client()
    victim.cookies["sessionid"] = passed.cookies["sessionid"].value
    log_in(victim, "alice")
    planted = Client()
    planted.cookies["sessionid"] = victim.cookies["sessionid"].value
    assert_step_up_required(planted.get("/plain/"), "signIn")
    follow(victim, victim.get("/plain/"))
    assert planted.get("/transfer/")["Location"].startswith("/sign-in/")


def test_anonymous_session_that_was_planted_opens_nothing(db, alice, passed):  # T20
    planted = Client()
    session = planted.session
    session[SESSION_KEY] = facts(passed)
    session.save()
    planted.cookies["sessionid"] = session.session_key
    log_in(planted, "alice")
    assert_step_up_required(planted.get("/plain/"), "signIn")


def test_key_of_the_session_changes_when_the_login_passes(client):  # A20 T20
    planted = Client()
    planted.cookies["sessionid"] = client.cookies["sessionid"].value
    follow(client, client.get("/plain/"))
    assert client.cookies["sessionid"].value != planted.cookies["sessionid"].value
    assert planted.get("/transfer/")["Location"].startswith("/sign-in/")


def test_windows_of_the_login_before_are_closed(passed, settings, authsignal):  # A16
    authsignal.challenge("look")
    complete_step_up(passed, passed.get("/look/"))
    assert passed.get("/look/").content == b"seen"
    log_in(passed, "alice")
    follow(passed, passed.get("/plain/"))
    assert_step_up_required(passed.get("/look/"), "look")


def test_challenge_begun_before_the_login_passes_no_other_login(client, alice):  # A16 T21
    stopped = client.get("/plain/")
    client.force_login(alice)
    complete_step_up(client, stopped)
    assert_step_up_required(client.get("/plain/"), "signIn")


def test_challenge_of_one_browser_passes_no_other(client, alice):  # A15 T21
    other = browser_of(alice)
    complete_step_up(other, client.get("/plain/"))
    assert_step_up_required(other.get("/plain/"), "signIn")
    assert_step_up_required(client.get("/plain/"), "signIn")


def test_rotated_secret_key_keeps_what_was_passed(passed, settings):
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "new"
    assert passed.get("/plain/").content == b"done"


def test_other_tenant_or_service_is_another_question(passed):  # T47
    request = passed.get("/plain/").wsgi_request
    record_sign_in(request, "signIn", "live", "challenge")
    assert sign_in_outcome(request, "signIn", "live") == "challenge"
    assert sign_in_outcome(request, "signIn", "sandbox") == ""
