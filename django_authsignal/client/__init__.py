"""Authsignal's Server API for Python, without Django::

    from django_authsignal import client

    authsignal = client.Client(api_key="…")
    answer = authsignal.track_action(user_id="1234", action_code="withdrawFunds", payload={"custom": {"amount": 100}})
    if answer.state == client.CHALLENGE_REQUIRED:
        redirect_to(answer.challenge_url)

Answers are typed and also read as the wire's mapping (``answer["isEnrolled"]``). Nothing but ``requests`` is needed,
and that is imported at the first call.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import AuthsignalError, InvalidSignature, Rejected, Unauthorized, Unavailable, UnexpectedAnswer
from .wire import State

if TYPE_CHECKING:
    from .answers import Action, ActionSummary, Authenticator, Enrolled, Tracked, User, Users, Validation
    from .api import Client
    from .webhooks import Event

ALLOW = State.ALLOW
BLOCK = State.BLOCK
CHALLENGE_REQUIRED = State.CHALLENGE_REQUIRED
CHALLENGE_SUCCEEDED = State.CHALLENGE_SUCCEEDED
CHALLENGE_FAILED = State.CHALLENGE_FAILED
REVIEW_REQUIRED = State.REVIEW_REQUIRED
REVIEW_SUCCEEDED = State.REVIEW_SUCCEEDED
REVIEW_FAILED = State.REVIEW_FAILED

__all__ = [
    "ALLOW",
    "BLOCK",
    "CHALLENGE_FAILED",
    "CHALLENGE_REQUIRED",
    "CHALLENGE_SUCCEEDED",
    "REVIEW_FAILED",
    "REVIEW_REQUIRED",
    "REVIEW_SUCCEEDED",
    "Action",
    "ActionSummary",
    "Authenticator",
    "AuthsignalError",
    "Client",
    "Enrolled",
    "Event",
    "InvalidSignature",
    "Rejected",
    "State",
    "Tracked",
    "Unauthorized",
    "Unavailable",
    "UnexpectedAnswer",
    "User",
    "Users",
    "Validation",
]

_ANSWERS = ("Action", "ActionSummary", "Authenticator", "Enrolled", "Tracked", "User", "Users", "Validation")
_LATER = {"Client": "api", "Event": "webhooks", **dict.fromkeys(_ANSWERS, "answers")}


def __getattr__(name: str) -> Any:
    """Import what calls the service when it is asked for: models, at every start, need no more than the states."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_LATER[name]}", __name__), name)
