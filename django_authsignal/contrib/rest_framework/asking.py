"""REST framework's request -> the one gate, by the channel of its caller."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request, is_form_media_type

from django_authsignal.bearers import bearer_of
from django_authsignal.binding import KEY_FIELD
from django_authsignal.decorators import gate
from django_authsignal.policy import StepUpPolicy
from django_authsignal.services.decision import Decision, Outcome

__all__ = ["ask", "finds_nobody", "is_made_up", "keep_body", "negotiated_html"]


def ask(request: Request, policy: StepUpPolicy | None, *, as_page: bool) -> tuple[HttpResponse | None, Decision | None]:
    """What the gate says of *request*; *as_page*: a refusal may be a page, if the caller has a session.

    *policy* is the view's own; None leaves the request to its area.
    """
    known_by_session = isinstance(request.successful_authenticator, SessionAuthentication)
    if request.method != "POST" and is_form_media_type(request.content_type):
        # Django parses forms of POST only; what REST framework parses it leaves on Django's request, to be bound.
        request.data  # noqa: B018
    plain: Any = request._request
    plain._authsignal_script = not as_page
    is_held_form = KEY_FIELD in plain.POST
    given = _for_rest_framework(policy, request).resolved() if policy else None
    answer = gate(plain, given, None if known_by_session else bearer_of(plain))
    if answer[0] is None and is_held_form:
        _drop_key(request)
    return answer


def keep_body(request: HttpRequest) -> None:
    """Let Django keep what REST framework may consume before the gate binds it; too large a body stays a stream."""
    if not is_form_media_type(str(request.content_type)):
        with suppress(RequestDataTooBig):
            request.body  # noqa: B018


def is_made_up(request: Request) -> bool:
    """Whether a renderer made *request* up from the one that came, with another method."""
    return request.method != request._request.method


def negotiated_html(request: Request) -> bool:
    """Whether REST framework would answer with a page."""
    return bool(request.accepted_renderer.media_type == "text/html")


def finds_nobody(answer: HttpResponse) -> bool:
    """Whether nobody is signed in, which is REST framework's own 401 or 403 to tell."""
    return getattr(getattr(answer, "step_up", None), "outcome", None) is Outcome.LOGIN


def _for_rest_framework(policy: StepUpPolicy, request: Request) -> StepUpPolicy:
    """*policy*, whose functions get REST framework's request instead of Django's."""
    functions = {name: getattr(policy, name) for name in ("bind", "when", "custom")}
    return replace(policy, **{name: _given(call, request) for name, call in functions.items() if callable(call)})


def _drop_key(request: Request) -> None:
    """Take the holding page's own field out of what REST framework parses, as the gate does for Django."""
    fields: Any
    for fields in (request.data, request.POST):
        if KEY_FIELD in fields:
            fields._mutable = True
            del fields[KEY_FIELD]
            fields._mutable = False


def _given(call: Callable[[Any], Any], request: Request) -> Any:
    return lambda _: call(request)
