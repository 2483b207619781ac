"""No set-up leads a browser round in circles: it ends, within the 20 redirects that browsers follow, on a page."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.journeys.steps import statuses

from .conftest import browser_of
from .steps import follow

RESULTS = ["approve", "fail", "quit"]
HOSTILE = ["Forgetful", "ForgetfulAlways"]


@pytest.fixture(params=["sign-in", "area", "both"])
def door(request, settings, authsignal):
    """Each door that redirects, before /plain/."""
    for action in ("signIn", "act"):
        authsignal.challenge(action)
    if request.param != "sign-in":
        window = {"max_age": 60} if request.param == "both" else {}
        settings.AUTHSIGNAL_PROTECT = {"*": {"action": "act", **window}}
    if request.param in ("sign-in", "both"):
        settings.AUTHSIGNAL_SIGN_IN_ACTION = "signIn"
    return request.param


@pytest.fixture(params=HOSTILE)
def forgetful(request, settings):
    """Sessions lose what we wrote into them before each request: on every page but the return, or there too."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:-1], f"tests.doors.views.{request.param}", settings.MIDDLEWARE[-1]]


@pytest.mark.parametrize("result", RESULTS)
@pytest.mark.parametrize("path", ["/plain/", "/sign-in/"])
def test_honest_browser_ends_on_a_page(client, done, door, result, path):
    landed = follow(client, client.get(path), result)
    assert landed.status_code == (200 if result == "approve" else 403)
    assert result == "approve" or done == []


@pytest.mark.parametrize("result", RESULTS)
def test_browser_whose_session_forgets_ends_on_a_page(client, done, door, forgetful, result):
    for _ in range(2):
        landed = follow(client, client.get("/plain/"), result)
        assert landed.status_code in (200, 403, 429)
    assert result == "approve" or done == []


@pytest.mark.parametrize("result", RESULTS)
def test_browser_that_keeps_no_cookie_ends_on_a_page(alice, done, door, result):
    class Cookieless(Client):
        def request(self, **request):
            response = super().request(**request)
            self.cookies.clear()
            return response

    browser = Cookieless()
    browser.force_login(alice)
    assert follow(browser, browser.get("/plain/"), result).status_code in (200, 403)
    assert done == []


@pytest.mark.parametrize("result", ["approve", "quit"])
def test_challenge_that_expired_meanwhile_ends_on_a_page(alice, door, done, settings, clock, result):
    settings.AUTHSIGNAL_CHALLENGE_TTL = 30
    browser = browser_of(alice)
    stopped = browser.get("/plain/")
    clock.shift(31)
    assert follow(browser, stopped, result).status_code == 403
    assert (done, statuses()) == ([], ["pending"])


@pytest.mark.parametrize("answer", ["BLOCK", "REVIEW_REQUIRED", "NEWLY_INVENTED", "CHALLENGE_FAILED"])
def test_refusal_ends_on_a_page(client, done, door, authsignal, answer):
    for action in ("signIn", "act"):
        authsignal.answer(action, answer)
    assert follow(client, client.get("/plain/")).status_code in (403, 502)
    assert done == []


def test_outage_on_the_way_back_ends_on_a_page(client, done, door, authsignal):  # T40
    stopped = client.get("/plain/")
    authsignal.down()
    assert follow(client, stopped).status_code == 503
    assert done == []


@pytest.mark.parametrize("age", [0, 301])
def test_newcomer_ends_on_the_enrol_page(carol, done, door, clock, age):
    browser = browser_of(carol)
    clock.shift(age)
    landed = follow(browser, browser.get("/plain/"))
    assert (landed.status_code, landed.request["PATH_INFO"]) == (200, "/step-up/enrol/")
    assert done == []


def test_newcomer_whose_session_forgets_ends_on_the_enrol_page(carol, done, door, forgetful):
    browser = browser_of(carol)
    landed = follow(browser, browser.get("/plain/"))
    assert (landed.status_code, landed.context["state"]) == (200, "sign_in_again")
    out = follow(browser, browser.post(landed.request["PATH_INFO"], {"action": "reauthenticate"}))
    assert (out.status_code, out.request["PATH_INFO"]) == (200, "/sign-in/")


@pytest.mark.parametrize("page", ["manage/", "enrol/", "enrol/?returned=1", "unlock/?page=forged"])
@pytest.mark.parametrize("result", ["approve", "quit"])
def test_own_pages_end_on_a_page(client, authsignal, door, page, result):
    authsignal.challenge("manageAuthenticators")
    assert follow(client, client.get(f"/step-up/{page}"), result).status_code in (200, 403, 404)


@pytest.mark.parametrize("path", ["/plain/", "/open-sign-in/?next=/plain/"])
def test_inactive_user_ends_on_a_page(alice, done, settings, door, path):  # T22
    """Signed in, and yet nobody: a login page that sends signed-in users on must not send them round."""
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.AllowAllUsersModelBackend"]
    settings.LOGIN_URL = "open-sign-in"
    browser = browser_of(alice)
    type(alice).objects.update(is_active=False)
    assert follow(browser, browser.get(path)).status_code in (200, 403)
    assert done == []


def test_answers_that_end_it_explain(client, door, settings):
    """The breaker is the cap on unfinished challenges: its page says what happened, and links go on from there."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:-1], "tests.doors.views.Forgetful", settings.MIDDLEWARE[-1]]
    responses = [client.get(f"/plain/{name}/") for name in "abcdefgh"]
    assert responses[0].status_code == 302
    assert responses[-1].status_code == 429
    assert "Retry-After" in responses[-1]
    assert "<h1" in responses[-1].content.decode()
