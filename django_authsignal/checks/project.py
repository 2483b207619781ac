"""Checks of what the project has installed and put before whole areas."""

from __future__ import annotations

import sys
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connections, router
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, reverse

from django_authsignal import protection
from django_authsignal.checks.messages import Messages, error, problem_of
from django_authsignal.checks.settings import MIDDLEWARE, sessions_lie_in_cookies
from django_authsignal.conf import app_settings
from django_authsignal.models import TrackedAction

__all__ = ["check_areas", "check_contrib", "check_project"]


def check_project(**kwargs: Any) -> Messages:
    """E008 sessions and authentication, E009 login page, E011 our URLs, E012 user model, E018 autocommit."""
    found: Messages = []
    for app in ("django.contrib.sessions", "django.contrib.auth"):
        if not apps.is_installed(app):
            found.append(error(8, f"{app} is not installed.", f"Add {app!r} to INSTALLED_APPS."))
    if found:
        return found
    if problem_of(lambda: resolve_url(settings.LOGIN_URL), NoReverseMatch):
        text = f"LOGIN_URL {settings.LOGIN_URL!r} leads nowhere, and anonymous users are sent there."
        found.append(error(9, text, "Set LOGIN_URL to the name or path of your login page."))
    if problem_of(lambda: reverse("authsignal:enrol"), NoReverseMatch):
        text = "The URLs of django-authsignal are not included."
        found.append(error(11, text, "Add path('step-up/', include('django_authsignal.urls')) to your URLconf."))
    if not hasattr(get_user_model(), "get_session_auth_hash"):
        text = "The user model has no get_session_auth_hash(): a password change could not end an approval."
        found.append(error(12, text, "Derive it from django.contrib.auth.models.AbstractBaseUser."))
    database = router.db_for_write(TrackedAction)
    if not connections[database].settings_dict["AUTOCOMMIT"]:
        text = f"AUTOCOMMIT is off on the database {database!r}: a rollback could undo what Authsignal was told."
        found.append(error(18, text, "Leave AUTOCOMMIT out of DATABASES."))
    return found


def check_areas(**kwargs: Any) -> Messages:
    """E010 cookie sessions, E014 middleware, E015 a REST framework view by pattern, E016 areas and logins."""
    found: Messages = []
    if problem := problem_of(protection.protected_patterns):
        return [error(16, problem, "Correct AUTHSIGNAL_PROTECT.")]
    if problem := problem_of(protection.sign_in_policy):
        return [error(16, problem, "Correct AUTHSIGNAL_SIGN_IN_ACTION.")]
    action = app_settings.SIGN_IN_ACTION
    overrides = {} if problem_of(lambda: app_settings.ACTIONS) else app_settings.ACTIONS
    if ignored := protection.NOT_OF_A_LOGIN.keys() & overrides.get(action, {}).keys():
        text = f"AUTHSIGNAL_ACTIONS[{action!r}] sets {', '.join(sorted(ignored))}, which a login has not."
        found.append(error(16, text, "Remove it: every login is asked about, whatever the request is."))
    if (action or protection.protected_patterns()) and not _is_in_order(MIDDLEWARE):
        text = "AUTHSIGNAL_PROTECT and AUTHSIGNAL_SIGN_IN_ACTION do nothing without the middleware, or too early."
        found.append(error(14, text, f"Put {MIDDLEWARE!r} behind CsrfViewMiddleware and AuthenticationMiddleware."))
    if action and sessions_lie_in_cookies():
        text = "AUTHSIGNAL_SIGN_IN_ACTION needs sessions on the server: an old cookie can be replayed."
        found.append(error(10, text, "Use another SESSION_ENGINE."))
    for route in protection.routes():
        by_itself = route.is_own or getattr(route.view, "step_up_asks_for_area", False)
        if route.policy and not by_itself and hasattr(route.view, "cls"):
            text = f"AUTHSIGNAL_PROTECT matches {route.name!r}, whose users REST framework only knows later."
            found.append(error(15, text, "Use the mixin of django_authsignal.contrib.rest_framework there."))
    return found


def check_contrib(**kwargs: Any) -> Messages:
    """E017 and on: what rooms of contrib check themselves, where the project has imported them."""
    room = sys.modules.get("django_authsignal.contrib.rest_framework")
    if room is None or problem_of(protection.protected_patterns):
        return []
    found: Messages = room.check(list(protection.routes()))
    return found


def _is_in_order(ours: str) -> bool:
    """Whether our middleware is there, and decides after the CSRF check and with a user (T28)."""
    middleware = list(settings.MIDDLEWARE)
    earlier = [path for path in middleware if path.endswith((".CsrfViewMiddleware", ".AuthenticationMiddleware"))]
    return ours in middleware and all(middleware.index(path) < middleware.index(ours) for path in earlier)
