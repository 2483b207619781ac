"""Areas by the names of their views, and logins: what the middleware asks for where no view does."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.test import AsyncClient
from django.urls import include, path
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.views import APIView

from django_authsignal.contrib.rest_framework import step_up_permission
from django_authsignal.decorators import step_up_required
from django_authsignal.models import Status, TrackedAction
from django_authsignal.policy import StepUpPolicy
from django_authsignal.protection import policy_before, policy_for, protected_patterns, routes, step_up_exempt
from django_authsignal.testing import complete_step_up

from .gated import ACTION, outcome
from .gated import gated as gated


def view(request, **kwargs):
    return HttpResponse("done")


async def async_view(request):
    return HttpResponse("done")


@login_not_required
def public(request):
    return HttpResponse("public")


@step_up_exempt
def exempt(request):
    return HttpResponse("exempt")


@step_up_exempt
async def async_exempt(request):
    return HttpResponse("exempt")


AREA = (
    [
        path("one/", view, name="one"),
        path("two/<slug:name>/", view, name="two"),
        path("async/", async_view, name="async"),
        path("own/", step_up_required("own")(view), name="own"),
        path("public/", public, name="public"),
        path("exempt/", exempt, name="exempt"),
        path("exempt/async/", async_exempt, name="exempt-async"),
        path("unnamed/", view),
    ],
    "area",
)


@pytest.fixture
def area(gated, settings):
    """Alice's browser, in a site with a protected area."""
    gated.serve(gated.view, path("area/", include(AREA)))
    settings.AUTHSIGNAL_PROTECT = {
        "area:two": {"action": "second"},
        "area:*": {"action": "area", "max_age": 60},
        "admin:*": {"action": "admin"},
    }
    return gated.client


def asked(authsignal):
    return [entry.segments[3] for entry in authsignal.requests if len(entry.segments) == 4]


@pytest.mark.parametrize(
    ("url", "actions"),
    [
        ("/area/one/", ["area"]),
        ("/area/async/", ["area"]),
        ("/area/two/x/", ["second"]),
        ("/area/own/", ["own"]),
        ("/area/public/", ["area"]),
        ("/area/exempt/", []),
        ("/area/exempt/async/", []),
        ("/area/unnamed/", ["area"]),
        ("/gated/", []),
        ("/step-up/enrol/", []),
    ],
)
def test_first_pattern_that_matches_the_view_protects_it(area, authsignal, url, actions):
    response = area.get(url)
    assert (response.status_code, asked(authsignal)) == (200, actions)
    if actions:
        assert {"private", "no-store"} <= set(response["Cache-Control"].split(", "))  # T31


@pytest.mark.parametrize("inner", [view, async_view, step_up_required("inner", when=lambda request: False)(view)])
def test_area_asks_for_a_gate_that_thinks_better_of_it(gated, authsignal, settings, inner):  # T37
    """A `when` that draws lots says one thing to the middleware and another to the gate: it must not be nobody's."""
    drawn = []

    def when(request):
        drawn.append(len(drawn) % 2 == 0)
        return drawn[-1]

    settings.AUTHSIGNAL_PROTECT = {"*": {"action": "area"}}
    authsignal.block("area")
    gated.serve(step_up_required("own", when=when)(inner))
    assert outcome(gated.get()) == "blocked"
    assert (drawn, asked(authsignal)) == ([True, False], ["area"])


def test_area_is_not_asked_behind_a_gate_that_did(gated, authsignal, settings):
    settings.AUTHSIGNAL_PROTECT = {"*": {"action": "area"}}
    inner = step_up_required("inner", when=lambda request: False)(view)
    gated.serve(step_up_required("own")(inner))
    assert gated.get().content == b"done"
    assert asked(authsignal) == ["own"]


def test_protected_area_is_stopped_and_opens_with_its_window(area, authsignal):
    authsignal.challenge("area")
    stopped = area.get("/area/one/")
    assert outcome(stopped) == "challenge"
    complete_step_up(area, stopped)
    assert area.get("/area/one/").content == b"done"
    assert area.get("/area/async/").content == b"done"
    assert asked(authsignal).count("area") == 1


def test_stranger_signs_in_first_unless_the_page_is_public(area, client, authsignal):  # T34
    assert client.get("/area/one/").headers["Location"] == "/sign-in/?next=/area/one/"
    assert client.get("/area/public/").content == b"public"
    assert asked(authsignal) == []


def test_admin_asks_only_whom_it_would_let_in(area, authsignal, alice):
    assert area.get("/admin/").headers["Location"].startswith("/admin/login/")
    assert asked(authsignal) == []
    alice.is_staff = alice.is_superuser = True
    alice.save()
    authsignal.block("admin")
    assert outcome(area.get("/admin/")) == outcome(area.get("/admin/bank/transfer/")) == "blocked"
    assert area.post("/admin/logout/").status_code == 302


def test_area_is_protected_under_asgi(area, authsignal, alice):
    authsignal.block("area")

    @async_to_sync
    async def visit():
        browser = AsyncClient()
        await browser.aforce_login(alice)
        return await browser.get("/area/async/"), await browser.get("/area/exempt/async/")

    stopped, passed = visit()
    assert (outcome(stopped), passed.content) == ("blocked", b"exempt")


# Looking up


def test_policy_before_a_page_is_found_by_its_path(area):
    assert policy_before("/area/two/x/?y=1").action == "second"
    assert policy_before("/area/own/") == StepUpPolicy("own")
    assert policy_before("/area/exempt/") is policy_before("/gated/") is policy_before("/nowhere/") is None


def test_policy_for_a_view_is_its_own_first(area):
    assert policy_for(step_up_required("own")(view), "area:one").action == "own"
    assert policy_for(view, "area:one").action == "area"


def test_routes_tell_what_stands_before_each(area):
    found = {route.pattern: route for route in routes()}
    assert found["area/two/<slug:name>/"].name == "area:two"
    assert (found["area/own/"].is_own, found["area/one/"].is_own) == (True, False)
    assert found["area/exempt/"].policy is found["gated/"].policy is None
    assert found["area/unnamed/"].name.endswith("test_protection.view")


@pytest.mark.parametrize("given", ["class", "function", "route"])
def test_routes_tell_what_permissions_of_rest_framework_ask(settings, given):  # T13 T37
    permissions = [IsAuthenticated, IsAuthenticated & IsAuthenticated, step_up_permission("pay")]
    views = {
        "class": type("View", (APIView,), {"permission_classes": permissions}).as_view(),
        "function": api_view()(permission_classes(permissions)(lambda request: None)),
        "route": APIView.as_view(permission_classes=permissions),
    }
    settings.ROOT_URLCONF = (path("pay/", views[given]), path("open/", APIView.as_view()))
    assert [route.policies for route in routes()] == [(StepUpPolicy("pay"),), ()]


@pytest.mark.parametrize("entry", [{"action": "a b"}, {"max_age": 60}, {"action": "a", "nonsense": 1}])
def test_entry_that_cannot_work_is_refused(settings, entry):
    settings.AUTHSIGNAL_PROTECT = {"admin:*": entry}
    with pytest.raises(ImproperlyConfigured):
        protected_patterns()


# Logins


@pytest.fixture
def signing_in(gated, settings):
    settings.AUTHSIGNAL_SIGN_IN_ACTION = "signIn"
    gated.serve(view, path("area/", include(AREA)))
    return gated


def test_login_may_do_nothing_before_its_step_up_and_everything_after(signing_in, authsignal):
    authsignal.challenge("signIn")
    browser = signing_in.client
    for url in ("/gated/", "/area/one/", "/area/public/", "/"):
        assert browser.get(url).status_code in (302, 403)
    assert browser.get("/area/exempt/").content == b"exempt"
    key = browser.cookies["sessionid"].value
    complete_step_up(browser, browser.get("/gated/"))
    assert browser.get("/gated/").content == b"done"
    assert browser.cookies["sessionid"].value != key  # T20
    calls = len(authsignal.requests)
    assert browser.get("/area/one/").content == b"done"
    assert len(authsignal.requests) == calls


def test_every_login_passes_a_step_up_of_its_own(signing_in, authsignal, alice):
    signing_in.get()
    signing_in.client.force_login(alice)
    signing_in.get()
    signing_in.get(signing_in.sign_in())
    assert asked(authsignal) == ["signIn"] * 3


def forget_that_it_passed(signing_in):
    """As a request does that began before another one of the same session had passed."""
    session = signing_in.client.session
    del session["_authsignal"]["sign_in"]
    session.save()


@pytest.mark.parametrize(
    ("change", "times"),
    [
        ({}, 1),
        ({"remote_state": "BLOCK"}, 2),
        ({"remote_state": "CHALLENGE_REQUIRED"}, 2),
        ({"status": Status.VOID}, 2),
        ({"auth_hash": "v1:other"}, 2),
        ({"channel": "v1:other"}, 2),
    ],
    ids=str,
)
def test_login_that_another_request_passed_a_moment_ago_has_passed(signing_in, authsignal, change, times):
    signing_in.get()
    forget_that_it_passed(signing_in)
    TrackedAction.objects.update(**change)
    assert signing_in.get().content == b"done"
    assert asked(authsignal) == ["signIn"] * times


def test_step_up_of_a_login_is_of_no_single_request(signing_in):
    for method in ("get", "post"):
        getattr(signing_in, method)()
    assert (signing_in.row.route, signing_in.row.method, TrackedAction.objects.count()) == ("(sign-in)", "", 1)


def test_stranger_may_sign_in_and_anybody_out(signing_in, client, authsignal):
    assert client.get("/sign-in/").status_code == 200
    authsignal.block("signIn")
    assert signing_in.get().status_code == 403
    assert signing_in.client.post("/sign-out/").status_code == 302
    assert "_auth_user_id" not in signing_in.client.session


def test_outage_lets_single_requests_through_but_no_login(signing_in, authsignal, settings):  # T40
    settings.AUTHSIGNAL_ACTIONS = {"signIn": {"on_unavailable": "allow"}}
    authsignal.down()
    assert signing_in.get().content == b"done"
    authsignal.up()
    authsignal.block("signIn")
    assert signing_in.get().status_code == 403


def test_login_that_was_only_watched_passes_when_it_counts(signing_in, authsignal, settings):
    settings.AUTHSIGNAL_ACTIONS = {"signIn": {"mode": "report_only"}}
    assert signing_in.get().content == signing_in.get().content == b"done"
    assert asked(authsignal) == ["signIn"]
    settings.AUTHSIGNAL_ACTIONS = {}
    authsignal.block("signIn")
    assert signing_in.get().status_code == 403


def test_passed_login_is_for_its_own_action_and_session(signing_in, authsignal, settings):  # T3, T20
    signing_in.get()
    facts = signing_in.client.session["_authsignal"]
    thief = signing_in.sign_in()
    session = thief.session
    session["_authsignal"] = session["_authsignal"] | {"sign_in": facts["sign_in"]}
    session.save()
    signing_in.get(thief)
    settings.AUTHSIGNAL_SIGN_IN_ACTION = "other"
    signing_in.get()
    assert asked(authsignal) == ["signIn", "signIn", "other"]


def test_action_of_another_name_does_not_pass_the_login(signing_in, authsignal):
    authsignal.block("signIn")
    signing_in.serve(step_up_required(ACTION)(view))
    assert outcome(signing_in.get()) == "blocked"
    assert asked(authsignal) == ["signIn"]
