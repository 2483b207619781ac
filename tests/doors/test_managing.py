"""The settings page, where authenticators are added and removed: never without a challenge of its own (T12)."""

from __future__ import annotations

import pytest
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.test import Client

from django_authsignal.testing import assert_step_up_required, complete_step_up
from tests.journeys.steps import statuses

from .conftest import browser_of
from .steps import HOSTED, follow

MANAGE = "/step-up/manage/"


@pytest.fixture(autouse=True)
def _challenged(authsignal):
    authsignal.challenge("manageAuthenticators")


def settings_sent(authsignal):
    return [
        "redirectToSettings" in entry.payload for entry in authsignal.requests if entry.segments[2:3] == ("actions",)
    ]


def test_user_passes_a_challenge_changes_something_and_is_back(client, authsignal):  # T12
    to_challenge = client.get(MANAGE)
    assert_step_up_required(to_challenge, "manageAuthenticators")
    assert settings_sent(authsignal) == [False]
    complete_step_up(client, to_challenge)
    to_settings = client.get(MANAGE)
    assert (to_settings.status_code, to_settings["Location"].startswith(HOSTED)) == (303, True)
    assert settings_sent(authsignal) == [False, True]
    hop = complete_step_up(client, to_settings)
    assert (hop.status_code, client.get(hop.context["continue_url"]).status_code) == (200, 200)


def test_every_visit_needs_its_own_challenge(client, authsignal):  # T12
    complete_step_up(client, client.get(MANAGE))
    client.get(MANAGE)
    assert_step_up_required(client.get(MANAGE))
    assert settings_sent(authsignal) == [False, True, False]


@pytest.mark.parametrize("answer", ["ALLOW", "BLOCK", "REVIEW_REQUIRED", "CHALLENGE_SUCCEEDED", "NEWLY_INVENTED"])
def test_nothing_but_a_passed_challenge_leads_there(client, authsignal, answer):  # T12 T13
    authsignal.answer("manageAuthenticators", answer)
    assert client.get(MANAGE).status_code in (403, 502)
    assert True not in settings_sent(authsignal)


@pytest.mark.parametrize("result", ["quit", "wrong_code", "fail"])
def test_challenge_that_was_not_passed_leads_nowhere(client, authsignal, result):  # T12
    assert follow(client, client.get(MANAGE), result).status_code == 403
    assert True not in settings_sent(authsignal)


def test_no_policy_of_the_project_can_make_it_weaker(client, settings, authsignal):  # T12
    authsignal.allow("manageAuthenticators")
    settings.AUTHSIGNAL_UNENROLLED = "allow"
    settings.AUTHSIGNAL_PROTECT = {"*": {"action": "act"}}
    assert client.get(MANAGE).status_code == 403
    assert True not in settings_sent(authsignal)


@pytest.mark.parametrize("central", [{"minimum": "allow"}, {"mode": "report_only"}, {"methods": ["POST"]}])
def test_central_setting_does_not_open_it(client, settings, authsignal, central):  # T12
    """The settings page adds factors: with a stolen session and no challenge the thief would add their own."""
    authsignal.allow("manageAuthenticators")
    settings.AUTHSIGNAL_ACTIONS = {"manageAuthenticators": central}
    client.get(MANAGE)
    assert True not in settings_sent(authsignal)


def test_report_only_mode_does_not_open_it(client, settings, authsignal):  # T12
    settings.AUTHSIGNAL_MODE = "report_only"
    client.get(MANAGE)
    assert True not in settings_sent(authsignal)


def test_newcomer_enrols_first(carol, authsignal):  # T12
    landed = follow(browser_of(carol), browser_of(carol).get(MANAGE))
    assert (landed.status_code, True in settings_sent(authsignal)) == (200, False)


def test_no_other_track_asks_for_the_settings_page(client, authsignal):  # T12
    authsignal.challenge("act")
    client.post("/decorated/")
    client.post("/step-up/enrol/")
    assert settings_sent(authsignal) == [False, False]


def test_stranger_signs_in_first(db, authsignal):  # A26 T34
    assert Client().get(MANAGE)["Location"] == f"/sign-in/?next={MANAGE}"
    assert authsignal.requests == []


def test_stranger_signs_in_first_under_login_required_middleware_too(db, settings, authsignal):  # A26
    name = f"{LoginRequiredMiddleware.__module__}.{LoginRequiredMiddleware.__name__}"
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:-1], name, settings.MIDDLEWARE[-1]]
    assert Client().get(MANAGE)["Location"] == f"/sign-in/?next={MANAGE}"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE"])
def test_page_is_for_get_alone(client, authsignal, method):  # T32
    assert client.generic(method, MANAGE).status_code == 405
    assert authsignal.requests == []


def test_visit_is_in_the_history_and_opens_nothing(client):  # T12
    complete_step_up(client, client.get(MANAGE))
    client.get(MANAGE)
    assert statuses() == ["spent", "void"]


def test_answers_are_never_framed_or_kept(client):  # A25 T33
    stopped = client.get(MANAGE)
    complete_step_up(client, stopped)
    for response in (stopped, client.get(MANAGE), client.get(f"{MANAGE}?returned=1"), client.get(f"{MANAGE}?token=a")):
        assert "no-store" in response["Cache-Control"]
        assert (response["X-Frame-Options"], response["Referrer-Policy"]) == ("DENY", "no-referrer")
