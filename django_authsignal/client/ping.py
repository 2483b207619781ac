"""What one harmless call tells about the line to the service."""

from __future__ import annotations

from dataclasses import dataclass

from .decoding import unix_time

__all__ = ["STRANGER", "Ping"]

STRANGER = "authsignal-check"
"""An id of no user. The service answers that such a user is not enrolled."""


@dataclass(frozen=True, slots=True)
class Ping:
    """The service was reached and accepts our secret."""

    seconds: float
    """How long the whole call took."""
    ahead: float | None
    """Seconds that our clock is ahead of the service's (negative: behind); None when the answer has no usable date."""

    @classmethod
    def read(cls, date: str, started: float, seconds: float) -> Ping:
        """From the answer's Date header, our unix time when the call began, and its duration.

        The service wrote its date about half-way, and dates are cut to whole seconds: so *ahead* is good to half a
        second and half the call.
        """
        there = unix_time(date)
        return cls(seconds, None if there is None else started + seconds / 2 - (there + 0.5))
