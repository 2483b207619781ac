"""Checks of each protected view."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.middleware.cache import CacheMiddleware

from django_authsignal import decorators, protection
from django_authsignal.checks.messages import Messages, error, problem_of, warning
from django_authsignal.checks.settings import broken_overrides, sessions_lie_in_cookies
from django_authsignal.policy import StepUpPolicy

__all__ = ["check_views"]


def check_views(**kwargs: Any) -> Messages:
    """E005 arguments of actions, E010 cookie sessions, E013 CSRF, W001 outages that open, W002 users without an
    authenticator who pass, W003 a cache outside the gate."""
    found: Messages = []
    broken = dict(broken_overrides())
    for route, policy in _protected_routes():
        view = route.view
        name = f"The view at {route.pattern!r} (action {policy.action!r})"
        if problem := problem_of(policy.resolved):
            if policy.action in broken or "" in broken:
                continue  # told by check_settings
            found.append(error(5, f"{name}: {problem}", "Correct AUTHSIGNAL_ACTIONS or the view's own arguments."))
            continue
        policy = policy.resolved()
        if policy.max_age is not None and sessions_lie_in_cookies():
            text = f"{name} opens no window: sessions live in cookies, where an old one can be replayed."
            found.append(error(10, text, "Use another SESSION_ENGINE, or leave max_age out."))
        if getattr(view, "csrf_exempt", False) and not hasattr(view, "cls"):
            text = f"{name} is csrf_exempt: another site could start challenges for its visitors."
            found.append(error(13, text, "Remove csrf_exempt."))
        if policy.on_unavailable == "allow":
            text = f"{name} lets requests pass while Authsignal cannot be reached."
            found.append(warning(1, text, "Leave on_unavailable at 'deny' unless that is a decision of yours."))
        if _lets_unenrolled_pass(policy):
            text = f"{name} lets users without any authenticator pass."
            found.append(warning(2, text, "Leave unenrolled at 'enrol' unless that is a decision of yours."))
        if _has_cache_outside(view):
            text = f"{name} has cache_page() outside the gate."
            found.append(warning(3, text, "Put @step_up_required above @cache_page, or remove the cache."))
    return found


def _protected_routes() -> Iterator[tuple[protection.Route, StepUpPolicy]]:
    """Routes with each of their policies; none while AUTHSIGNAL_PROTECT cannot be read, which check_areas tells."""
    if not problem_of(protection.protected_patterns):
        yield from ((route, policy) for route in protection.routes() for policy in route.policies)


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
