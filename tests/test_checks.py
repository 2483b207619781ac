"""Every check by its number, and none of them on a project that is right."""

from __future__ import annotations

import functools
from io import StringIO

import pytest
from django.contrib.auth.decorators import login_required
from django.core import checks, mail
from django.core.management import CommandError, call_command
from django.db import connection
from django.http import HttpResponse
from django.urls import include, path
from django.views import View
from django.views.decorators.cache import cache_page
from django.views.decorators.csrf import csrf_exempt

from django_authsignal.decorators import step_up_required
from django_authsignal.mixins import StepUpRequiredMixin
from django_authsignal.policy import StepUpPolicy

OURS = path("step-up/", include("django_authsignal.urls"))
LOGIN = path("login/", lambda request: None, name="login")
LIVE = {
    "AUTHSIGNAL_SECRET": "c2VjcmV0",
    "AUTHSIGNAL_API_URL": "https://api.authsignal.com/v1",
    "AUTHSIGNAL_SITE_URL": "https://bank.example",
    "AUTHSIGNAL_ALLOW_SANDBOX": False,
    "DEBUG": False,
}


@pytest.fixture(autouse=True)
def good(settings, monkeypatch):
    """A project in production with nothing to complain about."""
    monkeypatch.delattr(mail, "outbox")
    for name, value in LIVE.items():
        setattr(settings, name, value)


def found(number=None):
    """Ids of ours that the checks report, or the only message of that number."""
    messages = [message for message in checks.run_checks(tags=["authsignal"]) if message.id.startswith("authsignal.")]
    if number is None:
        return [message.id.removeprefix("authsignal.") for message in messages]
    (message,) = (message for message in messages if message.id == f"authsignal.{number}")
    assert message.hint
    return message


def view(request):
    return HttpResponse()


def site(settings, *views):
    settings.ROOT_URLCONF = (OURS, LOGIN, *(path(f"view{place}/", one) for place, one in enumerate(views)))


def test_good_project_is_silent(settings):
    assert found() == []
    settings.DEBUG = True
    assert found() == []


def test_example_project_is_silent_in_development(settings):
    settings.DEBUG = True
    settings.AUTHSIGNAL_SECRET, settings.AUTHSIGNAL_API_URL = "sandbox_demo", "http://localhost:8001/v1"
    settings.AUTHSIGNAL_SITE_URL = ""
    assert found() == []


def test_developers_settings_are_silent_when_the_test_runner_checks_them_without_debug(settings, monkeypatch):
    settings.AUTHSIGNAL_SECRET, settings.AUTHSIGNAL_API_URL = "sandbox_demo", "http://localhost:8001/v1"
    settings.AUTHSIGNAL_SITE_URL = ""
    assert {"E002", "E004"} <= set(found())
    monkeypatch.setattr(mail, "outbox", [], raising=False)
    assert found() == []


def test_checks_run_with_manage_py_check(settings, db):
    settings.AUTHSIGNAL_SECRET = ""
    with pytest.raises(CommandError, match=r"authsignal\.E001"):
        call_command("check", stdout=StringIO(), stderr=StringIO())


@pytest.mark.parametrize(
    ("number", "changes", "text"),
    [
        ("E001", {"AUTHSIGNAL_SECRET": ""}, "AUTHSIGNAL_SECRET must hold"),
        ("E001", {"AUTHSIGNAL_SECRET": "with space "}, "AUTHSIGNAL_SECRET must hold"),
        ("E002", {"AUTHSIGNAL_SECRET": "sandbox_demo"}, "disagree"),
        ("E002", {"AUTHSIGNAL_API_URL": "http://localhost:8001"}, "disagree"),
        (
            "E002",
            {"AUTHSIGNAL_SECRET": "sandbox_demo", "AUTHSIGNAL_API_URL": "http://localhost:8001"},
            "needs DEBUG = True",
        ),
        ("E003", {"AUTHSIGNAL_API_URL": "api.authsignal.com"}, "must be an https URL"),
        ("E003", {"AUTHSIGNAL_API_URL": "https://["}, "must be an https URL"),
        ("E003", {"AUTHSIGNAL_API_URL": "http://api.authsignal.com"}, "must be an https URL"),
        ("E003", {"AUTHSIGNAL_API_URL": "", "AUTHSIGNAL_REGION": "moon"}, "AUTHSIGNAL_REGION must be one of"),
        ("E004", {"AUTHSIGNAL_SITE_URL": ""}, "is not set"),
        ("E004", {"AUTHSIGNAL_SITE_URL": "bank.example"}, "must be an origin"),
        ("E004", {"AUTHSIGNAL_SITE_URL": "https://["}, "must be an origin"),
        ("E004", {"AUTHSIGNAL_SITE_URL": "http://bank.example"}, "is not https"),
        ("E005", {"AUTHSIGNAL_ACTIONS": {"pay": {"max_agee": 60}}}, "max_agee"),
        ("E005", {"AUTHSIGNAL_ACTIONS": {"pay": {"max_age": "60"}}}, "max_age must be whole seconds"),
        ("E005", {"AUTHSIGNAL_ACTIONS": {"not a code": {}}}, "is no action code"),
        ("E005", {"AUTHSIGNAL_ACTIONS": ["pay"]}, "must map action codes"),
        ("E006", {"AUTHSIGNAL_TENANT_ID": 5}, "AUTHSIGNAL_TENANT_ID"),
        ("E006", {"AUTHSIGNAL_MODE": "off"}, "AUTHSIGNAL_MODE"),
        ("E006", {"AUTHSIGNAL_TIMEOUT": 60}, "AUTHSIGNAL_TIMEOUT"),
        ("E006", {"AUTHSIGNAL_UNENROLLED": "pass"}, "AUTHSIGNAL_UNENROLLED"),
        ("E006", {"AUTHSIGNAL_APPROVAL_TTL": 3600}, "AUTHSIGNAL_APPROVAL_TTL"),
        ("E006", {"AUTHSIGNAL_CHALLENGE_TTL": 3600}, "AUTHSIGNAL_CHALLENGE_TTL"),
        ("E006", {"AUTHSIGNAL_TRUSTED_PROXY_COUNT": -1}, "AUTHSIGNAL_TRUSTED_PROXY_COUNT"),
        ("E006", {"AUTHSIGNAL_USER_ID": "no.where"}, "AUTHSIGNAL_USER_ID"),
        ("E006", {"AUTHSIGNAL_ATTRIBUTES": 5}, "AUTHSIGNAL_ATTRIBUTES"),
        ("E006", {"AUTHSIGNAL_ALLOWED_CHALLENGE_HOSTS": "one.example"}, "AUTHSIGNAL_ALLOWED_CHALLENGE_HOSTS"),
        ("E006", {"AUTHSIGNAL_ADAPTER": "no.where"}, "no"),
        ("E007", {"USE_TZ": False}, "USE_TZ is False"),
        ("E009", {"LOGIN_URL": "nowhere"}, "LOGIN_URL 'nowhere' leads nowhere"),
        ("E011", {"ROOT_URLCONF": (path("x/", view),)}, "are not included"),
    ],
)
def test_wrong_setting_has_its_number(settings, number, changes, text):
    for name, value in changes.items():
        setattr(settings, name, value)
    assert text in found(number).msg


def test_hint_for_a_missing_secret_works_where_a_sandbox_was_named(settings):
    settings.AUTHSIGNAL_SECRET, settings.AUTHSIGNAL_API_URL = "", "http://localhost:8001/v1"
    assert found("E001").hint.endswith("in the settings of tests any text will do, with AUTHSIGNAL_API_URL = ''.")
    settings.AUTHSIGNAL_SECRET, settings.AUTHSIGNAL_API_URL = "none", ""
    assert found() == []


def test_site_without_https_is_fine_in_development_and_in_test_runs(settings):
    settings.AUTHSIGNAL_SITE_URL = "http://localhost:8000"
    settings.DEBUG = True
    assert found() == []
    settings.DEBUG, settings.AUTHSIGNAL_ALLOW_SANDBOX = False, True
    assert found() == []


@pytest.mark.parametrize(
    ("setting", "value", "text"),
    [
        ("PROTECT", ["admin:*"], "must map patterns"),
        ("PROTECT", {"admin:*": {"max_age": 60}}, "admin:*"),
        ("PROTECT", {"admin:*": {"action": "a b"}}, "is no action code"),
        ("PROTECT", {"admin:*": {"action": "a", "nonsense": 1}}, "nonsense"),
        ("SIGN_IN_ACTION", 5, "AUTHSIGNAL_SIGN_IN_ACTION"),
        ("SIGN_IN_ACTION", "a b", "is no action code"),
    ],
)
def test_area_or_login_that_cannot_work_is_E016(settings, setting, value, text):  # noqa: N802
    setattr(settings, f"AUTHSIGNAL_{setting}", value)
    assert text in found("E016").msg
    assert found() == ["E016"]


@pytest.mark.parametrize(("setting", "value"), [("PROTECT", {"admin:*": {"action": "a"}}), ("SIGN_IN_ACTION", "a")])
def test_area_or_login_without_the_middleware_is_E014(settings, setting, value):  # noqa: N802
    setattr(settings, f"AUTHSIGNAL_{setting}", value)
    assert found() == []
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "StepUp" not in name]
    assert "do nothing without the middleware" in found("E014").msg


@pytest.mark.parametrize("other", ["csrf.CsrfViewMiddleware", "contrib.auth.middleware.AuthenticationMiddleware"])
def test_middleware_that_decides_too_early_is_E014(settings, other):  # noqa: N802  # T28
    """Before the CSRF check another site could start challenges; before authentication nobody is signed in."""
    settings.AUTHSIGNAL_SIGN_IN_ACTION = "signIn"
    later = [name for name in settings.MIDDLEWARE if name.endswith(other)]
    settings.MIDDLEWARE = [*(name for name in settings.MIDDLEWARE if name not in later), *later]
    assert len(later) == 1
    assert "too early" in found("E014").msg


def test_middleware_behind_what_a_project_derived_itself_is_in_order(settings):
    settings.AUTHSIGNAL_SIGN_IN_ACTION = "signIn"
    derived = {"django.contrib.auth.middleware.AuthenticationMiddleware": "bank.middleware.Authentication"}
    settings.MIDDLEWARE = [derived.get(name, name) for name in settings.MIDDLEWARE]
    assert found() == []


def test_project_without_the_middleware_is_W004(settings):  # noqa: N802
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "StepUp" not in name]
    assert "is missing" in found("W004").msg
    assert found() == ["W004"]


def test_sandbox_that_a_deployment_would_accept_is_W005(settings):  # noqa: N802  # T48
    def deployed():
        return [message.id for message in checks.run_checks(tags=["authsignal"], include_deployment_checks=True)]

    assert "authsignal.W005" not in deployed()
    settings.AUTHSIGNAL_ALLOW_SANDBOX = True
    assert "authsignal.W005" in deployed()
    assert found() == []  # a test run needs it


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("AUTHSIGNAL_TIMEOUTS", "Did you mean AUTHSIGNAL_TIMEOUT?"),
        ("AUTHSIGNAL_PROTECTED", "Did you mean AUTHSIGNAL_PROTECT?"),
        ("AUTHSIGNAL_REGIONS", "Did you mean AUTHSIGNAL_REGION?"),
        ("AUTHSIGNAL_" + "Q" * 20, "Remove it."),
    ],
)
def test_misspelt_setting_is_W006(settings, name, hint):  # noqa: N802
    setattr(settings, name, {})
    message = found("W006")
    assert (message.msg, message.hint) == (f"{name} is no setting of django-authsignal.", hint)


def test_every_setting_of_ours_is_known(settings):
    settings.AUTHSIGNAL_REGION, settings.AUTHSIGNAL_API_URL = "us", ""
    settings.AUTHSIGNAL_SIGN_IN_ACTION, settings.AUTHSIGNAL_PROTECT = "signIn", {"admin:*": {"action": "adminAccess"}}
    assert found() == []


def test_login_on_cookie_sessions_is_E010(settings):  # noqa: N802
    settings.AUTHSIGNAL_SIGN_IN_ACTION = "signIn"
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    assert "needs sessions on the server" in "".join(
        message.msg for message in checks.run_checks(tags=["authsignal"]) if message.id == "authsignal.E010"
    )


def test_area_with_a_rest_framework_view_is_E015(settings):  # noqa: N802
    def api(request):
        return HttpResponse()

    api.cls = type("SomeAPIView", (), {})
    settings.ROOT_URLCONF = (OURS, LOGIN, path("api/", api, name="api"), path("page/", view, name="page"))
    settings.AUTHSIGNAL_PROTECT = {"api": {"action": "a"}, "page": {"action": "a"}}
    assert "AUTHSIGNAL_PROTECT matches 'api'" in found("E015").msg


def test_protected_area_is_checked_like_a_gated_view(settings):
    settings.ROOT_URLCONF = (OURS, LOGIN, path("page/", csrf_exempt(view), name="page"))
    settings.AUTHSIGNAL_PROTECT = {"page": {"action": "a", "on_unavailable": "allow"}}
    assert found() == ["E013", "W001"]


def hollow():
    """A function whose closure is empty."""

    def inner(request):
        return later(request)

    if inner is None:
        later = inner
    return inner


def test_decorator_with_an_empty_closure_is_looked_through(settings):
    gated = step_up_required("pay")(view)
    site(settings, functools.wraps(gated)(hollow()))
    assert found() == []


@pytest.mark.parametrize("login_url", ["/accounts/login/", "login", "https://sso.example/login"])
def test_login_page_may_be_a_name_a_path_or_elsewhere(settings, login_url):
    settings.LOGIN_URL = login_url
    assert found() == []


@pytest.mark.parametrize("app", ["django.contrib.sessions", "django.contrib.auth"])
def test_missing_app_is_E008(settings, app):  # noqa: N802
    settings.INSTALLED_APPS = [name for name in settings.INSTALLED_APPS if name not in (app, "django.contrib.admin")]
    assert app in found("E008").msg


def test_user_model_without_an_auth_hash_is_E012(settings, monkeypatch):  # noqa: N802
    from django.contrib.auth.base_user import AbstractBaseUser

    monkeypatch.delattr(AbstractBaseUser, "get_session_auth_hash")
    assert "get_session_auth_hash" in found("E012").msg


def test_database_without_autocommit_is_E018(settings, monkeypatch):  # noqa: N802 - T8
    monkeypatch.setitem(connection.settings_dict, "AUTOCOMMIT", False)
    assert "AUTOCOMMIT is off on the database 'default'" in found("E018").msg
    assert found() == ["E018"]


# Views


def test_guarded_views_that_are_right_are_silent(settings):
    class Page(StepUpRequiredMixin, View):
        step_up = StepUpPolicy("page", methods=["POST"])

    site(settings, step_up_required("a")(view), step_up_required("b", max_age=60)(view), Page.as_view(), view)
    assert found() == []


def test_window_on_cookie_sessions_is_E010(settings):  # noqa: N802
    site(settings, step_up_required("look", max_age=60)(view), step_up_required("pay")(view))
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    assert "'view0/' (action 'look') opens no window" in found("E010").msg


def test_engine_that_derives_from_cookie_sessions_is_E010(settings):  # noqa: N802
    site(settings, step_up_required("look", max_age=60)(view))
    settings.SESSION_ENGINE = "tests.threats.cookie_sessions"
    assert found() == ["E010"]
    settings.AUTHSIGNAL_SIGN_IN_ACTION = "signIn"
    assert found() == ["E010", "E010"]


def test_window_by_central_setting_is_seen_too(settings):
    site(settings, step_up_required("pay")(view))
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    settings.AUTHSIGNAL_ACTIONS = {"pay": {"max_age": 60}}
    assert found() == ["E010"]


def test_gate_without_csrf_protection_is_E013(settings):  # noqa: N802
    site(settings, csrf_exempt(step_up_required("pay")(view)))
    assert "csrf_exempt" in found("E013").msg


@pytest.mark.parametrize("central", [True, False])
def test_passing_during_an_outage_is_W001(settings, central):  # noqa: N802
    argument = {"on_unavailable": "allow"}
    site(settings, step_up_required("pay", **({} if central else argument))(view))
    settings.AUTHSIGNAL_ACTIONS = {"pay": argument} if central else {}
    assert "while Authsignal cannot be reached" in found("W001").msg
    assert found() == ["W001"]


@pytest.mark.parametrize("central", [True, False])
def test_passing_without_an_authenticator_is_W002(settings, central):  # noqa: N802
    site(settings, step_up_required("pay", unenrolled=None if central else "allow")(view))
    settings.AUTHSIGNAL_UNENROLLED = "allow" if central else "enrol"
    assert "without any authenticator" in found("W002").msg


@pytest.mark.parametrize(
    "outside",
    [
        lambda gated: cache_page(60)(gated),
        lambda gated: login_required(cache_page(60)(gated)),
        lambda gated: cache_page(60)(login_required(gated)),
    ],
)
def test_cache_outside_the_gate_is_W003(settings, outside):  # noqa: N802 - T31
    site(settings, outside(step_up_required("pay")(view)))
    assert "cache_page() outside the gate" in found("W003").msg


def test_cache_inside_the_gate_is_silent(settings):
    site(settings, login_required(step_up_required("pay")(cache_page(60)(view))))
    assert found() == []


class Traced:
    """A decorator that is an object, as tracing libraries have them."""

    def __init__(self, view):
        self.view = view
        functools.update_wrapper(self, view)

    def __call__(self, request):
        return self.view(request)


def test_decorator_of_any_kind_may_stand_outside_the_gate(settings):
    site(settings, Traced(step_up_required("pay")(view)), Traced(cache_page(60)(step_up_required("pay")(view))))
    assert found() == ["W003"]


def test_included_urls_are_looked_through(settings):
    inner = [path("inner/", csrf_exempt(step_up_required("pay")(view)))]
    settings.ROOT_URLCONF = (OURS, LOGIN, path("outer/", include(inner)))
    assert "'outer/inner/'" in found("E013").msg


def test_central_setting_that_contradicts_its_view_is_E005(settings):  # noqa: N802
    site(settings, step_up_required("pay", bind=["amount"])(view))
    settings.AUTHSIGNAL_ACTIONS = {"pay": {"max_age": 60}}
    assert "choose one" in found("E005").msg


def test_broken_override_is_reported_once_and_breaks_no_other_check(settings):
    site(settings, step_up_required("pay")(view), csrf_exempt(step_up_required("look")(view)))
    settings.AUTHSIGNAL_ACTIONS = {"pay": {"max_agee": 60}}
    assert sorted(found()) == ["E005", "E013"]
