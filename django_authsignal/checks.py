"""Numbered system checks: every misconfiguration that can be seen before a request comes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.middleware.cache import CacheMiddleware
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, reverse

from django_authsignal import connection, decorators, protection
from django_authsignal.conf import app_settings
from django_authsignal.policy import StepUpPolicy

__all__ = ["CHECKS"]

Messages = list[checks.CheckMessage]

MIDDLEWARE = "django_authsignal.middleware.StepUpMiddleware"

OTHER_SETTINGS = [
    "TENANT_ID",
    "MODE",
    "TIMEOUT",
    "UNENROLLED",
    "APPROVAL_TTL",
    "CHALLENGE_TTL",
    "TRUSTED_PROXY_COUNT",
    "USER_ID",
    "ATTRIBUTES",
    "ALLOWED_CHALLENGE_HOSTS",
    "ADAPTER",
]


def check_credentials(**kwargs: Any) -> Messages:
    """E001 secret, E002 sandbox and live mixed or a stray sandbox, E003 API address."""
    if problem := _problem(lambda: app_settings.SECRET):
        return [_error(1, problem, "Set AUTHSIGNAL_SECRET = os.environ['AUTHSIGNAL_SECRET'].")]
    if problem := _problem(lambda: app_settings.API_URL):
        return [_error(3, problem, "Set AUTHSIGNAL_REGION to 'us', 'au', 'eu' or 'ca', or AUTHSIGNAL_API_URL.")]
    if problem := _problem(connection.environment):
        number = 3 if "https" in problem else 2
        return [_error(number, problem, "See “Settings” in the documentation.")]
    return []


def check_site_url(**kwargs: Any) -> Messages:
    """E004: where people come back to must be ours by configuration, not by the Host header (T26)."""
    hint = "Set AUTHSIGNAL_SITE_URL = 'https://your.site'."
    if problem := _problem(lambda: app_settings.SITE_URL):
        return [_error(4, problem, hint)]
    url = app_settings.SITE_URL
    if not url and not settings.DEBUG:
        return [_error(4, "AUTHSIGNAL_SITE_URL is not set.", hint)]
    if url.startswith("http:") and not settings.DEBUG and not app_settings.ALLOW_SANDBOX:
        return [_error(4, "AUTHSIGNAL_SITE_URL is not https: tokens would travel in the clear.", hint)]
    return []


def check_settings(**kwargs: Any) -> Messages:
    """E005 central overrides, E006 other values, E007 time zones."""
    found: Messages = []
    for code, problem in _broken_overrides():
        found.append(_error(5, problem, f"Correct AUTHSIGNAL_ACTIONS[{code!r}]."))
    for name in OTHER_SETTINGS:
        if problem := _problem(lambda name=name: getattr(app_settings, name)):  # type: ignore[misc]
            found.append(_error(6, problem, f"Correct or remove AUTHSIGNAL_{name}."))
    if not settings.USE_TZ:
        found.append(_error(7, "USE_TZ is False: local times jump, and approvals with them.", "Set USE_TZ = True."))
    return found


def check_project(**kwargs: Any) -> Messages:
    """E008 sessions and authentication, E009 login page, E011 our URLs, E012 user model."""
    found: Messages = []
    for app in ("django.contrib.sessions", "django.contrib.auth"):
        if not apps.is_installed(app):
            found.append(_error(8, f"{app} is not installed.", f"Add {app!r} to INSTALLED_APPS."))
    if found:
        return found
    if _problem(lambda: resolve_url(settings.LOGIN_URL), NoReverseMatch):
        text = f"LOGIN_URL {settings.LOGIN_URL!r} leads nowhere, and anonymous users are sent there."
        found.append(_error(9, text, "Set LOGIN_URL to the name or path of your login page."))
    if _problem(lambda: reverse("authsignal:enrol"), NoReverseMatch):
        text = "The URLs of django-authsignal are not included."
        found.append(_error(11, text, "Add path('step-up/', include('django_authsignal.urls')) to your URLconf."))
    if not hasattr(get_user_model(), "get_session_auth_hash"):
        text = "The user model has no get_session_auth_hash(): a password change could not end an approval."
        found.append(_error(12, text, "Derive it from django.contrib.auth.models.AbstractBaseUser."))
    return found


def check_areas(**kwargs: Any) -> Messages:
    """E014 middleware, E015 a DRF view by pattern, E016 what the settings say of areas and logins."""
    found: Messages = []
    if problem := _problem(protection.protected_patterns):
        return [_error(16, problem, "Correct AUTHSIGNAL_PROTECT.")]
    if problem := _problem(protection.sign_in_policy):
        return [_error(16, problem, "Correct AUTHSIGNAL_SIGN_IN_ACTION.")]
    action = app_settings.SIGN_IN_ACTION
    overrides = {} if _problem(lambda: app_settings.ACTIONS) else app_settings.ACTIONS
    if ignored := protection.NOT_OF_A_LOGIN.keys() & overrides.get(action, {}).keys():
        text = f"AUTHSIGNAL_ACTIONS[{action!r}] sets {', '.join(sorted(ignored))}, which a login has not."
        found.append(_error(16, text, "Remove it: every login is asked about, whatever the request is."))
    if (action or protection.protected_patterns()) and not _is_in_order(MIDDLEWARE):
        text = "AUTHSIGNAL_PROTECT and AUTHSIGNAL_SIGN_IN_ACTION do nothing without the middleware, or too early."
        found.append(_error(14, text, f"Put {MIDDLEWARE!r} behind CsrfViewMiddleware and AuthenticationMiddleware."))
    if action and settings.SESSION_ENGINE.endswith(".signed_cookies"):
        text = "AUTHSIGNAL_SIGN_IN_ACTION needs sessions on the server: an old cookie can be replayed."
        found.append(_error(10, text, "Use another SESSION_ENGINE."))
    for route in protection.routes():
        if route.policy and not route.is_own and hasattr(route.view, "cls"):
            text = f"AUTHSIGNAL_PROTECT matches {route.name!r}, whose users REST framework only knows later."
            found.append(_error(15, text, "Use the mixin of django_authsignal.contrib.rest_framework there."))
    return found


def check_views(**kwargs: Any) -> Messages:
    """E010 windows on cookie sessions, E013 CSRF, W001 and W002 policies that open, W003 a cache outside the gate."""
    found: Messages = []
    broken = dict(_broken_overrides())
    for route, policy in _protected_routes():
        view = route.view
        name = f"The view at {route.pattern!r} (action {policy.action!r})"
        if problem := _problem(policy.resolved):
            if policy.action in broken or "" in broken:
                continue  # told by check_settings
            found.append(_error(5, f"{name}: {problem}", "Correct AUTHSIGNAL_ACTIONS or the view's own arguments."))
            continue
        policy = policy.resolved()
        if policy.max_age is not None and settings.SESSION_ENGINE.endswith(".signed_cookies"):
            text = f"{name} opens a window, but sessions live in cookies, where an old one can be replayed."
            found.append(_error(10, text, "Use another SESSION_ENGINE, or leave max_age out."))
        if getattr(view, "csrf_exempt", False) and not hasattr(view, "cls"):
            text = f"{name} is csrf_exempt: another site could start challenges for its visitors."
            found.append(_error(13, text, "Remove csrf_exempt."))
        if policy.on_unavailable == "allow":
            text = f"{name} lets requests pass while Authsignal cannot be reached."
            found.append(_warning(1, text, "Leave on_unavailable at 'deny' unless that is a decision of yours."))
        if _lets_unenrolled_pass(policy):
            text = f"{name} lets users without any authenticator pass."
            found.append(_warning(2, text, "Leave unenrolled at 'enrol' unless that is a decision of yours."))
        if _has_cache_outside(view):
            text = f"{name} has cache_page() outside the gate."
            found.append(_warning(3, text, "Put @step_up_required above @cache_page, or remove the cache."))
    return found


def check_contrib(**kwargs: Any) -> Messages:
    """E017 and on: what rooms of contrib check themselves, where the project has imported them."""
    room = sys.modules.get("django_authsignal.contrib.rest_framework")
    if room is None or _problem(protection.protected_patterns):
        return []
    found: Messages = room.check(list(protection.routes()))
    return found


CHECKS = [check_credentials, check_site_url, check_settings, check_project, check_areas, check_views, check_contrib]


def _protected_routes() -> Iterator[tuple[protection.Route, StepUpPolicy]]:
    """Routes with each of their policies; none while AUTHSIGNAL_PROTECT cannot be read, which check_areas tells."""
    if not _problem(protection.protected_patterns):
        yield from ((route, policy) for route in protection.routes() for policy in route.policies)


def _is_in_order(ours: str) -> bool:
    """Whether our middleware is there, and decides after the CSRF check and with a user (T28)."""
    middleware = list(settings.MIDDLEWARE)
    earlier = [path for path in middleware if path.endswith((".CsrfViewMiddleware", ".AuthenticationMiddleware"))]
    return ours in middleware and all(middleware.index(path) < middleware.index(ours) for path in earlier)


def _lets_unenrolled_pass(policy: StepUpPolicy) -> bool:
    try:
        return policy.for_unenrolled == "allow"
    except ImproperlyConfigured:
        return False  # told by check_settings


def _has_cache_outside(view: Any) -> bool:
    """Whether Django's cache decorator wraps the gate, and not the other way round."""
    while hasattr(view, "__wrapped__"):
        if getattr(getattr(view, "__code__", None), "co_filename", "") == decorators.__file__:
            return False  # the gate itself: what is further in is fine
        # cache_page's wrapper holds functions that hold the middleware.
        kept = _kept_by(view)
        deeper = [item for function in kept for item in _kept_by(function)]
        if any(isinstance(item, CacheMiddleware) for item in kept + deeper):
            return True
        view = view.__wrapped__
    return False


def _kept_by(function: Any) -> list[object]:
    """What a function's closure refers to."""
    kept = []
    for cell in getattr(function, "__closure__", None) or ():
        with suppress(ValueError):  # an empty cell
            kept.append(cell.cell_contents)
    return kept


def _broken_overrides() -> Iterator[tuple[str, str]]:
    if problem := _problem(lambda: app_settings.ACTIONS):
        yield "", problem
        return
    for code in app_settings.ACTIONS:
        if problem := _problem(lambda code=code: StepUpPolicy(code).resolved()):  # type: ignore[misc]
            yield code, problem


def _problem(read: Callable[[], object], error: type[Exception] = ImproperlyConfigured) -> str:
    """What *read* complains about; '' when it does not."""
    try:
        read()
    except error as found:
        return str(found)
    except ImportError as found:
        return str(found)
    return ""


def _error(number: int, text: str, hint: str) -> checks.Error:
    return checks.Error(text, hint=hint, id=f"authsignal.E{number:03}")


def _warning(number: int, text: str, hint: str) -> checks.Warning:
    return checks.Warning(text, hint=hint, id=f"authsignal.W{number:03}")
