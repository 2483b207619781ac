"""Assertions about what was asked of Authsignal and what the gate made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from django_authsignal.sandbox.journal import LoggedRequest

from .reading import active_adapter, describe, hosted_url, json_of, outcome_of, tracked

__all__ = ["assert_not_tracked", "assert_step_up_refused", "assert_step_up_required", "assert_tracked"]

Refusal = Literal[
    "enrol",
    "blocked",
    "under_review",
    "already_used",
    "throttled",
    "unavailable",
    "upstream_error",
    "invalid",
    "login",
]


def assert_step_up_required(response: Any, action: str | None = None) -> None:
    """Assert that *response* asks its user for a challenge, for this action code when one is given."""
    if outcome_of(response) != "challenge":
        raise AssertionError(f"Expected a challenge, got {describe(response)}")
    _compare_action(response, action, "a challenge")


def assert_step_up_refused(response: Any, outcome: Refusal, action: str | None = None) -> None:
    """Assert that the gate stopped the request that got *response*, with this outcome and without a challenge."""
    if outcome_of(response) != outcome:
        raise AssertionError(f"Expected {outcome!r}, got {describe(response)}")
    _compare_action(response, action, f"{outcome!r}")


def _compare_action(response: Any, action: str | None, what: str) -> None:
    found = _action_of(response)
    if action is not None and found != action:
        raise AssertionError(f"Expected {what} for {action!r}, got one for {found!r}.")


def _action_of(response: Any) -> str | None:
    decision = getattr(response, "step_up", None)
    code = getattr(decision, "action_code", None) or json_of(response).get("action")
    if code:
        return str(code)
    visit = active_adapter().store.visit(hosted_url(response).partition("token=")[2])
    return visit.action.code if visit and visit.action else None


def assert_tracked(action: str, custom: Mapping[str, object] | None = None, times: int | None = None) -> None:
    """Assert that *action* was tracked: with these ``custom`` values among others, and exactly *times* when given."""
    wanted = (custom or {}).items()
    fitting = [entry for entry in tracked() if entry.segments[3] == action and wanted <= _custom(entry).items()]
    if (fitting and times is None) or len(fitting) == times:
        return
    expected = f"{action!r}" + (f" with {dict(wanted)!r}" if custom else "")
    count = "at least once" if times is None else f"{times} times"
    raise AssertionError(f"Expected {expected} to be tracked {count}, found {len(fitting)}.\n{_listing()}")


def assert_not_tracked(action: str | None = None) -> None:
    """Assert that *action* was not tracked; without one, that nothing was."""
    if any(action in (None, entry.segments[3]) for entry in tracked()):
        what = "nothing to be tracked" if action is None else f"{action!r} not to be tracked"
        raise AssertionError(f"Expected {what}.\n{_listing()}")


def _listing() -> str:
    lines = [f"  {entry.segments[3]!r} for {entry.segments[1]!r}, custom {_custom(entry)!r}" for entry in tracked()]
    return "\n".join(["Tracked were:", *(lines or ["  nothing"])])


def _custom(entry: LoggedRequest) -> dict[str, object]:
    return entry.payload.get("custom") or {}
