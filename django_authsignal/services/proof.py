"""Proof that an action was allowed, for operations that must not run without: no proof, no operation (T37)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.core import signing
from django.core.exceptions import PermissionDenied

from django_authsignal.digests import digests
from django_authsignal.services.decision import Decision

__all__ = ["Proof"]

SALT = "django_authsignal.proof"
NOT_ENFORCED = ("exempt", "report_only")
"""Reasons under which nothing was approved and nothing may be stopped: only the action is compared."""


@dataclass(frozen=True, slots=True)
class Proof:
    """That one request's action was allowed. Made by the gate only; let an operation demand one as an argument::

        def pay(proof: Proof, payee, amount):
            proof.must_cover("withdrawFunds", payee=payee, amount=amount)

    ``seal()`` carries it to a task or command that acts later on the same request.
    """

    action: str
    key: uuid.UUID | None
    """Idempotency key at Authsignal; None in a window, in report-only mode and outside ``when``."""
    reason: str
    """'challenge', 'allow', 'window', 'unenrolled', 'unavailable', 'report_only' or 'exempt'."""
    bound: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Digest of each bound value: what was approved can be compared, not read."""

    @classmethod
    def of(cls, decision: Decision) -> Proof:
        """The proof of a decision that allows; PermissionDenied for every other."""
        if not decision.allowed:
            raise PermissionDenied(f"step-up for {decision.action_code!r}: {decision.outcome}")
        bound = {name: digests("proof", value)[0] for name, value in decision.values.items()}
        return cls(decision.action_code, decision.key, decision.reason, bound)

    def must_cover(self, action: str, /, **values: object) -> None:
        """Raise PermissionDenied unless this is a proof for *action* and, of what was bound, for these very values."""
        if self.reason in NOT_ENFORCED:
            values = {}
        wrong = [name for name, value in values.items() if self.bound.get(name) not in digests("proof", value)]
        if self.action != action or wrong:
            raise PermissionDenied(f"the proof for {self.action!r} does not cover {action!r} ({', '.join(wrong)})")

    def seal(self) -> str:
        """This proof as signed text, for a task's arguments."""
        key = str(self.key) if self.key else ""
        return signing.dumps([self.action, key, self.reason, dict(self.bound)], salt=SALT)

    @classmethod
    def unseal(cls, text: str, max_age: int = 3600) -> Proof:
        """The proof that ``seal()`` wrote at most *max_age* seconds ago; PermissionDenied for anything else."""
        try:
            action, key, reason, bound = signing.loads(text, salt=SALT, max_age=max_age)
        except signing.BadSignature as error:
            raise PermissionDenied("this is no proof of ours, or it is too old") from error
        return cls(action, uuid.UUID(key) if key else None, reason, bound)
