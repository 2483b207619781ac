"""What the service says of many rows now: one call for a user's rows, a few users at a time, and never more waiting
than a small window. Only the calls run in threads; the database is the caller's."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from django_authsignal import attributes
from django_authsignal.client import (
    Action,
    ActionSummary,
    Client,
    Rejected,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
)
from django_authsignal.models import TrackedAction
from django_authsignal.services.reports import STATE_LIMIT
from django_authsignal.statuses import SKEW, UNFINISHED

__all__ = ["Answer", "Gap", "Inquiry", "Rows", "Word"]

Rows = list[TrackedAction]
"""Some rows of one user at the service."""

LONGEST_PAUSE = 60.0
"""How long a call may wait, in seconds, because the service asks for it. Once."""
AHEAD = 2
"""Calls handed out for each worker, so that none of them waits for the database."""


@dataclass(frozen=True, slots=True)
class Word:
    """How the service says that an action stands."""

    state: str
    """In the service's own spelling, as far as we keep it; also one that we do not know."""
    at: datetime
    """When it came into that state, by the service's clock."""


class Gap(Enum):
    """There is no word."""

    UNKNOWN = "unknown"
    """The service does not know the action."""
    UNREADABLE = "unreadable"
    """It answered, but nothing that makes sense: asking again later would not help."""
    UNASKED = "unasked"
    """It is not among the user's actions, and need not be: the service never answered about it."""


Answer = Word | Gap
Waiting = deque[tuple[Rows, Future[list[Answer] | None]]]


@dataclass
class Inquiry:
    """Asks about rows. *workers* is how many calls may be under way at once; *stop*, once set, lets no other begin."""

    client: Client
    workers: int = 4
    stop: threading.Event = field(default_factory=threading.Event)

    def answers(self, groups: Iterable[Rows]) -> Generator[tuple[Rows, list[Answer] | None]]:
        """Each of *groups* with an answer for each of its rows, in their order; None: the service cannot answer now.

        *groups* is read only as far as there is room for. Raises Unauthorized. To set *stop*, to close this, or an
        exception in the caller's thread, ends it within the time that one call may take.
        """
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="authsignal-sync")
        waiting: Waiting = deque()
        try:
            for rows in groups:
                if self.stop.is_set():
                    break
                waiting.append((rows, pool.submit(self._patiently, rows)))
                if len(waiting) >= self.workers * AHEAD:
                    yield _first_of(waiting)
            while waiting:
                yield _first_of(waiting)
        except BaseException:
            self.stop.set()  # or the pool would first wait out its pauses
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def _patiently(self, rows: Rows, *, may_pause: bool = True) -> list[Answer] | None:
        """Ask, and once more after the pause that the service asks for."""
        if self.stop.is_set():
            return None
        try:
            return list(self._ask(rows))
        except Unauthorized:
            self.stop.set()  # every other call would fail the same way
            raise
        except Unavailable as error:
            pause = error.retry_after
        if pause is None or not may_pause:
            return None
        self.stop.wait(min(pause, LONGEST_PAUSE))
        return self._patiently(rows, may_pause=False)

    def _ask(self, rows: Rows) -> Iterator[Answer]:
        try:
            listed = self._listed(rows)
        except (Rejected, ValueError):  # an id that the service, or any URL, cannot take
            yield from [Gap.UNREADABLE for _ in rows]
            return
        for row in rows:
            if entry := listed.get((row.action, str(row.idempotency_key))):
                yield _word(entry, str(entry.state or entry.get("state", "")), row)
            elif self.stop.is_set() or not (row.status in UNFINISHED or row.answered_at):
                yield Gap.UNASKED
            else:
                yield self._looked_up(row)

    def _listed(self, rows: Rows) -> dict[tuple[str, str], ActionSummary]:
        """The user's actions, since the first of *rows*, by code and key."""
        since = min(row.created_at for row in rows) - SKEW
        try:
            entries = self.client.query_user_actions(rows[0].authsignal_user_id, from_date=since)
        except UnexpectedAnswer:
            return {}  # one odd entry, or too many of them: each row is asked about on its own
        return {(entry.action_code, entry.idempotency_key): entry for entry in entries}

    def _looked_up(self, row: TrackedAction) -> Answer:
        """The list goes back 30 days and may be cut short: only this call can say that an action is not known."""
        try:
            action = self.client.get_action(row.authsignal_user_id, row.action, str(row.idempotency_key))
        except Rejected as error:
            return Gap.UNKNOWN if error.status == 404 else Gap.UNREADABLE
        except UnexpectedAnswer:
            return Gap.UNREADABLE
        return _word(action, action.state, row)


def _word(told: Action | ActionSummary, state: str, row: TrackedAction) -> Answer:
    state = attributes.printable(state, STATE_LIMIT)
    # Without a time it is as old as can be: it must not outlast a word that has one, nor be new again every day.
    return Word(state, told.state_updated_at or told.created_at or row.created_at) if state else Gap.UNREADABLE


def _first_of(waiting: Waiting) -> tuple[Rows, list[Answer] | None]:
    rows, future = waiting.popleft()
    return rows, future.result()
