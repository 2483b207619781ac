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
    """The view runs."""
    CHALLENGE = "challenge"
    """The user has to pass a challenge on the hosted page, and then send the request again."""
    ENROL = "enrol"
    """The user has no authenticator, and sets one up on the enrol page first."""
    BLOCKED = "blocked"
    """Authsignal blocks it, the challenge failed, the account is inactive, or the policy demands more."""
    UNDER_REVIEW = "under_review"
    """Authsignal wants somebody to look at it."""
    ALREADY_USED = "already_used"
    """The request names an approval that was spent."""
    THROTTLED = "throttled"
    """The user has too many unfinished challenges."""
    UNAVAILABLE = "unavailable"
    """Authsignal, or the database, gives no answer now."""
    UPSTREAM_ERROR = "upstream_error"
    """Authsignal answers what the gate does not understand, or refuses the call."""
    INVALID = "invalid"
    """What the policy binds could not be read from the request: nothing tracked."""
    LOGIN = "login"
    """Nobody is signed in: nothing tracked. A page redirects to ``LOGIN_URL``."""


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
