"""Reconcile the history with the service: end what a crash or a closed browser left open, record what changed there,
and note where the two cannot both be right.

A sync never grants, and takes nothing from a live request: rows that one may still hold are left alone, and every
change is a conditional UPDATE, each row in a transaction of its own. So it may stop anywhere, run twice, and run beside
live traffic.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import Any

from django.db import router
from django.db.models import Q
from django.utils import timezone

from django_authsignal import connection
from django_authsignal.client import State, Unavailable
from django_authsignal.conf import app_settings
from django_authsignal.models import ActionEvent, TrackedAction
from django_authsignal.querysets import TrackedActionQuerySet, committed
from django_authsignal.services.inquiry import Answer, Gap, Inquiry, Rows, Word
from django_authsignal.services.reports import Effect, Report, take
from django_authsignal.statuses import SKEW, UNFINISHED, Status

__all__ = ["Span", "Summary", "reconcile"]

logger = logging.getLogger("django_authsignal")

GRACE = timedelta(seconds=60)
"""How old a row without an answer must be to count as lost: a request waits for its answer for 20 seconds at most."""
BATCH = 500
"""Rows read at a time. A user's rows of one batch cost one call."""
MOST_UNANSWERED = 5
"""So many calls in a row without an answer, and the service is taken to be down."""
CONFIRMING = (State.ALLOW, State.CHALLENGE_SUCCEEDED, State.REVIEW_SUCCEEDED)
"""What the service can say of an action that we granted, and both be right."""


@dataclass(slots=True)
class Summary:
    """How many rows a sync looked at, and what it did; one row can count in several."""

    rows: int = 0
    recorded: int = 0
    """The service said something new."""
    revoked: int = 0
    """It took an unfinished action back."""
    lost: int = 0
    """Ended, as the answer to their question never arrived (K1 to K3)."""
    expired: int = 0
    """Ended, as nobody came back in time."""
    drift: int = 0
    """Noted for the first time: the service and the history cannot both be right."""
    unreadable: int = 0
    """The service answered, but nothing that makes sense."""
    unanswered: int = 0
    """Left for the next run, as the service cannot answer now."""


@dataclass(frozen=True, slots=True)
class Span:
    """Which rows a sync looks at: every unfinished one, and those that ended and are not older than *since*."""

    now: datetime
    since: datetime
    user_pk: Any = None

    @classmethod
    def of(cls, hours: float, user_pk: Any = None) -> Span:
        """The last *hours*, of everybody or of one user."""
        now = timezone.now()
        return cls(now, now - timedelta(hours=hours), user_pk)

    def count(self) -> int:
        return sum(rows.count() for rows in self._parts())

    def groups(self) -> Iterator[Rows]:
        """The rows, read in batches, and those of each user in a batch together."""
        rows = chain.from_iterable(map(_pages, self._parts()))
        while batch := list(islice(rows, BATCH)):
            users: dict[str, Rows] = {}
            for row in batch:
                users.setdefault(row.authsignal_user_id, []).append(row)
            yield from users.values()

    def _parts(self) -> Iterator[TrackedActionQuerySet]:
        """Each is one range of an index, in its order."""
        ours = {"environment": connection.environment(), "tenant": app_settings.TENANT_ID}
        # A row without a binding was erased: it names nobody whom the service could know.
        rows = TrackedAction.objects.current().filter(**ours, created_at__lte=self.now).exclude(binding="")
        if self.user_pk is not None:
            rows = rows.filter(user=self.user_pk)
        yield rows.filter(status=Status.CREATED, created_at__lt=self.now - GRACE)
        yield rows.filter(status=Status.PENDING)
        yield rows.filter(status=Status.APPROVED)
        yield rows.exclude(status__in=UNFINISHED).filter(created_at__gte=self.since)


def _pages(rows: TrackedActionQuerySet) -> Iterator[TrackedAction]:
    """Never all at once, and without a cursor that stays open: it would keep SQLite's other writers waiting."""
    rows = rows.order_by("created_at", "pk")
    page = list(rows[:BATCH])
    while page:
        yield from page
        last = page[-1]
        after = Q(created_at__gt=last.created_at) | Q(pk__gt=last.pk)
        page = list(rows.filter(after, created_at__gte=last.created_at)[:BATCH])


def reconcile(
    span: Span,
    summary: Summary | None = None,
    *,
    workers: int = 4,
    tick: Callable[[int], object] = lambda rows: None,
    stop: threading.Event | None = None,
) -> Summary:
    """Reconcile the rows of *span* with at most *workers* calls at once.

    *summary* counts along, at most one row behind whatever ends this; *tick* is told how many more rows are done. Once
    *stop* is set, only what is under way is finished.
    Raises Unauthorized at once, Unavailable when the service does not answer call after call, and ``django.db.Error``.
    """
    summary = summary or Summary()
    stop = stop or threading.Event()
    inquiry = Inquiry(connection.get_client(), workers, stop)
    in_a_row = 0
    with closing(inquiry.answers(span.groups())) as asked:
        for rows, answers in asked:
            if answers is None and stop.is_set():
                continue  # nobody asked
            summary.rows += len(rows)
            if answers is None:
                in_a_row += 1
                summary.unanswered += len(rows)
            else:
                in_a_row = 0
                for row, answer in zip(rows, answers, strict=True):
                    _settle(row, answer, span.now, summary)
            tick(len(rows))
            if in_a_row == MOST_UNANSWERED:
                raise Unavailable("GET", "/users/{}/actions", True, detail=f"no answer to {in_a_row} calls in a row")
    return summary


def _settle(row: TrackedAction, answer: Answer, now: datetime, summary: Summary) -> None:
    """Bring one row up to date, in one transaction."""
    reason, drift = _overdue(row, now), _drift(row, answer)
    summary.unreadable += answer is Gap.UNREADABLE
    if not (reason or drift or _is_news(row, answer)):
        return
    effect, ended, noted = Effect.NOTHING, 0, False
    with committed(router.db_for_write(TrackedAction)):
        if isinstance(answer, Word):
            known = (row.authsignal_user_id, row.action, row.idempotency_key)
            effect = take(Report(*known, answer.state, answer.at), "sync")
        if reason:
            # As it was read: somebody may have approved it meanwhile.
            same = TrackedAction.objects.current().filter(pk=row.pk, status=row.status, expires_at=row.expires_at)
            ended = same.end(Status.VOID, reason)
        if drift:
            noted = _note_once(row, drift)
    summary.recorded += effect is not Effect.NOTHING
    summary.revoked += effect is Effect.REVOKED
    summary.lost += ended if reason == "lost" else 0
    summary.expired += ended if reason == "expired" else 0
    summary.drift += noted


def _overdue(row: TrackedAction, now: datetime) -> str:
    """Why the row must end whatever the service says; '' if it need not."""
    if row.status == Status.CREATED:
        return "lost"
    over = row.expires_at is None or row.expires_at <= now - SKEW
    return "expired" if row.status in UNFINISHED and over else ""


def _is_news(row: TrackedAction, answer: Answer) -> bool:
    """Whether taking the word can change anything: most are known, and then nothing is written."""
    if not isinstance(answer, Word):
        return False
    heard_later = row.remote_state_at is not None and answer.at <= row.remote_state_at
    return row.status in UNFINISHED or answer.state != row.remote_state or not heard_later


def _drift(row: TrackedAction, answer: Answer) -> str:
    """What cannot be: we granted what the service does not, or it has no record of what it answered.

    That it would allow by now what was refused, or that nobody used what it approved, is no contradiction.
    """
    if answer is Gap.UNKNOWN and row.answered_at:
        return "answered, but Authsignal does not know it"
    granted = row.status in (Status.APPROVED, Status.SPENT)
    if granted and isinstance(answer, Word) and answer.state not in CONFIRMING:
        return f"granted, but Authsignal says {answer.state}"
    return ""


def _note_once(row: TrackedAction, drift: str) -> bool:
    """Note it, unless an earlier sync, or one that runs beside this, has done so."""
    rows = TrackedAction.objects.current().filter(pk=row.pk)
    rows.select_for_update().first()  # so that the other one sees our note, or we see its
    events = ActionEvent.objects.using(rows.db).filter(action=row, kind=ActionEvent.Kind.DRIFT)
    if any(event.detail == drift for event in events):
        return False
    row.note(ActionEvent.Kind.DRIFT, drift)
    logger.warning("action %r %s: %s", row.action, row.idempotency_key, drift)
    return True
