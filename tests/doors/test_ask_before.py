"""Ask before the form: a status that costs nothing, and a link that opens the window before anybody types."""

from __future__ import annotations

import pytest
from django.template import Context, Template
from django.test import Client
from django.test.utils import override_script_prefix
from django.utils.encoding import iri_to_uri

from django_authsignal.models import TrackedAction
from django_authsignal.services.pages import sign_page
from django_authsignal.shortcuts import StepUpStatus, step_up_status, step_up_unlock_url
from django_authsignal.testing import assert_step_up_required, complete_step_up
from tests.journeys.steps import statuses

from . import views
from .conftest import browser_of
from .steps import HOSTED, follow

OPEN = StepUpStatus(True, 300, "SMS")


@pytest.fixture(autouse=True)
def _challenged(authsignal):
    authsignal.challenge("look")


@pytest.fixture
def opened(alice, clock):
    """A browser in which the window is open, and time stands still."""
    browser = browser_of(alice)
    complete_step_up(browser, browser.get("/look/"))
    assert browser.get("/look/").content == b"seen"
    views.SEEN.clear()
    return browser


def request_of(browser, path="/look/"):
    return browser.get(path).wsgi_request


# The status


def test_status_says_whether_for_how_long_and_how(opened, clock):
    opened.get("/look/")
    clock.shift(100)
    opened.get("/look/")
    assert [status.seconds_left for status in views.SEEN] == [300, 200]
    assert [status.verification_method for status in views.SEEN] == ["SMS", "SMS"]


def test_status_asks_nobody_and_changes_nothing(opened, authsignal, django_assert_num_queries):
    request, calls, rows = request_of(opened), len(authsignal.requests), statuses()
    request.session.modified = False
    before = dict(request.session)
    with django_assert_num_queries(0):
        assert step_up_status(request, "look", max_age=300) == OPEN
    assert (request.session.modified, dict(request.session)) == (False, before)
    assert (len(authsignal.requests), statuses()) == (calls, rows)


def test_status_of_a_session_without_facts_makes_none(client, django_assert_num_queries):
    request = client.get("/plain/").wsgi_request
    assert request.user.is_authenticated  # loaded now
    del request.session["_authsignal"]
    request.session.modified = False
    with django_assert_num_queries(0):
        assert step_up_status(request, "look", max_age=300) == StepUpStatus()
    assert not request.session.modified
    assert "_authsignal" not in request.session


def test_status_of_a_stranger_is_closed(db, rf):  # T34
    request = Client().get("/plain/").wsgi_request
    assert step_up_status(request, "look", max_age=300) == StepUpStatus()
    assert step_up_status(rf.get("/"), "look", max_age=300) == StepUpStatus()


@pytest.mark.parametrize(
    "policy",
    [
        {},
        {"max_age": 300, "verification_methods": ["PASSKEY"]},
        {"max_age": 1},
        {"max_age": 300, "minimum": "challenge"},
    ],
)
def test_status_is_by_the_policy_that_is_named(opened, clock, policy):  # T14
    clock.shift(2)
    status = step_up_status(request_of(opened, "/plain/"), "look", **policy)
    assert status.is_open is ("minimum" in policy)


def test_status_on_another_page_without_a_policy_is_closed(opened):
    assert step_up_status(request_of(opened, "/plain/"), "look") == StepUpStatus()


def test_status_inside_a_protected_area_is_by_its_pattern(client, settings):
    """The view's policy may stand in AUTHSIGNAL_PROTECT as well as on the view."""
    settings.AUTHSIGNAL_PROTECT = {"area:*": {"action": "look", "max_age": 300}}
    assert follow(client, client.get("/area/status/")).content == b"seen"
    client.get("/area/status/")
    assert [status.is_open for status in views.SEEN] == [True, True]


def test_status_follows_the_central_setting(opened, settings, clock):
    settings.AUTHSIGNAL_ACTIONS = {"look": {"max_age": 60}}
    request = request_of(opened)
    assert step_up_status(request, "look").seconds_left == 60
    clock.shift(60)
    assert not step_up_status(request, "look").is_open


def test_status_ends_with_the_login(opened, alice):  # A16 T22
    request = request_of(opened)
    alice.set_password("another")
    request.user = alice
    assert step_up_status(request, "look", max_age=300) == StepUpStatus()


# The link


@pytest.mark.parametrize(
    "path", ["/look/posts/", "/look/posts/?a=1&b=%C3%A4", "/look/café/x/", "/look/caf%C3%A9/x/?c=d"]
)
def test_link_opens_the_window_of_a_page_and_goes_back_there(client, done, path):
    url = step_up_unlock_url(client.get("/plain/").wsgi_request, path)
    done.clear()
    stopped = client.get(url)
    assert stopped["Location"].startswith(HOSTED)
    back = complete_step_up(client, stopped)
    assert client.get(back["Location"])["Location"] == iri_to_uri(path)
    assert (client.post(path).content, len(done), statuses()) == (b"done", 1, ["spent"])


def test_central_setting_of_methods_does_not_keep_the_link_from_opening(client, done, settings):
    settings.AUTHSIGNAL_ACTIONS = {"look": {"methods": ["POST"]}}
    url = step_up_unlock_url(client.get("/plain/").wsgi_request, "/look/posts/")
    assert client.get(url)["Location"].startswith(HOSTED)


def test_link_of_the_page_itself_needs_no_path(client, done):
    request = client.get("/look/posts/?a=1").wsgi_request
    assert follow(client, client.get(step_up_unlock_url(request))).request["PATH_INFO"] == "/look/posts/"
    assert client.post("/look/posts/").content == b"done"


@override_script_prefix("/bank/")
def test_link_works_below_a_prefix(alice, authsignal):
    """A site that is mounted below /bank: paths in links carry the prefix, routes do not."""
    authsignal.allow("look")
    browser = Client(SCRIPT_NAME="/bank")
    browser.force_login(alice)
    url = step_up_unlock_url(browser.get("/plain/").wsgi_request, "/bank/look/posts/?a=1")
    assert browser.get(url.removeprefix("/bank"))["Location"] == "/bank/look/posts/?a=1"


def test_link_of_an_open_window_goes_straight_back(opened, authsignal):
    calls = len(authsignal.requests)
    response = opened.get(step_up_unlock_url(request_of(opened)))
    assert (response.status_code, response["Location"], len(authsignal.requests)) == (303, "/look/", calls)


def test_link_into_a_protected_area_opens_it(client, done, settings):
    settings.AUTHSIGNAL_PROTECT = {"area:*": {"action": "look", "max_age": 300, "methods": ["POST"]}}
    url = step_up_unlock_url(client.get("/area/one/").wsgi_request)
    assert follow(client, client.get(url)).request["PATH_INFO"] == "/area/one/"
    assert client.post("/area/two/").content == b"done"
    assert statuses() == ["spent"]


# Pages are signed in the test: a signature holds the time, and a test's name must not.
@pytest.mark.parametrize(
    "page_of",
    [
        lambda: "",
        lambda: "/look/",
        lambda: sign_page("/look/") + "x",
        lambda: sign_page("https://evil.example/look/"),
        lambda: sign_page("//evil.example/look/"),
        lambda: sign_page("/nowhere/"),
        lambda: sign_page("/plain/"),
        lambda: sign_page("/once/"),
        lambda: sign_page("/step-up/enrol/"),
    ],
)
def test_page_that_is_forged_or_has_no_window_is_not_found(client, authsignal, page_of):  # T25
    assert client.get("/step-up/unlock/", {"page": page_of()}).status_code == 404
    assert authsignal.requests == []


def test_link_ends_after_an_hour(alice, clock):
    browser = browser_of(alice)
    url = step_up_unlock_url(request_of(browser, "/plain/"), "/look/")
    clock.shift(3601)
    assert browser.get(url).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE"])
def test_link_is_for_get_alone(client, authsignal, method):  # T32
    url = step_up_unlock_url(client.get("/plain/").wsgi_request, "/look/")
    assert client.generic(method, url).status_code == 405
    assert authsignal.requests == []


def test_stranger_signs_in_first_and_then_goes_on(alice, authsignal):  # A26 T34
    url = f"/step-up/unlock/?page={sign_page('/look/')}"
    browser = Client()
    login = browser.get(url)["Location"]
    assert login.startswith("/sign-in/?next=/step-up/unlock/")
    assert authsignal.requests == []
    response = browser.post(login, {"username": "alice", "password": "alice"})
    assert follow(browser, response).content == b"seen"


def test_prefetched_link_starts_nothing(client, authsignal):  # T49
    url = step_up_unlock_url(client.get("/plain/").wsgi_request, "/look/")
    assert client.get(url, headers={"Sec-Purpose": "prefetch"}).status_code == 503
    assert authsignal.requests == []


def test_answers_of_the_link_are_sealed(client):  # A25 T31 T33
    url = step_up_unlock_url(client.get("/plain/").wsgi_request, "/look/")
    stopped = client.get(url)
    complete_step_up(client, stopped)
    for response in (stopped, client.get(url)):
        assert {"private", "no-store"} <= set(response["Cache-Control"].replace(" ", "").split(","))
        assert (response["X-Frame-Options"], response["Referrer-Policy"]) == ("DENY", "no-referrer")


def test_quitting_opens_nothing_and_can_be_tried_again(client, done):
    url = step_up_unlock_url(client.get("/plain/").wsgi_request, "/look/posts/")
    done.clear()
    assert follow(client, client.get(url), "quit").status_code == 403
    assert_step_up_required(client.post("/look/posts/"))
    assert follow(client, client.get(url)).request["PATH_INFO"] == "/look/posts/"


def test_tags_ask_and_link(opened):
    template = "{% load authsignal %}{% step_up_status 'look' as s %}{{ s.is_open }} {% step_up_unlock_url %}"
    request = request_of(opened)
    text = Template(template).render(Context({"request": request}))
    word, url = text.split()
    assert (word, opened.get(url.replace("&amp;", "&"))["Location"]) == ("True", "/look/")
    assert TrackedAction.objects.count() == 1
