"""Retention: history that is old enough is deleted, in batches so short that nobody waits for them.

What can still count is never deleted: neither an action whose time is not over for a day, nor the record of a webhook
that could be sent again. Old age does not come undone, so conditions that held once hold until the deletion, which
repeats them all the same (T68).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import OperationalError, connections, router, transaction
from django.db.models import Q
from django.utils import timezone

from django_authsignal.models import ActionEvent, TrackedAction, WebhookEvent
from django_authsignal.querysets import TrackedActionQuerySet
from django_authsignal.statuses import LIVE

__all__ = ["LEAST_AGE", "Pruned", "prune"]

LEAST_AGE = timedelta(days=1)
"""No younger row is ever deleted: challenges live for minutes, and webhooks are sent again for as long as an hour."""
BATCH_SECONDS = 0.01
"""How long a batch may hold its locks, about: one that took longer makes the next one smaller."""
FIRST_BATCH = 50
SMALLEST_BATCH = 20
"""Below that the time goes into the transaction itself, and fewer rows would not make it shorter."""
PAUSE_SECONDS = 0.03
"""Between two batches where a writer locks the whole database: SQLite's waiting writers look every 25 ms."""
RETRY_SECONDS = (0.1, 0.3, 1.0)
"""How long to wait after each failure of the same batch, before giving up."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """How much was deleted; in a dry run, how much would have been."""

    actions: int = 0
    events: int = 0
    """Notes on those actions, which go with them; a dry run does not count them."""
    webhooks: int = 0


def prune(
    older_than: timedelta,
    batch: int = 500,
    *,
    dry_run: bool = False,
    progress: Callable[[Pruned], None] = lambda pruned: None,
) -> Pruned:
    """Delete actions, with their events, and webhooks that are older than *older_than* (at least a day).

    Every batch of at most *batch* rows is a transaction of its own, so whatever interrupts this keeps what is done;
    *progress* hears the sum after each. Raises ValueError for too young an age or an empty batch,
    ``django.db.Error`` when a batch fails again and again, and RuntimeError inside a transaction.
    """
    if older_than < LEAST_AGE:
        raise ValueError("Nothing that is younger than a day can be pruned.")
    if batch < 1:
        raise ValueError("A batch holds at least one row.")
    now = timezone.now()
    pruned = Pruned()
    for pruned in _prune(now, now - older_than, _Pace(batch), dry_run=dry_run):
        progress(pruned)
    return pruned


def _prune(now: datetime, before: datetime, pace: _Pace, *, dry_run: bool) -> Iterator[Pruned]:
    """The sum so far, after every batch."""
    old = _old_actions(now, before)
    if dry_run:
        pace.size = pace.most  # nothing is locked
    actions = events = webhooks = 0
    for keys in _batches_of_actions(old, pace):
        gone, notes = (len(keys), 0) if dry_run else pace.keep(old.db, _delete_actions, old, keys)
        actions, events = actions + gone, events + notes
        yield Pruned(actions, events, webhooks)
    database = router.db_for_write(WebhookEvent)
    for keys in _batches_of_webhooks(database, before, pace):
        webhooks += len(keys) if dry_run else pace.keep(database, _delete_webhooks, database, before, keys)
        yield Pruned(actions, events, webhooks)


def _old_actions(now: datetime, before: datetime) -> TrackedActionQuerySet:
    over = ~Q(status__in=LIVE) | Q(expires_at__lt=now - LEAST_AGE)
    return TrackedAction.objects.current().filter(over, created_at__lt=before)


def _batches_of_actions(old: TrackedActionQuerySet, pace: _Pace) -> Iterator[list[Any]]:
    """Keys, oldest first, by the index on ``created_at``; each batch starts where the one before it ended."""
    rest = old.order_by("created_at", "pk").values_list("created_at", "pk")
    found = list(rest[: pace.size])
    while found:
        yield [key for _, key in found]
        at, key = found[-1]
        after = Q(created_at__gt=at) | Q(pk__gt=key)
        found = list(rest.filter(after, created_at__gte=at)[: pace.size])


def _batches_of_webhooks(database: str, before: datetime, pace: _Pace) -> Iterator[list[Any]]:
    """Keys in the order of arrival, which is nearly that of ``received_at``, until a whole batch is too young."""
    rows = WebhookEvent.objects.using(database).order_by("pk").values_list("pk", "received_at")
    found = list(rows[: pace.size])
    while keys := [key for key, received_at in found if received_at < before]:
        yield keys
        found = list(rows.filter(pk__gt=found[-1][0])[: pace.size])


def _delete_actions(old: TrackedActionQuerySet, keys: list[Any]) -> tuple[int, int]:
    """Delete those of *keys* that are *old*; how many actions and events that were."""
    rows = old.filter(pk__in=keys)
    with transaction.atomic(using=old.db, durable=True):
        # What somebody else holds waits for the next run: who never waits can be part of no deadlock. SQLite, which
        # locks no rows, reads them only.
        rows = old.filter(pk__in=list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True)))
        events, _ = ActionEvent.objects.using(old.db).filter(action__in=rows).delete()
        if _is_pointed_at():
            return rows.delete()[1].get(TrackedAction._meta.label, 0), events
        # Django's own delete() would read the rows first, and then delete by key alone.
        return rows._raw_delete(old.db) or 0, events


def _delete_webhooks(database: str, before: datetime, keys: list[Any]) -> int:
    with transaction.atomic(using=database, durable=True):
        return WebhookEvent.objects.using(database).filter(pk__in=keys, received_at__lt=before).delete()[0]


def _is_pointed_at() -> bool:
    """Whether a model of the project's own refers to actions, so that its ``on_delete`` must be obeyed."""
    relations = TrackedAction._meta.get_fields(include_hidden=True)
    return any(field.auto_created and not field.concrete for field in relations if field.related_model != ActionEvent)


class _Pace:
    """How much to delete at a time, so that locks are held shortly, and when to let others in."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.size = min(most, FIRST_BATCH)

    def keep(self, database: str, delete: Callable[..., Any], *args: Any) -> Any:
        """The result of deleting one batch, tried again a few times when the database is locked or gone."""
        for wait in RETRY_SECONDS:
            try:
                return self._once(database, delete, *args)
            except OperationalError:
                connections[database].close_if_unusable_or_obsolete()
                time.sleep(wait)
        return self._once(database, delete, *args)

    def _once(self, database: str, delete: Callable[..., Any], *args: Any) -> Any:
        started = time.perf_counter()
        result = delete(*args)
        self._adapt(time.perf_counter() - started)
        time.sleep(0 if connections[database].features.has_select_for_update else PAUSE_SECONDS)
        return result

    def _adapt(self, took: float) -> None:
        wanted = int(self.size * BATCH_SECONDS / took)
        self.size = min(self.most, max(SMALLEST_BATCH, min(wanted, self.size * 2)))
