"""The dashboard: what was decided in the last days, as charts and as tables. It reads daily figures, never the rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_authsignal import timeline
from django_authsignal.admin.figures import Figures, Name, Period, read
from django_authsignal.admin.panels import OUTCOMES, duration, number, panels, percent

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    from django_authsignal.models import TrackedAction

__all__ = ["dashboard"]

LENGTHS = (7, 30, 90)
USUAL = 30
STALE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Headline:
    """One number about the period, with the one before where they can be compared."""

    name: str
    value: str
    before: str
    change: str


def dashboard(model_admin: ModelAdmin[TrackedAction], request: HttpRequest) -> TemplateResponse:
    """The page for the last ``?days=`` 7, 30 or 90. Raises PermissionDenied for who may not view the history."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    asked = request.GET.get("days", "")
    length = next((length for length in LENGTHS if str(length) == asked), USUAL)
    now = timezone.now()
    figures = read(now.astimezone(UTC).date(), length)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Dashboard"),
        "original": _("Dashboard"),
        "opts": model_admin.opts,
        "media": model_admin.media,
        "has_view_permission": True,
        "lengths": LENGTHS,
        "length": length,
        "as_of": figures.as_of and timeline.moment(figures.as_of),
        "is_stale": figures.as_of is not None and now - figures.as_of > STALE,
        "headlines": list(_headlines(figures)),
        "panels": list(panels(figures)),
    }
    request.current_app = model_admin.admin_site.name
    return TemplateResponse(request, "admin/authsignal/trackedaction/dashboard.html", context)


def _headlines(figures: Figures) -> Iterator[Headline]:
    measures: list[tuple[str, Callable[[Period], float | None], Callable[[float], str]]] = [
        (_("Decisions"), lambda period: period.total(Name.OUTCOME, OUTCOMES), number),
        (_("Challenges passed"), Period.success_rate, percent),
        (_("Time to verify"), Period.median, duration),
        (_("Blocked or under review"), lambda period: period.total(Name.OUTCOME, ["blocked"]), number),
        (_("Outages"), lambda period: period.total(Name.OUTAGES), number),
    ]
    for name, measure, write in measures:
        value = measure(figures.now)
        before = measure(figures.before) if figures.before.is_complete() else None
        yield Headline(
            name,
            "–" if value is None else write(value),
            "" if before is None else write(before),
            "" if value is None or not before else _change(value, before, write),
        )


def _change(value: float, before: float, write: Callable[[float], str]) -> str:
    """By how much it grew or shrank; a share by points."""
    hundredths = round((value - before if write is percent else value / before - 1) * 100)
    sign = "+" if hundredths > 0 else "−" if hundredths < 0 else "±"
    if write is percent:
        points = ngettext("%(sign)s%(number)s point", "%(sign)s%(number)s points", abs(hundredths))
        return points % {"sign": sign, "number": number(abs(hundredths))}
    return f"{sign}{percent(abs(hundredths) / 100)}"
