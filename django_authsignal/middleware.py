"""What stands before views that do not ask themselves: ``AUTHSIGNAL_PROTECT``, the sign-in step-up, and the answer to
``require_step_up``'s exception. Place it after ``AuthenticationMiddleware``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url

from django_authsignal import connection, http, protection, sessions
from django_authsignal.decorators import AREA, gate, is_let_on, note_unfinished, seal_if_told
from django_authsignal.exceptions import StepUpRequired
from django_authsignal.services.question import is_authenticated, is_signed_in

__all__ = ["StepUpMiddleware"]

GetResponse = Callable[[HttpRequest], HttpResponseBase] | Callable[[HttpRequest], Awaitable[HttpResponseBase]]
View = Callable[..., Any]

FORM_HEADER = "Authsignal-Form"
LOCATION_HEADER = "Authsignal-Location"
"""The script's and the answer's: a form was sent by ``step-up.js``, and where to go now."""

LASTING = ("challenge", "allow", "unenrolled", "report_only")
"""Reasons by which a login passes; an outage lets single requests through, and 'passed' is known already."""


LOGOUT_NAMES = ("logout", "account_logout")
"""URL names that a pending login may still reach: the site's own way out, and django-allauth's."""


class StepUpMiddleware:
    """The gate for whole areas and for logins. It decides in ``process_view``: after CSRF, outside transactions."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Pass the request on, and keep caches away from the answer of a view that was protected here."""
        response = self.get_response(request)
        return self._finished_later(request, response) if self.is_async else _finished(request, response)

    async def _finished_later(self, request: HttpRequest, response: Any) -> HttpResponseBase:
        try:
            return _finished(request, await response)
        except asyncio.CancelledError:
            # The client is gone (T36), and with it an async view, or one that the gate had not let on yet. A sync view
            # that runs already goes on to its end in its thread.
            match = request.resolver_match
            if iscoroutinefunction(match and match.func) or not is_let_on(request):
                await sync_to_async(note_unfinished)(request)
            raise

    def process_view(
        self, request: HttpRequest, view: View, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Ask for what stands before this view, unless it is exempt."""
        match = request.resolver_match
        if match is None or protection.is_exempt(view, match.view_name):
            return None
        return _sign_in(request, match.url_name) or _protect(request, view, match.view_name)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer a refusal; leave every other exception alone, but note what it left unfinished."""
        if isinstance(exception, StepUpRequired):
            return http.answer(request, exception.decision)
        note_unfinished(request)
        return None


def _sign_in(request: HttpRequest, url_name: str | None) -> HttpResponse | None:
    """After any login the session may do nothing else until its step-up is passed, or it logs out.

    The fact is bound to this login: sessions that were open before the setting was switched on have none.
    """
    policy = protection.sign_in_policy()
    if policy is None or not is_authenticated(request) or url_name in LOGOUT_NAMES:
        return None
    action, environment = policy.action, connection.environment()
    passed = sessions.sign_in_outcome(request, action, environment) if is_signed_in(request) else ""
    if passed and (passed != "report_only" or policy.report_only):
        return None
    stopped, decision = gate(request, policy, of_login=True)
    if decision and decision.reason in LASTING:
        sessions.record_sign_in(request, action, environment, decision.reason)
    return stopped


def _protect(request: HttpRequest, view: View, name: str) -> HttpResponse | None:
    policy = protection.area_policy(view, name)
    if policy is None:
        return None
    if getattr(view, "step_up_asks_for_area", False):  # who sends the request, only the view will know
        setattr(request, AREA, policy)
        return None
    if _refuses_anyway(request, view):
        return None
    if protection.asks_itself(view, request):
        setattr(request, AREA, policy)  # for its gate, should that not ask after all
        return None
    return gate(request, policy.resolved())[0]


def _refuses_anyway(request: HttpRequest, view: View) -> bool:
    """Permission first: what the admin turns away, or what anybody may see, is not ours to ask about."""
    of_model: Any = getattr(getattr(view, "model_admin", None), "admin_site", None)
    site: Any = getattr(view, "admin_site", of_model) or _site_of_login(view)
    if site is not None and not site.has_permission(request):
        return True
    if is_signed_in(request):
        return False
    login_path = resolve_url(settings.LOGIN_URL).partition("?")[0]
    return getattr(view, "login_required", True) is False or request.path == login_path


def _site_of_login(view: View) -> Any:
    """The admin site whose own login page *view* is; no other method of a site turns strangers away by itself."""
    site = getattr(view, "__self__", None)
    return site if hasattr(site, "admin_view") and view == getattr(site, "login", None) else None


def _finished(request: HttpRequest, response: Any) -> HttpResponseBase:
    answer = seal_if_told(request, cast(HttpResponseBase, response))
    redirects = 300 <= answer.status_code < 400 and answer.has_header("Location")
    if redirects and request.headers.get(FORM_HEADER) == "true":
        # A script that sent a form must not follow the redirect itself: the page would be loaded twice, and the first
        # load would use up its messages. The script navigates there.
        answer[LOCATION_HEADER] = answer["Location"]
        del answer["Location"]
        answer.status_code = 204
    return answer
