"""The dashboard's charts in words: each with its description, its legend and the same numbers as a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from django.utils.formats import date_format, get_format, number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import pgettext, pgettext_lazy

from django_authsignal import timeline
from django_authsignal.admin import charts
from django_authsignal.admin.figures import Figures, Name, Period

__all__ = ["Panel", "duration", "number", "panels", "percent"]

OUTCOMES: dict[str, str | Promise] = {
    "verified": pgettext_lazy("decisions", "Verified"),
    "allowed": pgettext_lazy("decisions", "Allowed without a challenge"),
    "unverified": pgettext_lazy("decisions", "Let through unverified"),
    "waiting": pgettext_lazy("decisions", "Waiting"),
    "abandoned": pgettext_lazy("decisions", "Not finished"),
    "failed": pgettext_lazy("decisions", "Challenge failed"),
    "unenrolled": pgettext_lazy("decisions", "No authenticator"),
    "blocked": pgettext_lazy("decisions", "Blocked or under review"),
    "unavailable": pgettext_lazy("decisions", "No usable answer from Authsignal"),
}
"""From the foot of a bar to its top: what went on, what may yet, what did not."""
NONE = "–"


@dataclass(frozen=True, slots=True)
class Key:
    """One line of a legend."""

    css: str
    name: str
    total: str
    share: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart and the same numbers as a table; neither where there is nothing but zeros or not even those."""

    slug: str
    title: str
    description: str
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    chart: charts.Chart | None = None
    keys: Sequence[Key] = ()
    nothing: str = ""
    """What to say in place of a chart."""


def panels(figures: Figures) -> Iterator[Panel]:
    """Every chart of the dashboard."""
    now, rates, medians = figures.now, figures.now.success_rates(), figures.now.medians()
    outages = figures.now.counts(Name.OUTAGES)
    yield _outcomes(now)
    yield _daily(
        Panel("success", _("Challenges passed"), _("Passed challenges for each hundred that began, per day.")),
        *(now, {pgettext("challenges", "Passed"): rates}, percent),
        lambda dates, spoken: charts.lines(dates, rates, percent, spoken, most=1),
    )
    yield _daily(
        Panel("medians", _("Time to verify"), _("From challenge to success: each day's median.")),
        *(now, {_("Median"): medians}, duration),
        lambda dates, spoken: charts.lines(dates, medians, duration, spoken),
    )
    yield _rules(figures.rules)
    panel = Panel("outages", _("Outages"), _("Actions per day that Authsignal could not be asked about."))
    series = [charts.Series(_css("blocked"), outages)]
    yield _daily(
        *(panel, now, {_("Actions"): outages}, number),
        lambda dates, spoken: charts.bars(dates, series, number, spoken),
    )


def _outcomes(period: Period) -> Panel:
    panel = Panel("outcomes", _("Decisions by outcome"), _("Enforced decisions per day, and what became of them."))
    totals = {label: period.total(Name.OUTCOME, [label]) for label in OUTCOMES}
    counts = {label: period.counts(Name.OUTCOME, label) for label in OUTCOMES if totals[label]}
    if not counts:
        return panel
    everything = sum(totals.values())
    sums = [None if None in day else sum(filter(None, day)) for day in zip(*counts.values(), strict=True)]
    columns = {_("Total"): sums, **{str(OUTCOMES[label]): values for label, values in counts.items()}}
    series = [charts.Series(_css(label), values) for label, values in counts.items()]
    filled = _daily(panel, period, columns, number, lambda dates, spoken: charts.bars(dates, series, number, spoken))
    keys = [
        Key(_css(label), str(OUTCOMES[label]), number(totals[label]), percent(totals[label] / everything, 1))
        for label in counts
    ]
    return replace(filled, keys=keys[::-1])  # as the bars are stacked


def _css(label: str) -> str:
    return f"authsignal-series-{label}"


def _rules(rules: Sequence[tuple[str, float]]) -> Panel:
    panel = Panel("rules", _("Rules that matched most"), _("How often each rule took part in an answer."))
    if not rules:
        return panel
    rows = [(timeline.plain(rule), number(times)) for rule, times in rules]
    bars = [(name, times, text) for (name, text), (_rule, times) in zip(rows, rules, strict=True)]
    return replace(panel, columns=[_("Rule"), _("Actions")], rows=rows, chart=charts.ranking(bars))


def _daily(
    panel: Panel,
    period: Period,
    columns: Mapping[str, charts.Numbers],
    write: Callable[[float], str],
    draw: Callable[[list[str], list[str]], charts.Chart],
) -> Panel:
    """*panel* with a chart of the period's days and a table of the named *columns*, if there is anything in them."""
    values_of_all = [value for values in columns.values() for value in values if value is not None]
    if not any(values_of_all):
        return replace(panel, nothing=_("None in these days.")) if values_of_all else panel
    rows, spoken = [], []
    for day, *values in zip(period.days, *columns.values(), strict=True):
        written = [NONE if value is None else write(value) for value in values]
        rows.append([_day(day), *written])
        told = zip(columns, values, written, strict=True)
        spoken.append("\n".join([_day(day), *(_told(name, text) for name, value, text in told if value != 0)]))
    chart = draw([_short(day) for day in period.days], spoken)
    return replace(panel, columns=[_("Day"), *columns], rows=rows[::-1], chart=chart)


def _told(name: str, value: str) -> str:
    return _("%(name)s: %(value)s") % {"name": name, "value": value}


def number(value: float) -> str:
    """A whole number as the reader writes it."""
    return number_format(value, 0, use_l10n=True, force_grouping=True)


def percent(value: float, places: int = 0) -> str:
    """A share from 0 to 1."""
    hundredths = _rounded(value, places + 2) * 100
    return _("%(number)s%%") % {"number": number_format(hundredths, places, use_l10n=True, force_grouping=True)}


def duration(seconds: float) -> str:
    """Some seconds, in minutes where that reads better."""
    if seconds < 100:
        # Two digits that tell something, as the steps of an axis have: also of less than a second.
        places = max(0, 1 - Decimal(str(seconds)).adjusted()) if seconds else 0
        return _("%(seconds)s s") % {"seconds": number_format(_rounded(seconds, places).normalize(), use_l10n=True)}
    return _("%(minutes)s min") % {"minutes": number_format(_rounded(seconds / 60, 1), 1, use_l10n=True)}


def _rounded(value: float, places: int) -> Decimal:
    """As people round; Django would cut off what is too long."""
    return Decimal(str(value)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def _day(day: date) -> str:
    return date_format(day, "SHORT_DATE_FORMAT")


def _short(day: date) -> str:
    """Day and month, as short as an axis wants them."""
    return date_format(day, get_format("MONTH_DAY_FORMAT", use_l10n=True).replace("F", "M"))
