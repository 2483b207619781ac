"""Sets of rows. Everything the gate reads comes from the database that is written (T72)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import connections, models, router, transaction
from django.db.models import Q
from django.utils import timezone

from django_authsignal.claims import Claim
from django_authsignal.statuses import GRANTING, LIVE, UNFINISHED, Status, Word

if TYPE_CHECKING:
    from django_authsignal.models import TrackedAction

__all__ = ["TrackedActionQuerySet", "committed"]


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

    def challenge_counts(self, user_pk: Any, now: datetime) -> tuple[int, int]:
        """How many live rows this user has, and how many challenges of the last hour were never passed (T49)."""
        live = Q(status__in=LIVE, expires_at__gt=now)
        unpassed = Q(expires_at__isnull=False, approved_at__isnull=True)
        counts = (
            self.current()
            .filter(user_id=user_pk, enforced=True, created_at__gt=now - timedelta(hours=1))
            .aggregate(live=models.Count("pk", filter=live), unpassed=models.Count("pk", filter=unpassed))
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

    def begin(self, claim: Claim, *, enforced: bool) -> TrackedAction:
        """Commit a row with a fresh key, before the service hears of it (K0 to K2)."""
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
        return row
