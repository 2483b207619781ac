"""The headless challenges that the sandbox remembers, and the bound on whatever it remembers."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from typing import Any

from .records import Challenge

__all__ = ["MAX_ATTEMPTS", "Challenges", "forget_oldest"]

MAX_CHALLENGES = 10_000
MAX_ATTEMPTS = 10


def forget_oldest(entries: OrderedDict[Any, Any], limit: int) -> None:
    """Drop the entries that came first until *limit* are left."""
    while len(entries) > limit:
        entries.popitem(last=False)


class Challenges:
    """Headless challenges by id; times are unix seconds, given by the caller."""

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self._known: OrderedDict[str, Challenge] = OrderedDict()

    def get(self, challenge_id: str | None) -> Challenge | None:
        with self._lock:
            return self._known.get(challenge_id or "")

    def live(self, now: float) -> tuple[Challenge, ...]:
        """Those that have not expired, the newest first."""
        with self._lock:
            return tuple(known for known in reversed(self._known.values()) if known.expires_at > now)

    def save(self, challenge: Challenge) -> Challenge:
        with self._lock:
            self._known[challenge.id] = challenge
            forget_oldest(self._known, MAX_CHALLENGES)
            return challenge

    def attempt(self, challenge: Challenge, *, is_right: bool, now: float) -> Challenge:
        """Count one try; it verifies when the code was right, in time and not one too many."""
        with self._lock:
            current = self._known.get(challenge.id, challenge)
            passed = is_right and current.attempts < MAX_ATTEMPTS and now < current.expires_at
            return self.save(replace(current, attempts=current.attempts + 1, is_verified=current.is_verified or passed))
