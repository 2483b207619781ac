"""One call from beginning to end: breaker, budget, the single retry, and what no answer means."""

from __future__ import annotations

import os
import random
import time
from typing import TYPE_CHECKING

from .breaker import Breaker
from .decoding import Reply
from .errors import Unavailable
from .sealed import Sealed

if TYPE_CHECKING:
    from requests.adapters import BaseAdapter

    from .encoding import Request
    from .sending import Failure

__all__ = ["Transport"]

CONNECT_TIMEOUT = 2.0
READ_TIMEOUT = 4.0
_LONGEST_RETRY_AFTER = 60.0


class _Line:
    """What one process has to itself: its connections and its view of whether the service is up."""

    __slots__ = ("adapter", "breaker")

    def __init__(self, adapter: BaseAdapter | None) -> None:
        from .connections import DeadlineAdapter

        self.adapter = adapter or DeadlineAdapter()
        self.breaker = Breaker()


class Transport:
    """Sends requests to one API URL with one secret. Safe to share between threads and to keep across a fork.

    *adapter* replaces the network: its ``send(prepared, stream=, timeout=, verify=, proxies=)`` is all that is used.
    """

    def __init__(self, base: str, authorization: Sealed, user_agent: str, adapter: BaseAdapter | None = None) -> None:
        self._base = base
        self._adapter = adapter
        self._headers: dict[str, str] = {
            "Authorization": authorization,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": user_agent,
        }
        self._lines: dict[int, _Line] = {}

    def _line(self) -> _Line:
        # A forked child must not write into its parent's connections, nor wait for a lock that another thread of
        # the parent held. So it makes its own and leaves the inherited ones alone: even closing takes their locks.
        # setdefault() is atomic, so all threads of a process share one.
        pid = os.getpid()
        return self._lines.get(pid) or self._lines.setdefault(pid, _Line(self._adapter))

    def exchange(self, request: Request, timeout: float) -> Reply:
        """The service's answer to *request*, with any status but 429 and 5xx, within *timeout* seconds in all.

        Only the resolution of the host's name is outside that time. Raises Unavailable.
        """
        deadline = time.monotonic() + timeout
        line = self._line()
        if wait := line.breaker.blocked_for():
            # What opened the breaker counts for what it stops: a service that answers errors was reached (T40).
            seen = not line.breaker.unreachable
            raise Unavailable(request.method, request.route, seen, wait, "not asked, as it did not answer before")
        outcome = self._attempt(line, request, deadline)
        sent = outcome.sent
        pause = _pause(outcome, request)
        if pause is not None and time.monotonic() + pause < deadline:
            time.sleep(pause)
            outcome = self._attempt(line, request, deadline)
            sent = sent or outcome.sent
        line.breaker.record(isinstance(outcome, Reply) and outcome.status < 500, sent)
        if isinstance(outcome, Reply) and not outcome.again:
            return outcome
        detail = f"status {outcome.status}" if isinstance(outcome, Reply) else outcome.detail
        raise Unavailable(request.method, request.route, sent, _capped(outcome.retry_after), detail)

    def _attempt(self, line: _Line, request: Request, deadline: float) -> Reply | Failure:
        from . import sending  # here, so that it is imported at the first remote call

        prepared = sending.prepare(request, self._base, self._headers)
        left = max(deadline - time.monotonic(), 0.001)
        timeouts = (min(CONNECT_TIMEOUT, left), min(READ_TIMEOUT, left))
        return sending.attempt(line.adapter, prepared, request.route, timeouts, deadline)


def _pause(outcome: Reply | Failure, request: Request) -> float | None:
    """Seconds before the second try, or None when there must be none.

    What never reached the service may always be sent again; what may have, only if it is harmless twice.
    """
    if outcome.sent and not (outcome.again and request.repeatable):
        return None
    jitter = random.uniform(0.05, 0.15)  # noqa: S311 - spreads load, protects nothing
    return max(jitter, outcome.retry_after or 0.0)


def _capped(seconds: float | None) -> float | None:
    return None if seconds is None else min(seconds, _LONGEST_RETRY_AFTER)
