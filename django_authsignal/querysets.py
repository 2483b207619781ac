"""Sets of rows. Everything the gate reads comes from the database that is written (T72)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db import connections, models, router, transaction
from django.db.models import Q
from django.db.models.functions import Concat
from django.utils import timezone

from django_authsignal.claims import Claim
from django_authsignal.statuses import GRANTING, LIVE, UNFINISHED, Status, Word

if TYPE_CHECKING:
    from django_authsignal.models import TrackedAction

__all__ = ["NoRoom", "TrackedActionQuerySet", "committed"]

LONGEST_CALL = timedelta(seconds=30)
"""A row that was never answered is no longer being asked about by then: AUTHSIGNAL_TIMEOUT is at most 20 seconds."""


class NoRoom(Exception):  # noqa: N818 - says the fact
    """The user has as many challenges as anybody may have."""


@contextmanager
def committed(database: str, *, durable: bool = True) -> Iterator[None]:
    """A transaction of its own, committed when it ends, whatever the caller does afterwards (T8).

    Rows that only record something (*durable* is false) may share the caller's. Raises RuntimeError inside another
    transaction, whose rollback would undo it; without autocommit, everything is inside one.
    """
    connection = connections[database]
    # Inside atomic() Django turns autocommit off itself; whether that is a transaction of the caller's, durable tells.
    if durable and not connection.in_atomic_block and not connection.get_autocommit():
        raise RuntimeError(
            f"A step-up is committed on its own, but autocommit is off on the database {database!r}: leave AUTOCOMMIT "
            "out of DATABASES, and call set_autocommit(False) nowhere around it."
        )
    with ExitStack() as stack:
        try:
            stack.enter_context(transaction.atomic(using=database, durable=durable))
        except RuntimeError as error:
            raise RuntimeError(
                "A step-up is decided outside any transaction, so that a rollback cannot undo it: call it before "
                "atomic(), and under ATOMIC_REQUESTS put @transaction.non_atomic_requests on the view."
            ) from error
        yield


class TrackedActionQuerySet(models.QuerySet["TrackedAction"]):
    """What the gate and the history ask of rows."""

    def current(self) -> TrackedActionQuerySet:
        """All rows, on the primary."""
        return self.using(router.db_for_write(self.model))

    def of(self, claim: Claim) -> TrackedActionQuerySet:
        """Enforced rows of the claim's user, action and browser."""
        return self.current().filter(
            user_id=claim.user_pk, action=claim.action, channel__in=claim.channels, enforced=True
        )

    def look(self, claim: Claim, *, spent: bool = False) -> list[TrackedAction]:
        """The named row and the live row for the same content, in one query; with *spent*, spent rows for it too."""
        statuses = (*LIVE, Status.SPENT) if spent else LIVE
        same_content = Q(status__in=statuses, route=claim.route, method=claim.method, binding__in=claim.bindings)
        named = Q(idempotency_key=claim.key) if claim.key else Q(pk__in=())
        return list(self.of(claim).filter(named | same_content))

    def returning(self, user_pk: Any, channels: Iterable[str], key: uuid.UUID) -> TrackedAction | None:
        """The row that the hosted page sends this user and browser back to."""
        rows = self.current().filter(user_id=user_pk, channel__in=channels, idempotency_key=key, enforced=True)
        return rows.first()

    def challenge_counts(self, user_pk: Any, now: datetime, *, asked: bool = False) -> tuple[int, int]:
        """How many live rows this user has, and how many challenges of the last hour were never passed (T49).

        With *asked*, what the service is being asked about right now counts as both; the same request only once as
        live, however often it was sent: one of them can become it.
        """
        live = Q(status__in=LIVE, expires_at__gt=now)
        unpassed = Q(expires_at__isnull=False, approved_at__isnull=True)
        if asked:
            under_way = Q(status=Status.CREATED, created_at__gt=now - LONGEST_CALL)
            live, unpassed = live | under_way, unpassed | under_way
        request = Concat("channel", "action", "binding")
        counts = (
            self.current()
            .filter(user_id=user_pk, enforced=True, created_at__gt=now - timedelta(hours=1))
            .aggregate(
                live=models.Count(request, distinct=True, filter=live), unpassed=models.Count("pk", filter=unpassed)
            )
        )
        return counts["live"], counts["unpassed"]

    def ended_for(self, reason: str, user_pk: Any, since: datetime) -> int:
        """How many rows of this user ended for *reason* since then."""
        return self.current().filter(user_id=user_pk, reason=reason, created_at__gt=since).count()

    def unfinished(self) -> TrackedActionQuerySet:
        """Rows that have not come to an end, whether or not their time has passed."""
        return self.filter(status__in=UNFINISHED)

    def end(self, status: Status, reason: str) -> int:
        """Those of these rows that are unfinished -> REFUSED or VOID. May share the caller's transaction: a rollback
        would bring back only what was there."""
        return self.unfinished().update(status=status, reason=reason, ended_at=timezone.now(), return_path="")

    def not_heard(self, state: Any, at: Any, word: Word) -> TrackedActionQuerySet:
        """Those of these rows to which it is news that the service said *state* at that time, by its own clock.

        The newest word counts, in whatever order they arrive (T57). But a message never grants (T58), so what the
        service once took back stays taken back, however late that is heard. Until an approval is spent, the only yes
        to it is the one that we asked for; afterwards, a further yes counts as long as nothing else was said, or a
        message could open a window again. A veto takes back, and so does a challenge or review that is younger than
        the approval or, once that is spent, than the spend.
        """
        newer = (
            Q(remote_state_at__isnull=True) | Q(remote_state_at__lt=at) | Q(remote_state_at=at, remote_state__lt=state)
        )
        # Whether or not it has ended since: no order of messages may end differently.
        approved = Q(approved_at__isnull=False, spent_at__isnull=True)
        spent, granted = Q(status=Status.SPENT), Q(remote_state__in=GRANTING)
        match word:
            case Word.GRANTS:
                return self.filter(newer & ~approved & (~spent | granted))
            case Word.OPEN:
                return self.filter((newer & ~spent) | (spent & Q(spent_at__lt=at) & (newer | granted)))
        return self.filter(newer | (spent & granted))

    def begin(self, claim: Claim, *, enforced: bool, most: tuple[int, int] | None = None) -> TrackedAction:
        """Commit a row with a fresh key, before the service hears of it (K0 to K2).

        Raises NoRoom, and leaves no row, if with it the user has more than *most* of what ``challenge_counts`` counts,
        whatever else begins at the same time (T49).
        """
        database = router.db_for_write(self.model)
        row = self.model(
            user_id=claim.user_pk,
            authsignal_user_id=claim.authsignal_user_id,
            tenant=claim.tenant,
            environment=claim.environment,
            action=claim.action,
            enforced=enforced,
            route=claim.route,
            method=claim.method,
            return_path=claim.return_path,
            binding=claim.bindings[0],
            channel=claim.channels[0],
            auth_hash=claim.auth_hashes[0],
            ip_address=claim.ip_address,
            created_at=timezone.now(),
        )
        with committed(database, durable=enforced):
            row.save(force_insert=True, using=database)
            if most:
                self._take_turn(claim.user_pk, database)
                counts = self.challenge_counts(claim.user_pk, row.created_at, asked=True)
                if any(count > limit for count, limit in zip(counts, most, strict=True)):
                    raise NoRoom
        return row

    def _take_turn(self, user_pk: Any, database: str) -> None:
        """Let nobody else begin a row of this user until this transaction ends: who counts then sees all before it.

        SQLite, which has no such lock, lets no two transactions write at once; so the insert comes first.
        """
        no_key = connections[database].features.has_select_for_no_key_update
        users = get_user_model()._base_manager.using(database).select_for_update(no_key=no_key)
        list(users.filter(pk=user_pk).values_list("pk"))
