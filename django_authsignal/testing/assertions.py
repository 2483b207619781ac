"""Assertions about what was asked of Authsignal and what the gate made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django_authsignal.sandbox.journal import LoggedRequest

from .reading import active_adapter, describe, hosted_url, json_of, outcome_of

__all__ = ["assert_step_up_required", "assert_tracked"]


def assert_step_up_required(response: Any, action: str | None = None) -> None:
    """Assert that *response* asks its user for a challenge, for this action code when one is given."""
    outcome = outcome_of(response)
    if outcome == "enrol":
        raise AssertionError("Expected a challenge, but this user has no authenticator and was asked to enrol.")
    if outcome not in ("challenge", None):
        raise AssertionError(f"Expected a challenge, got {describe(response)}.")
    found = _action_of(response)
    if action is not None and found != action:
        raise AssertionError(f"Expected a challenge for {action!r}, got one for {found!r}.")


def _action_of(response: Any) -> str | None:
    decision = getattr(response, "step_up", None)
    code = getattr(decision, "action_code", None) or json_of(response).get("action")
    if code:
        return str(code)
    visit = active_adapter().store.visit(hosted_url(response).partition("token=")[2])
    return visit.action.code if visit and visit.action else None


def assert_tracked(action: str, custom: Mapping[str, object] | None = None, times: int | None = None) -> None:
    """Assert that *action* was tracked: with these ``custom`` values among others, and exactly *times* when given."""
    tracked = [entry for entry in active_adapter().store.journal.requests if _tracks(entry)]
    wanted = (custom or {}).items()
    fitting = [entry for entry in tracked if entry.segments[3] == action and wanted <= _custom(entry).items()]
    if (fitting and times is None) or len(fitting) == times:
        return
    expected = f"{action!r}" + (f" with {dict(wanted)!r}" if custom else "")
    count = "at least once" if times is None else f"{times} times"
    seen = "\n".join(
        f"  {entry.segments[3]!r} for {entry.segments[1]!r}, custom {_custom(entry)!r}" for entry in tracked
    )
    raise AssertionError(
        f"Expected {expected} to be tracked {count}, found {len(fitting)}. Tracked were:\n{seen or '  nothing'}"
    )


def _tracks(entry: LoggedRequest) -> bool:
    segments = entry.segments
    return entry.method == "POST" and entry.status == 200 and len(segments) == 4 and segments[2] == "actions"


def _custom(entry: LoggedRequest) -> dict[str, object]:
    return entry.payload.get("custom") or {}
