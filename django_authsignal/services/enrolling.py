"""Enrolling many verified phone numbers: a few calls at once, all of them waiting when the service needs a rest."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from django_authsignal import connection
from django_authsignal.client import AuthsignalError, Client, Rejected, Unavailable, UnexpectedAnswer
from django_authsignal.services.users import add_phone, announce_phone

__all__ = ["Number", "Outcome", "Result", "enrol_numbers"]

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds of each rest in a row that the service does not ask for itself. After as many without an answer, it ends."""
LONGEST_PAUSE = 60.0
QUEUED_PER_WORKER = 8
"""Numbers that are read ahead: enough to keep every worker busy, and all that is held in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number (E.164) that the project has verified, of ``user``, whom the service knows as ``authsignal_user_id``."""

    user: Any
    authsignal_user_id: str
    phone_number: str = field(repr=False)
    verification_method: str


class Outcome(StrEnum):
    """What became of a number."""

    ENROLLED = "enrolled"
    ALREADY = "already"
    REFUSED = "refused"


N = TypeVar("N", bound=Number)


@dataclass(frozen=True, slots=True)
class Result(Generic[N]):
    """How one number ended; ``detail`` says why it was refused."""

    number: N
    outcome: Outcome
    detail: str = ""


def enrol_numbers(
    numbers: Iterable[N], *, workers: int, stop: threading.Event, dry_run: bool = False
) -> Generator[Result[N], None, None]:
    """Enrol *numbers*, *workers* at a time, and yield what became of each, in their order.

    *numbers* are taken, and ``enrolment_changed`` is sent, in the thread that iterates, shortly before it gets the
    result. Once *stop* is set, only the calls under way are finished. Whatever has no result may be given again: a
    number that the service has already is not sent twice.

    Raises Unavailable when the service does not answer in spite of several rests, Unauthorized when it does not
    accept the secret; both after the results of the calls under way.
    """
    return _Run[N](workers, stop, dry_run).results(numbers)


class _Run(Generic[N]):
    def __init__(self, workers: int, stop: threading.Event, dry_run: bool) -> None:
        self._client: Client = connection.get_client()
        self._workers, self._stop, self._dry_run = workers, stop, dry_run
        self._rest = _Rest(stop)
        self._queue: deque[tuple[N, Future[Result[N] | None]]] = deque()
        self._failure: AuthsignalError | None = None

    def results(self, numbers: Iterable[N]) -> Generator[Result[N], None, None]:
        with ThreadPoolExecutor(self._workers, "authsignal-enrol") as pool:
            try:
                for number in numbers:
                    if self._stop.is_set():
                        break
                    self._queue.append((number, pool.submit(self._enrol, number)))
                    if len(self._queue) == self._workers * QUEUED_PER_WORKER:
                        yield from self._oldest()
                while self._queue:
                    yield from self._oldest()
            except BaseException:
                self._stop.set()  # or the pool would first do all that is queued
                raise
        if self._failure:
            raise self._failure

    def _oldest(self) -> Iterator[Result[N]]:
        number, future = self._queue.popleft()
        try:
            result = future.result()
        except AuthsignalError as error:
            self._failure = self._failure or error
            return
        if result is None:
            return
        if result.outcome is Outcome.ENROLLED and not self._dry_run:
            announce_phone(number.user, number.verification_method)
        yield result

    def _enrol(self, number: N) -> Result[N] | None:
        """What a worker does; None when the run is over before the number's turn."""
        while (turn := self._rest.turn()) is not None:
            try:
                result = self._ask(number)
            except Unavailable as error:
                if not self._rest.begin(turn, error.retry_after):
                    self._stop.set()
                    raise
            except AuthsignalError:
                self._stop.set()
                raise
            else:
                self._rest.helped()
                return result
        return None

    def _ask(self, number: N) -> Result[N]:
        user_id, method = number.authsignal_user_id, number.verification_method
        try:
            # The number is in no variable: tracebacks show those.
            is_new = add_phone(self._client, user_id, number.phone_number, method, dry_run=self._dry_run)
        except (Rejected, UnexpectedAnswer) as error:
            return Result(number, Outcome.REFUSED, str(error))
        return Result(number, Outcome.ENROLLED if is_new else Outcome.ALREADY)


class _Rest:
    """A rest that all workers take together."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._lock = threading.Lock()
        self._turn = 0
        self._in_vain = 0
        self._until = 0.0

    def turn(self) -> int | None:
        """Wait until the rest is over; the number of the turn that begins then, None when the run is over."""
        while not self._stop.is_set():
            with self._lock:
                left, turn = self._until - time.monotonic(), self._turn
            if left <= 0:
                return turn
            self._stop.wait(left)
        return None

    def begin(self, turn: int, seconds: float | None) -> bool:
        """Rest, as a call of this *turn* got no answer, for *seconds* if the service named them. False: give up.

        Others of the same turn fail too, of course; they join the rest that the first of them has begun.
        """
        with self._lock:
            if turn < self._turn:
                return True
            if self._in_vain == len(PAUSES):
                return False
            pause = PAUSES[self._in_vain] if seconds is None else min(seconds, LONGEST_PAUSE)
            self._until = time.monotonic() + pause
            self._in_vain += 1
            self._turn += 1
            return True

    def helped(self) -> None:
        """The service has answered."""
        with self._lock:
            self._in_vain = 0
