"""Reading a response of the gate: which hosted page it sends the user to, and what it decided."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings

from .adapter import ORIGIN, SandboxAdapter

__all__ = ["active_adapter", "describe", "hosted_url", "json_of", "outcome_of"]


def active_adapter() -> SandboxAdapter:
    """The adapter of the fixture or mixin that is active now."""
    adapter = getattr(settings, "AUTHSIGNAL_ADAPTER", None)
    if not isinstance(adapter, SandboxAdapter):
        raise AssertionError("No Authsignal test kit is active: use the authsignal fixture or AuthsignalTestMixin.")
    return adapter


def hosted_url(response: Any) -> str:
    """The hosted page that *response* sends its user to. AssertionError when it sends nobody there."""
    decision = getattr(response, "step_up", None)
    for url in (getattr(decision, "url", ""), response.headers.get("Location"), json_of(response).get("challenge_url")):
        if url and url.startswith(f"{ORIGIN}/"):
            return str(url)
    raise AssertionError(f"This response leads to no page of Authsignal: {describe(response)}.")


def outcome_of(response: Any) -> str | None:
    """What the gate decided, in lower case such as "challenge"; None for a response that it did not make."""
    decision = getattr(response, "step_up", None)
    if decision is not None:
        return str(decision.outcome).lower()
    code = json_of(response).get("code", "")
    if code.startswith("step_up_"):
        word: str = code.removeprefix("step_up_")
        return "challenge" if word == "required" else word
    return None


def json_of(response: Any) -> dict[str, Any]:
    """The response's JSON object, empty when it holds none."""
    content_type = response.headers.get("Content-Type", "").partition(";")[0]
    if not content_type.endswith("json") or response.streaming:
        return {}
    value = json.loads(response.content)
    return value if isinstance(value, dict) else {}


def describe(response: Any) -> str:
    """One line for a failed assertion."""
    line = f"status {response.status_code}"
    if location := response.headers.get("Location"):
        line += f", Location {location.partition('?')[0]}"
    if outcome := outcome_of(response):
        return f"{line}, the gate decided {outcome!r}"
    return f"{line}, not made by the gate; is the view gated, and was it reached?"
