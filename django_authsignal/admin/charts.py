"""Charts as geometry: numbers in, coordinates out; a template draws them as SVG, without a line of script or style.

Coordinates are text with a point, whatever the reader's language writes; colours are CSS classes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, groupby

__all__ = ["Chart", "Series", "bars", "lines", "ranking"]

WIDTH = 440
HEIGHT = 220
TOP, RIGHT, BOTTOM = 14, 12, 34
CHARACTER = 9.5
"""The most that a digit on an axis is wide: on a phone, where text is larger."""
LETTER = 8
"""What a character of a date is wide there, most of them letters."""
MOST_TICKS = 4
DATE_STEPS = (1, 2, 3, 7, 14, 28, 56)
ROW = 34
MOST_CHARACTERS = 40

Numbers = Sequence[float | None]
"""One value a day; None is a day without one."""


@dataclass(frozen=True, slots=True)
class Series:
    """What one colour shows."""

    css: str
    values: Numbers


@dataclass(frozen=True, slots=True)
class Text:
    """A label; *anchor* is start, middle or end, *y* its foot."""

    x: str
    y: str
    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Box:
    """A bar, or with *text* the place over which a pointer reads it."""

    x: str
    y: str
    width: str
    height: str
    css: str = ""
    text: str = ""


@dataclass(slots=True)
class Chart:
    """Everything to be drawn, in user units."""

    height: int = HEIGHT
    width: int = WIDTH
    left: str = "0"
    right: str = str(WIDTH)
    grid: list[str] = field(default_factory=list)
    """The heights of the lines from *left* to *right*."""
    bars: list[Box] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    dots: list[tuple[str, str]] = field(default_factory=list)
    labels: list[Text] = field(default_factory=list)
    places: list[Box] = field(default_factory=list)


class _Plane:
    """Where days and values lie."""

    def __init__(self, days: int, most: float, write: Callable[[float], str], *, whole: bool) -> None:
        self.ticks = list(_ticks(most, whole=whole))
        self.tick_labels = [write(tick) for tick in self.ticks]
        self.left = 10 + CHARACTER * max(map(len, self.tick_labels))
        self.slot = (WIDTH - RIGHT - self.left) / days

    def x(self, day: float) -> float:
        """The middle of a day, which is counted from 0."""
        return self.left + (day + 0.5) * self.slot

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - value / self.ticks[-1] * (HEIGHT - BOTTOM - TOP)

    def chart(self, dates: Sequence[str], spoken: Sequence[str]) -> Chart:
        """A chart with its axes, and what a pointer reads over each day."""
        chart = Chart(left=_n(self.left), right=_n(WIDTH - RIGHT))
        for tick, label in zip(self.ticks, self.tick_labels, strict=True):
            chart.grid.append(_n(self.y(tick)))
            chart.labels.append(Text(_n(self.left - 6), _n(self.y(tick) + 4), label, "end"))
        widest = LETTER * max(map(_letters, dates))
        # One and a half: the last date may have to end where its day does.
        step = next((step for step in DATE_STEPS if step * self.slot >= 1.5 * widest), len(dates))
        for day in range(len(dates) - 1, -1, -step):
            at_end = self.x(day) + widest / 2 > WIDTH
            x, anchor = (WIDTH - RIGHT, "end") if at_end else (self.x(day), "middle")
            chart.labels.append(Text(_n(x), _n(HEIGHT - 12), dates[day], anchor))
        for day, text in enumerate(spoken):
            height = _n(HEIGHT - BOTTOM - TOP)
            chart.places.append(Box(_n(self.x(day - 0.5)), _n(TOP), _n(self.slot), height, text=text))
        return chart


def bars(dates: Sequence[str], series: Sequence[Series], write: Callable[[float], str], spoken: Sequence[str]) -> Chart:
    """A bar a day, the first series at its foot. *write* puts a number on the axis, *spoken* tells a day's numbers."""
    most = max(sum(value or 0 for value in day) for day in zip(*(one.values for one in series), strict=True))
    plane = _Plane(len(dates), most, write, whole=True)
    chart = plane.chart(dates, spoken)
    width = min(plane.slot * 0.78, 36)
    for day in range(len(dates)):
        foot = 0.0
        for one in series:
            if value := one.values[day]:
                upper = plane.y(foot + value)
                x, height = plane.x(day) - width / 2, plane.y(foot) - upper
                chart.bars.append(Box(_n(x), _n(upper), _n(width), _n(height), one.css))
                foot += value
    return chart


def lines(
    dates: Sequence[str],
    values: Numbers,
    write: Callable[[float], str],
    spoken: Sequence[str],
    most: float | None = None,
) -> Chart:
    """A line over the days, broken where a day has no value. *most* fixes the top of the axis."""
    known = [value for value in values if value is not None]
    plane = _Plane(len(dates), most or max(known, default=0), write, whole=False)
    chart = plane.chart(dates, spoken)
    for has_value, run in groupby(enumerate(values), key=lambda pair: pair[1] is not None):
        if has_value:
            points = [(_n(plane.x(day)), _n(plane.y(value or 0))) for day, value in run]
            chart.lines.append(" ".join(",".join(point) for point in points))
            # Among many days only one without neighbours, which no line would show.
            chart.dots += points if len(dates) <= 31 or len(points) == 1 else []
    return chart


def ranking(rows: Sequence[tuple[str, float, str]]) -> Chart:
    """Horizontal bars, each under its name and beside its value: (name, value, value in words)."""
    chart = Chart(height=ROW * len(rows) + 4)
    longest = WIDTH - 16 - CHARACTER * max(len(text) for _name, _value, text in rows)
    most = max(value for _name, value, _text in rows)
    for number, (name, value, text) in enumerate(rows):
        foot, width = ROW * number + 15, value / most * longest
        short = name if len(name) <= MOST_CHARACTERS else f"{name[: MOST_CHARACTERS - 1]}…"
        chart.labels.append(Text("0", _n(foot), short, "start"))
        chart.bars.append(Box("0", _n(foot + 5), _n(width), "10", "authsignal-series-plain"))
        chart.labels.append(Text(_n(width + 6), _n(foot + 14.5), text, "start"))
    return chart


def _ticks(most: float, *, whole: bool) -> Iterator[float]:
    """Round numbers from 0 to *most* or just above it, at most four steps."""
    least = max(most, 1 if whole else 1e-9) / MOST_TICKS
    powers = (10.0**power for power in count(0 if whole else -9))
    steps = (factor * power for power in powers for factor in (1, 2, 2.5, 5) if not whole or factor * power % 1 == 0)
    step = next(step for step in steps if step >= least * 0.9999)
    number = 0
    while True:
        yield number * step
        if number and number * step >= most * 0.9999:
            return
        number += 1


def _letters(text: str) -> int:
    """How long *text* is in letters, of which a Chinese or Japanese character takes the place of two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
