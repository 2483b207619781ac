"""Django Ninja: ask inside an operation, where its data are validated::

    api = NinjaAPI(auth=[django_auth, Tokens()])
    answer_refusals(api)

    @api.post("/transfers")
    def transfer(request, terms: Terms):
        proof = require_step_up(request, "withdrawFunds", bind=terms.dict())

A caller whom the session of the request knows is bound to that session; every other to the secret that its first
refusal hands over (see ``bearers``). All refusals are ``application/problem+json``. Under ``ATOMIC_REQUESTS`` Ninja's
operations run in a transaction, where ``require_step_up`` raises RuntimeError.
"""

from __future__ import annotations

from typing import Any, Unpack

from django.contrib.auth import get_user
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI

from django_authsignal import http, shortcuts
from django_authsignal.bearers import bearer_of
from django_authsignal.exceptions import StepUpRequired
from django_authsignal.policy import PolicyArguments, StepUpPolicy
from django_authsignal.shortcuts import Proof

__all__ = ["answer_refusals", "require_step_up"]


def answer_refusals(api: NinjaAPI) -> None:
    """Let *api* answer what ``require_step_up`` raises; Ninja itself would show a traceback under DEBUG."""
    api.add_exception_handler(StepUpRequired, _answer)


def require_step_up(request: HttpRequest, action: str | StepUpPolicy, **arguments: Unpack[PolicyArguments]) -> Proof:
    """``shortcuts.require_step_up`` for the user that Ninja's authentication found, be it in ``request.auth`` only.

    In an async operation: ``await sync_to_async(require_step_up)(…)``.
    """
    found: Any = getattr(request, "auth", None)
    if isinstance(found, AbstractBaseUser):
        request.user = found  # type: ignore[assignment]
    request._authsignal_script = True  # type: ignore[attr-defined]
    by_session = request.user.is_authenticated and get_user(request) == request.user
    return shortcuts.require_step_up(request, action, bearer=None if by_session else bearer_of(request), **arguments)


def _answer(request: HttpRequest, refused: Any) -> HttpResponse:
    return http.answer(request, refused.decision)
