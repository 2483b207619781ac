"""What was asked of the sandbox, for tests to look at, and what it shall answer with instead of working."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

__all__ = ["Fault", "Journal", "LoggedRequest", "split_path"]

MAX_REQUESTS = 10_000


def split_path(raw_path: str) -> tuple[str, ...]:
    """The segments of a raw request path, split first and decoded afterwards, so that ``%2F`` stays in its segment.

    Repeated and trailing slashes and any number of leading ``v1`` vanish: SDKs differ in who adds them.
    ``+`` is a plus sign: this is a path, not a form.
    """
    segments = [segment for segment in raw_path.split("/") if segment]
    while segments[:1] == ["v1"]:
        segments.pop(0)
    return tuple(unquote(segment) for segment in segments)


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One API request: ``path`` is the raw path, ``payload`` the JSON object of the body, if it was one."""

    method: str
    path: str
    query: Mapping[str, str]
    payload: Mapping[str, Any]
    status: int

    @property
    def segments(self) -> tuple[str, ...]:
        return split_path(self.path)


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer given instead of working on a request."""

    status: int
    code: str
    headers: Mapping[str, str]


class Journal:
    """The request log (the last 10,000) and the queue of faults. Deques are safe between threads."""

    def __init__(self) -> None:
        self.requests: deque[LoggedRequest] = deque(maxlen=MAX_REQUESTS)
        self._faults: deque[Fault] = deque()

    def fail_next(
        self, status: int = 500, *, times: int = 1, code: str = "server_error", headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer the next *times* API requests with *status*, doing nothing else."""
        self._faults.extend([Fault(status, code, headers or {})] * times)

    def next_fault(self) -> Fault | None:
        try:
            return self._faults.popleft()
        except IndexError:
            return None
