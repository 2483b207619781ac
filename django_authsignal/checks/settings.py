"""Checks of the project's settings."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from django.conf import settings
from django.core import mail
from django.utils.module_loading import import_string

from django_authsignal import connection
from django_authsignal.checks.messages import Messages, error, problem_of, warning
from django_authsignal.conf import AppSettings, app_settings
from django_authsignal.policy import StepUpPolicy
from django_authsignal.sessions import lies_in_a_cookie

__all__ = [
    "MIDDLEWARE",
    "broken_overrides",
    "check_credentials",
    "check_deployment",
    "check_names",
    "check_settings",
    "check_site_url",
    "sessions_lie_in_cookies",
]

PREFIX = "AUTHSIGNAL_"
MIDDLEWARE = "django_authsignal.middleware.StepUpMiddleware"

OTHER_SETTINGS = [
    "SECRET_FALLBACKS",
    "TENANT_ID",
    "MODE",
    "TIMEOUT",
    "UNENROLLED",
    "APPROVAL_TTL",
    "CHALLENGE_TTL",
    "WEBHOOK_TOLERANCE",
    "RETENTION_DAYS",
    "TRUSTED_PROXY_COUNT",
    "USER_ID",
    "ATTRIBUTES",
    "ALLOWED_CHALLENGE_HOSTS",
    "ADAPTER",
]


def check_credentials(**kwargs: Any) -> Messages:
    """E001 secret, E002 sandbox and live mixed or a stray sandbox, E003 API address."""
    if problem := problem_of(lambda: app_settings.SECRET):
        hint = (
            "Set AUTHSIGNAL_SECRET = os.environ['AUTHSIGNAL_SECRET']; in the settings of tests any text will do, "
            "with AUTHSIGNAL_API_URL = ''."
        )
        return [error(1, problem, hint)]
    if problem := problem_of(lambda: app_settings.API_URL):
        return [error(3, problem, "Set AUTHSIGNAL_REGION to 'us', 'au', 'eu' or 'ca', or AUTHSIGNAL_API_URL.")]
    if problem := problem_of(connection.environment):
        if "https" in problem:
            return [error(3, problem, "Set AUTHSIGNAL_REGION, or an https AUTHSIGNAL_API_URL.")]
        if "DEBUG" in problem and in_test_run():
            return []
        hint = (
            "In production use your tenant's secret and region. In a test run, where Django turns DEBUG off, set "
            "AUTHSIGNAL_ALLOW_SANDBOX = True in the settings of the tests."
        )
        return [error(2, problem, hint)]
    return []


def in_test_run() -> bool:
    """Whether Django's test environment is set up: it turns DEBUG off, so that nothing can be told by that."""
    return hasattr(mail, "outbox")


def check_site_url(**kwargs: Any) -> Messages:
    """E004 our own origin. Where people come back to is ours by configuration, not by the Host header (T26)."""
    hint = "Set AUTHSIGNAL_SITE_URL = 'https://your.site'."
    if problem := problem_of(lambda: app_settings.SITE_URL):
        return [error(4, problem, hint)]
    url = app_settings.SITE_URL
    if settings.DEBUG or in_test_run():
        return []
    if not url:
        return [error(4, "AUTHSIGNAL_SITE_URL is not set.", hint)]
    if url.startswith("http:") and not app_settings.ALLOW_SANDBOX:
        return [error(4, "AUTHSIGNAL_SITE_URL is not https: tokens would travel in the clear.", hint)]
    return []


def check_settings(**kwargs: Any) -> Messages:
    """E005 arguments of actions, E006 other values, E007 time zones."""
    found: Messages = []
    for code, problem in broken_overrides():
        found.append(error(5, problem, f"Correct AUTHSIGNAL_ACTIONS[{code!r}]."))
    for name in OTHER_SETTINGS:
        if problem := problem_of(lambda name=name: getattr(app_settings, name)):  # type: ignore[misc]
            found.append(error(6, problem, f"Correct or remove AUTHSIGNAL_{name}."))
    if not settings.USE_TZ:
        found.append(error(7, "USE_TZ is False: local times jump, and approvals with them.", "Set USE_TZ = True."))
    return found


def check_names(**kwargs: Any) -> Messages:
    """W004 no middleware, W006 a setting that does not exist."""
    found: Messages = []
    if MIDDLEWARE not in settings.MIDDLEWARE:
        text = "StepUpMiddleware is missing: what require_step_up() refuses is answered with a bare 403."
        found.append(warning(4, text, f"Add {MIDDLEWARE!r} to MIDDLEWARE, after AuthenticationMiddleware."))
    known = {name for name in (*vars(AppSettings), "REGION") if name.isupper()}
    given = {name.removeprefix(PREFIX) for name in dir(settings) if name.startswith(PREFIX)}
    for name in sorted(given - known):
        close = get_close_matches(name, known, n=1)
        hint = f"Did you mean {PREFIX}{close[0]}?" if close else "Remove it."
        found.append(warning(6, f"{PREFIX}{name} is no setting of django-authsignal.", hint))
    return found


def sessions_lie_in_cookies() -> bool:
    """Whether SESSION_ENGINE keeps them there; a project's own engine counts as what it derives from."""
    return lies_in_a_cookie(import_string(f"{settings.SESSION_ENGINE}.SessionStore"))


def check_deployment(**kwargs: Any) -> Messages:
    """W005 a sandbox that production would accept. Only with --deploy."""
    if not app_settings.ALLOW_SANDBOX:
        return []
    text = "AUTHSIGNAL_ALLOW_SANDBOX is on: a sandbox, which approves what its user types, would be accepted."
    return [warning(5, text, "Remove it from the settings that you deploy.")]


def broken_overrides() -> Iterator[tuple[str, str]]:
    if problem := problem_of(lambda: app_settings.ACTIONS):
        yield "", problem
        return
    for code in app_settings.ACTIONS:
        if problem := problem_of(lambda code=code: StepUpPolicy(code).resolved()):  # type: ignore[misc]
            yield code, problem
