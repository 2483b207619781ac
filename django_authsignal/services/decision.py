"""What the gate decided: frozen values that the surfaces turn into HTTP or exceptions."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from django_authsignal.bearers import Bearer

__all__ = ["Decision", "Outcome"]


class Outcome(StrEnum):
    """Every way a decision can come out. Only ALLOWED opens the gate."""

    ALLOWED = "allowed"
    CHALLENGE = "challenge"
    ENROL = "enrol"
    BLOCKED = "blocked"
    UNDER_REVIEW = "under_review"
    ALREADY_USED = "already_used"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    UPSTREAM_ERROR = "upstream_error"
    INVALID = "invalid"
    """What the policy binds could not be read from the request: 400, nothing tracked."""
    LOGIN = "login"
    """Nobody is signed in: nothing tracked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One outcome and what a caller needs to act on it."""

    outcome: Outcome
    action_code: str
    key: uuid.UUID | None = None
    """Idempotency key of the row, where there is one."""
    url: str = field(default="", repr=False)
    """CHALLENGE: the hosted page."""
    expires_at: datetime | None = None
    """CHALLENGE: until when it can be passed."""
    values: Mapping[str, object] = field(default_factory=dict, repr=False)
    """The bound values, to be shown."""
    ask_again: Collection[str] = ()
    """Names of fields that the holding page must ask for again."""
    bearer: Bearer | None = None
    """The caller, where it has no session."""
    details: tuple[str, ...] = ()
    """INVALID: what was wrong, for the user."""
    reason: str = ""
    """Why, in one word, for logs and the history."""
    retry_after: int | None = None
    """THROTTLED, UNAVAILABLE: seconds."""

    @property
    def allowed(self) -> bool:
        """Whether the request may go on."""
        return self.outcome is Outcome.ALLOWED
