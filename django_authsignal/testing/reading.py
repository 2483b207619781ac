"""Reading a response of the gate: which hosted page it sends the user to, and what it decided."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.shortcuts import resolve_url

from django_authsignal.bearers import TOKEN_HEADER
from django_authsignal.binding import KEY_HEADER
from django_authsignal.sandbox.journal import LoggedRequest
from django_authsignal.wording import WORDS

from .adapter import ORIGIN, SandboxAdapter

__all__ = ["active_adapter", "describe", "hosted_url", "json_of", "outcome_of", "repeat_headers", "tracked"]

OUTCOMES = {words.code: str(outcome) for outcome, words in WORDS.items()}
ENROLLING = (
    "This user has no authenticator and was asked to enrol. Give it one with authsignal.enrol(user), or enrol as the "
    "user would: complete_step_up(client, client.post(reverse('authsignal:enrol')))."
)
WATCHED = (
    "The gate only watched, and stopped nothing: this action is report_only. In the settings of your tests let "
    "AUTHSIGNAL_MODE be 'enforce', and AUTHSIGNAL_ACTIONS and the view name no other mode."
)


def active_adapter() -> SandboxAdapter:
    """The adapter of the fixture or mixin that is active now."""
    adapter = getattr(settings, "AUTHSIGNAL_ADAPTER", None)
    if not isinstance(adapter, SandboxAdapter):
        raise AssertionError("No Authsignal test kit is active: use the authsignal fixture or AuthsignalTestMixin.")
    return adapter


def tracked() -> list[LoggedRequest]:
    """The track calls that were answered: ``segments`` are "users", the user's id, "actions" and the action code."""
    return [entry for entry in active_adapter().store.journal.requests if _tracks(entry)]


def _tracks(entry: LoggedRequest) -> bool:
    segments = entry.segments
    return entry.method == "POST" and entry.status == 200 and len(segments) == 4 and segments[2] == "actions"


def hosted_url(response: Any) -> str:
    """The hosted page that *response* sends its user to. AssertionError when it sends nobody there."""
    decision = getattr(response, "step_up", None)
    for url in (getattr(decision, "url", ""), response.headers.get("Location"), json_of(response).get("challenge_url")):
        if url and url.startswith(f"{ORIGIN}/"):
            return str(url)
    raise AssertionError(f"This response leads to no page of Authsignal: {describe(response)}")


def outcome_of(response: Any) -> str | None:
    """What the gate decided, in lower case such as "challenge"; None for a response that it did not make."""
    decision = getattr(response, "step_up", None)
    if decision is not None:
        return str(decision.outcome)
    if response.headers.get("Location", "").startswith(f"{ORIGIN}/"):
        return "challenge"
    return OUTCOMES.get(json_of(response).get("code", ""))


def repeat_headers(response: Any, token: str) -> dict[str, str]:
    """What a script, or a program without a session, adds to the request that *response* stopped."""
    decision, problem = getattr(response, "step_up", None), json_of(response)
    key = getattr(decision, "key", None) or problem.get("key")
    if not key:
        return {}
    bearer = getattr(decision, "bearer", None)
    secret = bearer.secret if bearer else problem.get("resume")
    return {KEY_HEADER: f"{key}.{secret}", TOKEN_HEADER: token} if secret else {KEY_HEADER: str(key)}


def json_of(response: Any) -> dict[str, Any]:
    """The response's JSON object, empty when it holds none."""
    content_type = response.headers.get("Content-Type", "").partition(";")[0]
    if not content_type.endswith("json") or response.streaming:
        return {}
    value = json.loads(response.content)
    return value if isinstance(value, dict) else {}


def describe(response: Any) -> str:
    """What came instead, and what to do about it, for a failed assertion."""
    line = f"status {response.status_code}"
    location = response.headers.get("Location", "").partition("?")[0]
    if location:
        line += f", Location {location}"
    outcome = outcome_of(response)
    if outcome == "login" or (location and location == resolve_url(settings.LOGIN_URL)):
        return f"{line}. Nobody is signed in: call client.force_login(user) first."
    if outcome is None and _was_watched(response):
        return f"{line}. {WATCHED}"
    if outcome is None:
        return f"{line}, not made by the gate; is the view gated, and was it reached?{_allowed()}"
    line += f", the gate decided {outcome!r}{_reason(getattr(response, 'step_up', None))}."
    return f"{line} {ENROLLING}" if outcome == "enrol" else line


def _was_watched(response: Any) -> bool:
    """Whether what let the request on is report-only. Both test clients leave the request on their responses."""
    request = getattr(response, "wsgi_request", None) or getattr(response, "asgi_request", None)
    return getattr(getattr(request, "step_up_proof", None), "reason", "") == "report_only"


def _reason(decision: Any) -> str:
    """What a decision says beyond its outcome."""
    if decision is None:
        return ""
    said = [*decision.details, *([decision.reason] if decision.reason not in str(decision.outcome) else [])]
    return f" ({'; '.join(said)})" if said else ""


def _allowed() -> str:
    """A test that forgot to say so, or named another action code, sees its view run."""
    codes = ", ".join(dict.fromkeys(repr(entry.segments[3]) for entry in tracked()))
    if not codes:
        return ""
    return f"\nAsked about was {codes}; what a test has not decided, as by authsignal.challenge(…), is allowed."
