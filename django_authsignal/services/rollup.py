"""Daily figures: one pass over each day's rows, so that the dashboard reads a few hundred numbers and not millions.

A day is a day in UTC. Its figures count the rows that were created on it, as they stand when they are computed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from statistics import median

from django.db import router, transaction
from django.db.models import Max, Min
from django.utils import timezone

from django_authsignal import connection
from django_authsignal.attributes import printable
from django_authsignal.conf import app_settings
from django_authsignal.models import DailyFigure, TrackedAction
from django_authsignal.querysets import TrackedActionQuerySet
from django_authsignal.statuses import UNFINISHED, Status

__all__ = ["OUTCOMES", "refresh"]

OUTCOMES: dict[str, tuple[str, ...]] = {
    "allowed": (),
    "verified": (),
    "unverified": (),
    "waiting": (),
    "abandoned": (
        "expired",
        "changed",
        "throttled",
        "superseded",
        "withdrawn",
        "logged_out",
        "account_deleted",
        "forgotten",
    ),
    "failed": ("challenge", "stale"),
    "unenrolled": ("unenrolled",),
    "blocked": ("block", "review", "minimum", "verification_method", "revoked"),
    "unavailable": ("unavailable", "unreachable", "lost", "upstream_error"),
}
"""Every label of an OUTCOME, and the reasons for which a row ends so. The first four show in the status: spent without
a challenge, after one, or by a policy that let it go on unverified; or not yet at an end."""
LABELS = {reason: label for label, reasons in OUTCOMES.items() for reason in reasons}
OUTAGES = ("unavailable", "unreachable")

COLUMNS = ("status", "reason", "enforced", "created_at", "answered_at", "approved_at", "expires_at", "rule_ids")
MOST_DAYS = 400
TOP_RULES = 50
LABEL_LIMIT = 64
ANSWER_LIMIT = timedelta(minutes=15)
"""For this long a row may wait for the service's first answer: longer than any request lives."""

Figure = DailyFigure.Name


def refresh(now: datetime | None = None, days: int | None = None) -> int:
    """Compute the figures of the current environment and tenant, up to today; returns how many days were computed.

    Goes on from the day before the last that has figures: what began on it may have ended since. *days* (today is the
    first of them) goes further back. A day that ``authsignal_prune`` may have thinned out is left as it was.
    """
    now = now or timezone.now()
    today = now.astimezone(UTC).date()
    first = _first_day(today, days)
    computed = [first + timedelta(days=number) for number in range((today - first).days + 1)]
    for day in computed:
        _write(day, now, _tally(day, now).figures())
    return len(computed)


def _first_day(today: date, days: int | None) -> date:
    if days is None:
        figures = DailyFigure.objects.using(router.db_for_write(DailyFigure))
        last = figures.filter(environment=connection.environment()).aggregate(last=Max("day"))["last"]
        wanted = min(last, today) - timedelta(days=1) if last else date.min
    else:
        wanted = today - timedelta(days=days - 1)
    oldest = _rows().aggregate(oldest=Min("created_at"))["oldest"]
    whole = today - timedelta(days=min(MOST_DAYS, app_settings.RETENTION_DAYS) - 1)
    return min(today, max(wanted, whole, oldest.astimezone(UTC).date() if oldest else today))


def _rows() -> TrackedActionQuerySet:
    return TrackedAction.objects.current()


@dataclass(slots=True)
class _Tally:
    """What one day's rows add up to."""

    outcomes: Counter[str] = field(default_factory=Counter)
    challenges: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    outages: int = 0

    def figures(self) -> Iterator[tuple[Figure, str, float]]:
        """Name, label and value of each figure. OUTAGES is there for every day: 0 is not the same as not counted."""
        yield Figure.OUTAGES, "", self.outages
        for name, counts in ((Figure.OUTCOME, self.outcomes), (Figure.CHALLENGES, self.challenges)):
            yield from ((name, label, count) for label, count in counts.items())
        yield from ((Figure.RULE, rule, count) for rule, count in self.rules.most_common(TOP_RULES))
        if self.seconds:
            yield Figure.MEDIAN_SECONDS, "", median(self.seconds)


def _tally(day: date, now: datetime) -> _Tally:
    start = datetime.combine(day, time.min, UTC)
    rows = _rows().filter(
        created_at__gte=start,
        created_at__lt=start + timedelta(days=1),
        environment=connection.environment(),
        tenant=app_settings.TENANT_ID,
    )
    tally = _Tally()
    for status, reason, enforced, created, answered, approved, expires, rules in rows.values_list(*COLUMNS).iterator():
        tally.outages += reason in OUTAGES
        tally.rules.update({printable(str(rule), LABEL_LIMIT) for rule in rules} - {""})
        if not enforced:
            continue
        tally.outcomes[_outcome(status, reason, approved, expires or created + ANSWER_LIMIT, now)] += 1
        tally.challenges["started"] += expires is not None  # nothing but a challenge gives a row an end
        tally.challenges["passed"] += approved is not None
        if approved and answered:
            # The service's clock may be a little behind ours.
            tally.seconds.append(max(0.0, (approved - answered).total_seconds()))
    return tally


def _outcome(status: str, reason: str, approved_at: datetime | None, until: datetime, now: datetime) -> str:
    """The label of an enforced row that may wait *until* then."""
    if status == Status.SPENT:
        return "unverified" if reason else "verified" if approved_at else "allowed"
    if status not in UNFINISHED:
        return LABELS.get(reason, "abandoned")
    if now < until:
        return "waiting"
    return "unavailable" if status == Status.CREATED else "abandoned"


def _write(day: date, now: datetime, figures: Iterator[tuple[Figure, str, float]]) -> None:
    """Put *figures* in the place of all that the day had."""
    environment, database = connection.environment(), router.db_for_write(DailyFigure)
    rows = [
        DailyFigure(environment=environment, day=day, name=name, label=label, value=value, as_of=now)
        for name, label, value in sorted(figures)  # in one order, so that two at once cannot lock each other out
    ]
    kept = DailyFigure.objects.using(database)
    with transaction.atomic(using=database):
        kept.filter(environment=environment, day=day).delete()
        kept.bulk_create(
            rows,
            update_conflicts=True,  # by somebody who computed the same day at the same time
            unique_fields=["environment", "day", "name", "label"],
            update_fields=["value", "as_of"],
        )
