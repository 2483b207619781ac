"""AUTHSIGNAL_SIGN_IN_ACTION: until a login has passed its step-up, its session reaches nothing else."""

from __future__ import annotations

import pytest
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.test import Client

from django_authsignal.testing import assert_step_up_required, complete_step_up
from tests.journeys.steps import press_continue, statuses

from .conftest import browser_of
from .steps import answered, follow, passed

pytestmark = pytest.mark.usefixtures("sign_in_step")

REACHABLE = ["/plain/", "/plain/async/", "/area/two/", "/decorated/", "/mixed/", "/service/", "/area/poster/", "/"]


def calls(authsignal):
    return [entry.segments[-1] for entry in authsignal.requests if entry.method == "POST"]


def signed_in(browser):
    complete_step_up(browser, browser.get("/plain/"))
    assert browser.get("/plain/").content == b"done"
    return browser


# Nothing else


@pytest.mark.parametrize(
    "path", [*REACHABLE, "/admin/", "/sign-in/", "/all/", "/area/staff_logout/", "/step-up/unlock/"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_pending_session_reaches_nothing(client, done, path, method):
    response = client.generic(method, path)
    assert response.status_code in (302, 403, 404, 405)
    assert done == []
    if path != "/step-up/unlock/":
        assert_step_up_required(response, "signIn")


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE"])
def test_harmless_methods_reach_nothing_either(client, done, authsignal, method):  # A23 T32
    assert client.generic(method, "/plain/").status_code in (200, 405)
    assert (done, authsignal.requests) == ([], [])


@pytest.mark.parametrize("path", ["/sign-out/", "/admin/logout/", "/leave/", "/area/leave/"])
def test_pending_session_can_log_out(client, boss, path, authsignal):
    browser = browser_of(boss)
    assert browser.post(path).status_code in (200, 302)
    assert ("_auth_user_id" in browser.session, authsignal.requests) == (False, [])


@pytest.mark.parametrize("path", ["/area/exempt/", "/exempt/class/"])
def test_pending_session_reaches_exempt_views(client, done, authsignal, path):
    assert client.post(path).content == b"done"
    assert authsignal.requests == []


def test_stranger_is_not_asked(db, done, authsignal):  # A26 T34
    assert Client().get("/area/poster/").content == b"done"
    assert Client().get("/sign-in/").status_code == 200
    assert authsignal.requests == []


def test_inactive_user_gets_no_further_than_anybody_pending(client, alice, done, settings, authsignal):  # T22
    """A backend that lets inactive accounts in must not let them past the step-up."""
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.AllowAllUsersModelBackend"]
    client.force_login(alice)
    type(alice).objects.update(is_active=False)
    follow(client, client.get("/plain/"))
    client.post("/plain/")
    assert (done, authsignal.requests) == ([], [])


def test_forged_post_starts_nothing(alice, authsignal):  # A24 T28
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert strict.post("/plain/", {"amount": "5"}).status_code == 403
    assert authsignal.requests == []


# Once passed


@pytest.mark.parametrize("first", ["/plain/", "/plain/async/", "/area/two/", "/"])
def test_passed_session_reaches_everything_without_another_question(client, done, authsignal, first):
    assert follow(client, client.get(first)).status_code == 200
    for path in ("/plain/", "/area/two/", "/plain/async/", "/area/poster/"):
        assert client.post(path).content == b"done"
    assert (calls(authsignal), statuses()) == (["signIn", "validate"], ["spent"])


def test_allowed_login_is_asked_once(client, done, authsignal):
    authsignal.allow("signIn")
    assert [client.get("/plain/").content, client.post("/plain/").content] == [b"done", b"done"]
    authsignal.block("signIn")
    assert client.get("/plain/").content == b"done"  # the fact lasts as long as the session
    assert calls(authsignal) == ["signIn"]


def test_passed_session_costs_no_query(client, done, django_assert_max_num_queries):
    signed_in(client)
    with django_assert_max_num_queries(2) as queries:  # the session and its user
        client.get("/plain/")
    assert not [query for query in queries if "authsignal" in query["sql"]]


@pytest.mark.parametrize("state", ["BLOCK", "REVIEW_REQUIRED", "CHALLENGE_SUCCEEDED", "NEWLY_INVENTED"])
def test_login_that_is_not_allowed_reaches_nothing(client, done, authsignal, state):
    authsignal.answer("signIn", state)
    refusal = 403 if state in ("BLOCK", "REVIEW_REQUIRED") else 502
    assert {client.get(path).status_code for path in REACHABLE} == {refusal}
    assert done == []


def test_view_with_its_own_gate_is_asked_about_after_the_login(client, done, authsignal):
    authsignal.challenge("act")
    holding = client.post("/decorated/", {"amount": "5"})
    assert_step_up_required(holding, "signIn")
    complete_step_up(client, holding)
    second = press_continue(client, holding)
    assert_step_up_required(second, "act")
    complete_step_up(client, second)
    assert (press_continue(client, second).content, len(done)) == (b"done", 1)
    assert done[0]["form"] == {"amount": ["5"]}


def test_area_is_asked_about_after_the_login(client, done, settings, authsignal):
    settings.AUTHSIGNAL_PROTECT = {"area:*": {"action": "act", "max_age": 60}}
    authsignal.challenge("act")
    assert follow(client, client.get("/area/one/")).content == b"done"
    assert calls(authsignal) == ["signIn", "validate", "act", "validate"]


def test_form_sent_by_a_pending_session_is_not_lost(client, done):
    holding = client.post("/plain/?to=Ann", {"amount": "5"})
    complete_step_up(client, holding)
    assert press_continue(client, holding).content == b"done"
    assert (done[0]["query"], done[0]["form"]) == ({"to": ["Ann"]}, {"amount": ["5"]})
    assert len(done) == 1


@pytest.mark.parametrize("central", [{"methods": ["POST"]}, {"when": bool}, {"max_age": 1}, {"bind": ["amount"]}])
def test_central_setting_about_requests_opens_no_login(client, done, settings, central):
    settings.AUTHSIGNAL_ACTIONS = {"signIn": central}
    assert [client.get("/plain/").status_code, client.post("/plain/").status_code, done] == [302, 403, []]


# Any login


@pytest.mark.parametrize("path", ["/sign-in/", "/open-sign-in/"])
def test_login_of_the_site_is_followed_by_the_step_up(alice, done, authsignal, path):
    browser = Client()
    response = browser.post(f"{path}?next=/plain/", {"username": "alice", "password": "alice"})
    assert response["Location"] == "/plain/"
    assert_step_up_required(browser.get("/plain/"), "signIn")
    assert follow(browser, response).content == b"done"


def test_login_of_the_admin_is_followed_by_the_step_up(boss, authsignal):
    browser = Client()
    response = browser.post("/admin/login/?next=/admin/", {"username": "boss", "password": "boss", "next": "/admin/"})
    assert_step_up_required(browser.get(response["Location"]), "signIn")
    assert follow(browser, response).status_code == 200
    assert browser.get("/admin/").status_code == 200


@pytest.mark.parametrize("backend", ["ModelBackend", "AllowAllUsersModelBackend"])
def test_login_by_any_backend_is_followed_by_the_step_up(alice, settings, backend):
    settings.AUTHENTICATION_BACKENDS = [f"django.contrib.auth.backends.{backend}"]
    browser = Client()
    browser.force_login(alice, f"django.contrib.auth.backends.{backend}")
    assert_step_up_required(browser.get("/plain/"), "signIn")


def test_sessions_open_before_the_setting_count_as_pending(client, done, settings):
    settings.AUTHSIGNAL_SIGN_IN_ACTION = ""
    assert client.get("/plain/").content == b"done"
    settings.AUTHSIGNAL_SIGN_IN_ACTION = "signIn"
    assert_step_up_required(client.get("/plain/"), "signIn")
    settings.AUTHSIGNAL_SIGN_IN_ACTION = ""
    assert client.get("/plain/").content == b"done"


def test_another_action_in_the_setting_is_another_question(client, done, settings, authsignal):
    signed_in(client)
    authsignal.challenge("signInAgain")
    settings.AUTHSIGNAL_SIGN_IN_ACTION = "signInAgain"
    assert_step_up_required(client.get("/plain/"), "signInAgain")


def test_login_required_middleware_and_the_step_up_agree(alice, done, settings, authsignal):
    name = f"{LoginRequiredMiddleware.__module__}.{LoginRequiredMiddleware.__name__}"
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:-1], name, settings.MIDDLEWARE[-1]]
    browser = Client()
    assert follow(browser, browser.get("/plain/")).request["PATH_INFO"] == "/sign-in/"
    response = browser.post("/sign-in/?next=/plain/", {"username": "alice", "password": "alice"})
    assert follow(browser, response).content == b"done"


@pytest.mark.parametrize("path", ["/plain/", "/plain/async/"])
def test_step_up_of_a_login_under_asgi(aclient, done, authsignal, path):
    stopped = answered(aclient, "get", path)
    assert_step_up_required(stopped, "signIn")
    passed(aclient, stopped)
    assert [answered(aclient, verb, path).content for verb in ("get", "post", "put")] == [b"done"] * 3
    assert calls(authsignal) == ["signIn", "validate"]


# Scripts


@pytest.mark.parametrize("path", REACHABLE)
def test_script_is_told_in_json(client, done, path):
    response = client.get(path, headers={"Accept": "application/json"})
    assert (response.status_code, response["Content-Type"]) == (403, "application/problem+json")
    assert (response.json()["code"], response.json()["action"], done) == ("step_up_required", "signIn", [])


def test_script_passes_and_sends_again(client, done):
    stopped = client.post("/plain/", {"amount": 5}, "application/json")
    complete_step_up(client, stopped)
    named = {"Authsignal-Step-Up": stopped.json()["key"]}
    again = client.post("/plain/", {"amount": 5}, "application/json", headers=named)
    assert (again.content, len(done), done[0]["json"]) == (b"done", 1, {"amount": 5})


def test_page_that_polls_does_not_lock_its_user_out(client, done, authsignal):  # T49
    """A page left open keeps asking for news; the login can be passed nevertheless, and it is one question."""
    for number in range(30):
        response = client.get(f"/plain/?since={number}", headers={"Accept": "application/json"})
        assert (response.status_code, response.json()["code"]) == (403, "step_up_required")
    assert follow(client, client.get("/area/two/")).content == b"done"
    assert client.get("/plain/?since=31", headers={"Accept": "application/json"}).content == b"done"


def test_tabs_of_a_restored_browser_do_not_lock_their_user_out(client, done):  # T49
    tabs = [client.get(f"/plain/{name}/") for name in "abcdefgh"]
    assert [tab.status_code for tab in tabs] == [302] * 8
    complete_step_up(client, tabs[-1])
    assert client.get("/plain/h/").content == b"done"
    assert [client.get(f"/plain/{name}/").content for name in "abc"] == [b"done"] * 3


def test_poll_does_not_take_the_way_back_from_the_page(client, done):
    stopped = client.get("/area/two/?page=2")
    client.get("/plain/?since=1", headers={"Accept": "application/json"})
    client.post("/plain/", {"amount": "5"})
    assert complete_step_up(client, stopped)["Location"] == "/area/two/?page=2"


def test_form_that_waits_for_the_login_is_sent_once_it_has_passed_elsewhere(client, done):
    holding = client.post("/plain/", {"amount": "5"})
    assert follow(client, client.get("/area/two/")).content == b"done"
    assert press_continue(client, holding).content == b"done"
    assert [seen["form"].get("amount") for seen in done] == [None, ["5"]]


# Modes and faults


def test_report_only_stops_nobody_and_asks_once_a_login(client, done, settings, authsignal):
    settings.AUTHSIGNAL_MODE = "report_only"
    assert [client.get("/plain/").content, client.post("/plain/").content] == [b"done", b"done"]
    assert (calls(authsignal), statuses()) == (["signIn"], ["void"])


def test_session_watched_in_report_only_is_asked_once_that_ends(client, done, settings):
    settings.AUTHSIGNAL_ACTIONS = {"signIn": {"mode": "report_only"}}
    assert client.get("/plain/").content == b"done"
    settings.AUTHSIGNAL_ACTIONS = {}
    assert_step_up_required(client.get("/plain/"), "signIn")
    assert follow(client, client.get("/plain/")).content == b"done"


def test_session_that_passed_is_not_asked_in_report_only(client, done, settings, authsignal):
    signed_in(client)
    settings.AUTHSIGNAL_MODE = "report_only"
    client.get("/plain/")
    settings.AUTHSIGNAL_MODE = "enforce"
    assert client.get("/plain/").content == b"done"
    assert calls(authsignal) == ["signIn", "validate"]


@pytest.mark.parametrize("fault", ["down", "500"])
def test_outage_opens_nothing_and_the_login_recovers(client, done, authsignal, fault):  # T40
    authsignal.down() if fault == "down" else authsignal.fail_next(500, times=2)
    assert (client.get("/plain/").status_code, done) == (503, [])
    authsignal.up()
    assert follow(client, client.get("/plain/")).content == b"done"


def test_outage_that_lets_requests_pass_passes_no_login(client, done, settings, authsignal):  # T40
    settings.AUTHSIGNAL_ACTIONS = {"signIn": {"on_unavailable": "allow"}}
    authsignal.down()
    statuses_ = [client.get("/plain/").status_code for _ in range(6)]
    assert statuses_ == [200] * 5 + [503]
    authsignal.up()
    assert_step_up_required(client.get("/plain/"), "signIn")


def test_first_answer_to_a_passed_login_is_what_the_view_made(client, done):
    """Only the gate's own answers are sealed; the page that follows is its view's own."""
    stopped = client.get("/plain/")
    assert "no-store" in stopped["Cache-Control"]
    assert stopped["X-Frame-Options"] == "DENY"  # T33
    complete_step_up(client, stopped)
    assert "Cookie" in client.get("/plain/")["Vary"]


def test_cached_page_is_shown_to_no_pending_session(client, alice, done, settings):  # T31
    settings.MIDDLEWARE = [
        "django.middleware.cache.UpdateCacheMiddleware",
        *settings.MIDDLEWARE,
        "django.middleware.cache.FetchFromCacheMiddleware",
    ]
    signed_in(client)
    assert [client.get("/plain/").content for _ in range(2)] == [b"done", b"done"]
    assert_step_up_required(browser_of(alice).get("/plain/"), "signIn")


# Without an authenticator


def test_newcomer_is_led_to_enrol_and_reaches_nothing_else(carol, done, authsignal):  # T11 A6
    browser = browser_of(carol)
    page = follow(browser, browser.get("/plain/"))
    assert (page.status_code, page.request["PATH_INFO"]) == (200, "/step-up/enrol/")
    assert [browser.post(path).status_code for path in ("/plain/", "/area/two/")] == [403, 403]
    assert done == []


def test_newcomer_enrols_and_then_passes_a_challenge(carol, done, authsignal):  # T12 A6
    browser = browser_of(carol)
    page = follow(browser, browser.get("/plain/"))
    back = complete_step_up(browser, browser.post(page.request["PATH_INFO"] + "?" + page.request["QUERY_STRING"]))
    browser.get(back.context["continue_url"])
    assert_step_up_required(browser.get("/plain/"), "signIn")
    assert follow(browser, browser.get("/plain/")).content == b"done"


def test_newcomer_whose_login_is_old_signs_in_again_first(carol, done, clock):  # T12
    browser = browser_of(carol)
    clock.shift(301)
    page = follow(browser, browser.get("/plain/"))
    assert page.context["state"] == "sign_in_again"
    again = follow(browser, browser.post(page.request["PATH_INFO"], {"action": "reauthenticate"}))
    assert (again.status_code, again.request["PATH_INFO"]) == (200, "/sign-in/")
    response = browser.post("/sign-in/?next=/step-up/enrol/", {"username": "carol", "password": "carol"})
    assert follow(browser, response).context["state"] == "start"
    assert done == []


@pytest.mark.parametrize(("word", "status"), [("deny", 403), ("allow", 200), ("enrol", 302)])
def test_newcomer_is_treated_as_the_policy_says(carol, done, settings, word, status):  # T11
    settings.AUTHSIGNAL_UNENROLLED = word
    browser = browser_of(carol)
    assert [browser.get("/plain/").status_code for _ in range(2)] == [status] * 2
    assert len(done) == (2 if word == "allow" else 0)
