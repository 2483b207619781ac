"""A circuit breaker: while the service is down, calls fail at once instead of each waiting for a timeout."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["Breaker"]


class Breaker:
    """Opens after ``limit`` failures in a row and then lets one probe through every ``pause`` seconds.

    What a user can cause (4xx, rejected data) is a success here, so nobody can shut the service off for others.
    A probe takes its turn by moving the time of the next one, so a probe that never reports (its worker was
    killed) blocks nothing for longer than ``pause``. State: three numbers.
    """

    def __init__(self, limit: int = 5, pause: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._pause = pause
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._unsent = 0
        self._next_probe = 0.0

    @property
    def unreachable(self) -> bool:
        """Whether each of the last ``limit`` calls failed before a byte reached the service (T40)."""
        return self._unsent >= self._limit

    def blocked_for(self) -> float:
        """Seconds until the next probe, or 0.0 when this call may go ahead; it must then be recorded."""
        if self._failures < self._limit:
            return 0.0
        with self._lock:
            now = self._clock()
            if self._failures >= self._limit and now < self._next_probe:
                return self._next_probe - now
            self._next_probe = now + self._pause
            return 0.0

    def record(self, success: bool, sent: bool) -> None:
        """Tell how a call ended, and whether a byte of it may have been *sent*: a success closes the breaker."""
        if success and not self._failures:
            return
        with self._lock:
            self._failures = 0 if success else self._failures + 1
            self._unsent = 0 if success or sent else self._unsent + 1
            self._next_probe = self._clock() + self._pause
