"""AUTHSIGNAL_PROTECT: by view name and never by path, once, after permission, and never before our own pages."""

from __future__ import annotations

import pytest
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.test import Client
from django.urls import path as route

from django_authsignal.models import ActionEvent
from django_authsignal.protection import routes, step_up_exempt
from django_authsignal.testing import assert_step_up_required, complete_step_up
from example_project.urls import urlpatterns as bank_urls
from tests.journeys.steps import statuses

from . import views
from .steps import answered, follow

AREA = {"area:*": {"action": "act"}}


@pytest.fixture(autouse=True)
def _challenged(authsignal, settings):
    authsignal.challenge("act")
    authsignal.challenge("other")
    settings.AUTHSIGNAL_PROTECT = AREA


@pytest.fixture
def login_required(settings):
    name = f"{LoginRequiredMiddleware.__module__}.{LoginRequiredMiddleware.__name__}"
    position = settings.MIDDLEWARE.index("django.contrib.messages.middleware.MessageMiddleware")
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:position], name, *settings.MIDDLEWARE[position:]]


# Names


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("area:one", "/area/one/"),
        ("area:o?e", "/area/one/"),
        ("*:one", "/area/one/"),
        ("*", "/area/one/"),
        ("area:*", "/area/two/"),
        ("area:*", "/area/async/"),
        ("area:*", "/area/inner/one/"),
        ("area:inner:*", "/area/inner/one/"),
        ("area:*", "/area/unnamed/"),
        ("area:tests.doors.views.aact", "/area/unnamed/"),
        ("elsewhere:*", "/elsewhere/one/"),
        ("plain", "/plain/"),
    ],
)
def test_view_is_protected_by_its_name(client, done, settings, pattern, path):
    settings.AUTHSIGNAL_PROTECT = {pattern: {"action": "act"}}
    assert_step_up_required(client.get(path), "act")
    assert (done, statuses()) == ([], ["pending"])


@pytest.mark.parametrize("path", ["/plain/", "/Area/one/", "/elsewhere/one/", "/plain/area/"])
def test_path_that_looks_like_the_pattern_is_not_protected(client, done, path):
    assert client.get(path).content == b"done"
    assert statuses() == []


@pytest.mark.parametrize(
    "pattern", ["/area/*", "area/*", "/area/one/", "one", "area", "AREA:*", "area:o", "*.act", "area:one/"]
)
def test_pattern_that_is_no_name_protects_nothing(client, done, settings, pattern):
    settings.AUTHSIGNAL_PROTECT = {pattern: {"action": "act"}}
    assert client.get("/area/one/").content == b"done"


@pytest.mark.parametrize("path", ["/area/one/?x=/plain/", "//area/one/", "/area/./one/", "/area/one/%2e%2e/"])
def test_no_spelling_of_the_path_gets_round(client, done, path):
    """Whatever reaches the view is protected; whatever does not, runs nothing."""
    assert client.get(path).status_code in (302, 404)
    assert done == []


def test_first_pattern_that_matches_speaks(client, settings):
    settings.AUTHSIGNAL_PROTECT = {"area:one": {"action": "other"}, **AREA, "*": {"action": "plainAct"}}
    assert_step_up_required(client.get("/area/one/"), "other")
    assert_step_up_required(client.get("/area/two/"), "act")
    settings.AUTHSIGNAL_PROTECT = {**AREA, "area:one": {"action": "other"}}
    assert_step_up_required(client.get("/area/one/"), "act")


def test_one_name_with_several_routes_is_bound_to_the_route(client, done, settings):  # T3
    complete_step_up(client, client.get("/area/one/1/"))
    assert_step_up_required(client.get("/area/one/2/"))
    assert client.get("/area/one/1/").content == b"done"
    assert len(done) == 1


# Not asked twice, not asked at all


@pytest.mark.parametrize("path", ["/area/own/", "/area/own/mixin/", "/area/own/posts/"])
def test_view_with_its_own_gate_is_asked_by_that_alone(client, done, settings, path):
    settings.AUTHSIGNAL_PROTECT = {"area:*": {"action": "other"}}
    stopped = client.post(path)
    assert_step_up_required(stopped, "act")
    complete_step_up(client, stopped)
    assert client.post(path, {"_step_up_key": stopped.step_up.key}).content == b"done"
    assert (len(done), statuses()) == (1, ["spent"])


@pytest.mark.parametrize("path", ["/area/exempt/", "/exempt/class/"])
def test_exempt_view_is_passed_over(client, done, settings, authsignal, path):
    settings.AUTHSIGNAL_PROTECT = {"*": {"action": "act"}}
    assert client.post(path).content == b"done"
    assert authsignal.requests == []


def test_exempting_a_view_in_one_place_exempts_it_nowhere_else(client, done, settings):
    """The mark must not stick to a function that other routes share."""

    def shared(request):
        return views.act(request)

    exempt = route("open/", step_up_exempt(shared), name="open")
    settings.ROOT_URLCONF = (exempt, route("shut/", shared, name="shut"), *bank_urls)
    settings.AUTHSIGNAL_PROTECT = {"*": {"action": "act"}}
    assert client.get("/open/").content == b"done"
    assert client.get("/shut/").status_code == 302


OWN_PAGES = ["return/0b5f6a5e-7c0a-4a53-8a3a-1f0a8c3a1c11/", "status/x/", "enrol/", "manage/?returned"]


@pytest.mark.parametrize("prefix", ["/step-up/", "/area/step-up/"])
@pytest.mark.parametrize("page", OWN_PAGES)
def test_own_pages_are_exempt_wherever_they_are_mounted(client, settings, authsignal, prefix, page):
    """By identity: what a project calls the namespace, or where it mounts it, does not matter."""
    settings.AUTHSIGNAL_PROTECT = {"*": {"action": "act"}}
    settings.AUTHSIGNAL_SIGN_IN_ACTION = "act"
    assert client.get(prefix + page).status_code in (200, 303, 403, 404)
    assert (statuses(), authsignal.requests) == ([], [])


def listed():
    """Whether routes that a plain GET reaches are protected, as `authsignal_urls` lists them."""
    starts, others = (
        ("plain/", "area/", "partial/", "nested/", "peek/", "once/"),
        ("<", "step-up", "fail", "pay", "leave"),
    )
    return {
        f"/{known.pattern}": known.policy is not None
        for known in routes()
        if known.pattern.startswith(starts) and not known.is_own and not any(word in known.pattern for word in others)
    }


@pytest.mark.parametrize("pattern", ["*", "area:*", "*.*", "*.Inner"])
def test_what_is_listed_as_protected_is_asked_and_nothing_else(client, done, settings, pattern):
    """What `authsignal_urls` says of a route, the middleware does."""
    settings.AUTHSIGNAL_PROTECT = {pattern: {"action": "act", "mode": "report_only"}}
    asked = {}
    for url in listed():
        before = len(statuses())
        client.get(url)
        asked[url] = len(statuses()) > before
    assert len(asked) > 12
    assert asked == listed()


@pytest.mark.parametrize("path", ["/partial/", "/nested/", "/area/unnamed/", "/plain/"])
def test_name_in_the_list_is_the_name_that_protects(client, done, settings, path):
    name = next(known.name for known in routes() if f"/{known.pattern}" == path)
    settings.AUTHSIGNAL_PROTECT = {name: {"action": "act"}}
    assert_step_up_required(client.get(path), "act")


def test_view_that_is_merely_called_like_a_logout_is_protected(client, done):
    """Logging others out is an operation like any other; only the sign-in step-up must let its user out."""
    assert_step_up_required(client.post("/area/staff_logout/"))
    assert done == []


# Who asks


@pytest.mark.parametrize("path", ["/area/one/", "/area/two/", "/area/async/", "/area/own/"])
def test_stranger_is_sent_to_sign_in(db, done, authsignal, path):  # A26 T34
    response = Client().post(path)
    assert (response.status_code, response["Location"]) == (302, f"/sign-in/?next={path}")
    assert (done, statuses(), authsignal.requests) == ([], [], [])


def test_strange_script_is_answered_401(db, done, authsignal):  # A26 T34
    response = Client().post("/area/one/", {}, "application/json")
    assert (response.status_code, response.json()["code"]) == (401, "step_up_login")
    assert (done, authsignal.requests) == ([], [])


def test_stranger_sees_what_is_for_everybody(client, db, done, authsignal):
    assert Client().get("/area/poster/").content == b"done"
    assert authsignal.requests == []
    assert_step_up_required(client.get("/area/poster/"))


def test_stranger_can_sign_in_where_everything_is_protected(db, done, settings, authsignal):
    settings.AUTHSIGNAL_PROTECT = {"*": {"action": "act"}}
    browser = Client()
    login = follow(browser, browser.get("/plain/"))
    assert (login.status_code, login.request["PATH_INFO"]) == (200, "/sign-in/")
    assert authsignal.requests == []


def test_stranger_is_not_led_round_where_the_login_page_is_not_marked(db, done, settings, authsignal):
    """A login page of the project's own need not carry Django's `login_not_required`."""
    settings.AUTHSIGNAL_PROTECT = {"*": {"action": "act"}}
    settings.LOGIN_URL = "plain"
    browser = Client()
    assert follow(browser, browser.get("/area/one/")).status_code < 400


def test_login_required_middleware_and_areas_agree(client, db, done, authsignal, login_required):
    for path in ("/area/one/", "/plain/"):
        assert Client().get(path)["Location"] == f"/sign-in/?next={path}"
    assert Client().get("/area/poster/").content == b"done"
    assert authsignal.requests == []
    complete_step_up(client, client.get("/area/one/"))
    assert client.get("/area/one/").content == b"done"


@pytest.mark.parametrize("page", [*OWN_PAGES[:2], "manage/?token=a.b"])
def test_own_pages_decide_themselves_who_may_see_them(db, login_required, page):  # T30
    assert Client().get(f"/step-up/{page}").status_code in (200, 303, 403, 404)


@pytest.mark.parametrize("path", ["/area/one/", "/area/async/", "/area/own/"])
def test_inactive_user_runs_nothing(client, alice, done, settings, authsignal, path):  # T22
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.AllowAllUsersModelBackend"]
    client.force_login(alice)
    type(alice).objects.update(is_active=False)
    assert client.get(path).status_code == 403
    assert (done, authsignal.requests) == ([], [])


def test_forged_post_starts_nothing(alice, done, authsignal):  # A24 T28
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert strict.post("/area/one/", {"amount": "5"}).status_code == 403
    assert (done, statuses(), authsignal.requests) == ([], [], [])


# Outcomes and modes


@pytest.mark.parametrize(
    ("state", "status", "outcome"),
    [
        ("BLOCK", 403, "blocked"),
        ("REVIEW_REQUIRED", 403, "under_review"),
        ("CHALLENGE_SUCCEEDED", 502, "upstream_error"),
        ("NEWLY_INVENTED", 502, "upstream_error"),
    ],
)
@pytest.mark.parametrize("path", ["/area/one/", "/area/async/"])
def test_refusal_runs_nothing(any_client, done, authsignal, state, status, outcome, path):
    authsignal.answer("act", state)
    response = answered(any_client, "post", path)
    assert (response.status_code, response.step_up.outcome, done) == (status, outcome, [])


def test_outage_runs_nothing(client, done, authsignal):  # T40
    authsignal.down()
    assert (client.get("/area/one/").status_code, done) == (503, [])


@pytest.mark.parametrize("state", ["BLOCK", "CHALLENGE_REQUIRED", "NEWLY_INVENTED"])
@pytest.mark.parametrize("central", [True, False])
def test_report_only_stops_nothing_and_records_all(client, done, settings, authsignal, state, central):
    authsignal.answer("act", state)
    if central:
        settings.AUTHSIGNAL_MODE = "report_only"
    else:
        settings.AUTHSIGNAL_PROTECT = {"area:*": {"action": "act", "mode": "report_only"}}
    assert [client.get("/area/one/").content, client.post("/area/one/").content] == [b"done", b"done"]
    assert len([entry for entry in authsignal.requests if entry.segments[-1] == "act"]) == 2
    assert statuses() == ["void", "void"]


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("approved", [False, True])
def test_harmless_methods_run_track_and_burn_nothing(client, done, authsignal, method, approved):  # A23 T32
    stopped = client.post("/area/one/")
    if approved:
        complete_step_up(client, stopped)
    calls = len(authsignal.requests)
    assert client.generic(method, "/area/one/").status_code in (200, 405)
    assert (done, len(authsignal.requests), statuses()) == ([], calls, ["approved" if approved else "pending"])


@pytest.mark.parametrize("sent", ["GET", "HEAD", "OPTIONS"])
def test_method_override_is_ignored(client, done, sent):  # A23 T32
    assert_step_up_required(client.post("/area/one/?_method=" + sent, headers={"X-HTTP-Method-Override": sent}))
    assert done == []


def test_policy_arguments_count_in_areas_too(client, done, settings, authsignal):
    settings.AUTHSIGNAL_PROTECT = {"area:*": {"action": "act", "methods": ["POST"], "minimum": "challenge"}}
    assert client.get("/area/one/").content == b"done"
    assert client.delete("/area/one/").status_code == 405
    authsignal.allow("act")
    assert client.post("/area/one/").status_code == 403
    assert len(done) == 1


def test_allow_serves_the_request_at_hand_only(client, done, authsignal):  # T10
    authsignal.allow("act")
    assert client.get("/area/one/").content == b"done"
    authsignal.challenge("act")
    assert_step_up_required(client.get("/area/one/"))
    assert len(done) == 1


def test_nothing_of_the_gate_is_noted_when_all_went_well(client, done):
    complete_step_up(client, client.get("/area/one/"))
    client.get("/area/one/")
    assert (len(done), ActionEvent.objects.count()) == (1, 0)
