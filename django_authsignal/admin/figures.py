"""The daily figures of a stretch of days, as the dashboard reads them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from statistics import median

from django.db.models import Sum

from django_authsignal import connection
from django_authsignal.models import DailyFigure

__all__ = ["Figures", "Period", "read"]

TOP_RULES = 10

Name = DailyFigure.Name


@dataclass(frozen=True, slots=True)
class Period:
    """Some days in a row, oldest first, and their figures."""

    days: tuple[date, ...]
    values: dict[tuple[date, str, str], float] = field(repr=False)

    def is_complete(self) -> bool:
        """Whether every day was counted; only then can it be compared."""
        return all(map(self.was_counted, self.days))

    def was_counted(self, day: date) -> bool:
        return (day, Name.OUTAGES, "") in self.values

    def counts(self, name: Name, label: str = "") -> list[float | None]:
        """One number a day; None for a day that was not counted."""
        return [self.values.get((day, name, label), 0) if self.was_counted(day) else None for day in self.days]

    def total(self, name: Name, labels: Iterable[str] = ("",)) -> float:
        return sum(self.values.get((day, name, label), 0) for day in self.days for label in labels)

    def medians(self) -> list[float | None]:
        """Seconds; None for a day on which nobody verified."""
        return [self.values.get((day, Name.MEDIAN_SECONDS, "")) for day in self.days]

    def median(self) -> float | None:
        """The middle one of the days' medians, in seconds."""
        known = [value for value in self.medians() if value is not None]
        return median(known) if known else None

    def success_rates(self) -> list[float | None]:
        """Passed challenges for each that was started, from 0 to 1; None for a day without any."""
        started, passed = (self.counts(Name.CHALLENGES, label) for label in ("started", "passed"))
        return [(won or 0) / of if of else None for won, of in zip(passed, started, strict=True)]

    def success_rate(self) -> float | None:
        started, passed = (self.total(Name.CHALLENGES, [label]) for label in ("started", "passed"))
        return passed / started if started else None


@dataclass(frozen=True, slots=True)
class Figures:
    """What the dashboard shows: the last days up to today (UTC), and as many days before them."""

    now: Period
    before: Period
    rules: list[tuple[str, float]]
    """The rules that matched most often, with how often."""
    as_of: datetime | None
    """When the newest figures were computed; None when there are none at all."""


def read(today: date, length: int) -> Figures:
    """The figures of the current environment for *length* days up to *today*, in three queries."""
    figures = DailyFigure.objects.filter(environment=connection.environment())
    days = [today - timedelta(days=ago) for ago in range(2 * length - 1, -1, -1)]
    before, now = tuple(days[:length]), tuple(days[length:])
    recent = figures.filter(day__gte=days[0], day__lte=today)
    values = {
        (day, name, label): value
        for day, name, label, value in recent.exclude(name=Name.RULE).values_list("day", "name", "label", "value")
    }
    matched = recent.filter(name=Name.RULE, day__gte=now[0]).values_list("label").annotate(times=Sum("value"))
    return Figures(
        Period(now, values),
        Period(before, values),
        list(matched.order_by("-times", "label")[:TOP_RULES]),
        figures.order_by("-day").values_list("as_of", flat=True).first(),
    )
