"""`manage.py check` on areas and logins: what would silently protect nothing is an error."""

from __future__ import annotations

import pytest
from django.contrib.auth.views import LoginView
from django.core import checks
from django.urls import include
from django.urls import path as route
from rest_framework.views import APIView

from django_authsignal.contrib.rest_framework import StepUpAPIMixin

from .views import act

MIDDLEWARE = "django_authsignal.middleware.StepUpMiddleware"
AREA = {"area:*": {"action": "act"}}
PLAIN = (
    route("", act, name="home"),
    route("sign-in/", LoginView.as_view(), name="login"),
    route("step-up/", include("django_authsignal.urls")),
)
"""A site in which nothing asks by itself."""


def found(number):
    """What the check of this number says."""
    messages = checks.run_checks(tags=["authsignal"])
    return [f"{message.msg} {message.hint}" for message in messages if message.id == f"authsignal.{number}"]


@pytest.fixture(autouse=True)
def _plain_bank(settings):
    settings.ROOT_URLCONF = PLAIN


@pytest.mark.parametrize(
    ("name", "value"), [("PROTECT", AREA), ("SIGN_IN_ACTION", "signIn"), ("PROTECT", {"nothing": {"action": "a"}})]
)
def test_area_or_login_without_the_middleware_is_E014(settings, name, value):  # noqa: N802
    setattr(settings, f"AUTHSIGNAL_{name}", value)
    assert found("E014") == []
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if each != MIDDLEWARE]
    (text,) = found("E014")
    assert MIDDLEWARE in text


def test_neither_needs_no_middleware(settings):
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if each != MIDDLEWARE]
    assert found("E014") == []


@pytest.mark.parametrize("pattern", ["api:*", "*", "api:things"])
def test_rest_framework_view_in_an_area_is_E015(settings, pattern):  # noqa: N802
    """Its users are only known after the middleware has decided: a token would be nobody (A26)."""
    view = type("Things", (APIView,), {})
    settings.ROOT_URLCONF = (*PLAIN, route("things/", view.as_view(), name="things"))
    settings.AUTHSIGNAL_PROTECT = {pattern.replace("api:", ""): {"action": "act"}}
    assert any("things" in text for text in found("E015"))
    settings.AUTHSIGNAL_PROTECT = {"home": {"action": "act"}}
    assert found("E015") == []


def test_view_with_the_mixin_asks_for_its_area(settings):
    view = type("Things", (StepUpAPIMixin, APIView), {"get_step_up_policy": lambda self: None})
    settings.ROOT_URLCONF = (*PLAIN, route("things/", view.as_view(), name="things"))
    settings.AUTHSIGNAL_PROTECT = {"*": {"action": "act"}}
    assert found("E015") == []


@pytest.mark.parametrize(
    "value",
    [
        {"area:*": {}},
        {"area:*": {"action": "not a code"}},
        {"area:*": {"action": "act", "max_age": 0}},
        {"area:*": {"action": "act", "max_age": 60, "bind": ["a"]}},
        {"area:*": {"action": "act", "minimum": "allow", "unknown": 1}},
        {"area:*": "act"},
        {"area:*": None},
        [("area:*", {"action": "act"})],
        "area:*",
    ],
)
def test_area_that_cannot_work_is_E016_and_nothing_crashes(settings, value):  # noqa: N802
    settings.AUTHSIGNAL_PROTECT = value
    assert len(found("E016")) == 1
    assert [found(number) for number in ("E014", "E015", "E010", "E013")] == [[]] * 4


@pytest.mark.parametrize("value", ["not a code", "sign:in", "x" * 65, 5, ["signIn"], None])
def test_login_that_cannot_work_is_E016(settings, value):  # noqa: N802
    settings.AUTHSIGNAL_SIGN_IN_ACTION = value
    assert len(found("E016")) == 1


@pytest.mark.parametrize("central", [{"methods": ["POST"]}, {"when": bool}, {"bind": ["amount"]}])
def test_central_setting_by_which_a_login_passes_unasked_is_told(settings, central):
    """A GET that the policy leaves out, or a request for which `when` is false, would pass a pending session."""
    settings.AUTHSIGNAL_SIGN_IN_ACTION = "signIn"
    settings.AUTHSIGNAL_ACTIONS = {"signIn": central}
    assert found("E016")


@pytest.mark.parametrize(
    ("name", "value"), [("SIGN_IN_ACTION", "signIn"), ("PROTECT", {"home": {"action": "act", "max_age": 60}})]
)
def test_sign_in_and_windows_on_cookie_sessions_are_E010(settings, name, value):  # noqa: N802
    """An old cookie can be replayed: it would bring back what was passed or opened (T20)."""
    setattr(settings, f"AUTHSIGNAL_{name}", value)
    assert found("E010") == []
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    assert len(found("E010")) == 1


def test_single_use_area_on_cookie_sessions_is_fine(settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    settings.AUTHSIGNAL_PROTECT = {"home": {"action": "act"}}
    assert found("E010") == []


@pytest.mark.parametrize("name", ["csrf.CsrfViewMiddleware", "auth.middleware.AuthenticationMiddleware"])
def test_middleware_that_decides_too_early_is_E014(settings, name):  # noqa: N802 - T28
    """Whoever decides before the CSRF check lets another site's form start challenges."""
    settings.AUTHSIGNAL_PROTECT = AREA
    others = [each for each in settings.MIDDLEWARE if each != MIDDLEWARE]
    (place,) = [place for place, each in enumerate(others) if each.endswith(name)]
    settings.MIDDLEWARE = [*others[:place], MIDDLEWARE, *others[place:]]
    (text,) = found("E014")
    assert name.rpartition(".")[2] in text


def test_good_project_is_silent(settings):
    settings.ROOT_URLCONF = (*PLAIN, route("plain/", act, name="plain"))
    settings.AUTHSIGNAL_PROTECT = {"plain": {"action": "act"}, "home": {"action": "look", "max_age": 900}}
    settings.AUTHSIGNAL_SIGN_IN_ACTION = "signIn"
    assert [found(f"E{number:03}") for number in range(1, 18)] == [[]] * 17
