"""Filters of the history: each is an index range, also for a value that is rare or nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.contrib.admin import FieldListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from django_authsignal import timeline

__all__ = ["ReasonFilter", "RecentValuesFilter", "is_comparable"]

LARGEST_OFFSET = timedelta(hours=15)
MOST_DIGITS = 18


def is_comparable(lookup: str, value: str) -> bool:
    """Whether every database can compare the column of *lookup* with *value*: some raise for what is beyond them.

    What cannot be read at all is left to Django, which leads back to the whole list.
    """
    if "\0" in value or (value.lstrip("-").isdecimal() and len(value) > MOST_DIGITS):
        return False
    try:
        moment = parse_datetime(value) if lookup.startswith("created_at") else None
    except ValueError:
        return True
    if moment is None:
        return True
    return 1000 < moment.year < 9000 and abs(moment.utcoffset() or timedelta(0)) <= LARGEST_OFFSET


class RecentValuesFilter(FieldListFilter):
    """Offers the values of the newest rows: to look for those of millions would cost seconds a page."""

    def expected_parameters(self) -> list[str | None]:
        return [self.field_path]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.chosen:
            return queryset
        # The index leaves empty values out, and SQLite uses it only where the query says so too.
        return queryset.filter(**{self.field_path: self.chosen}).exclude(**{self.field_path: ""})

    @property
    def chosen(self) -> str:
        """The value in the query string, or ''."""
        values: Any = self.used_parameters.get(self.field_path, [""])
        return str(values[-1])

    def offered(self, changelist: Any) -> list[str]:
        """The values to choose from."""
        return changelist.recent[self.field_path]  # type: ignore[no-any-return]

    def word(self, value: str) -> str:
        """How *value* reads."""
        return timeline.plain(value)

    def choices(self, changelist: Any) -> Iterator[Any]:
        yield self._choice(changelist, "", _("All"))
        values = self.offered(changelist)
        unseen = [self.chosen] if self.chosen and self.chosen not in values else []
        for value in [*values, *unseen]:
            yield self._choice(changelist, value, self.word(value))

    def _choice(self, changelist: Any, value: str, display: str) -> dict[str, Any]:
        return {
            "selected": value == self.chosen,
            "query_string": changelist.get_query_string({self.field_path: value or None}),
            "display": display,
        }


class ReasonFilter(RecentValuesFilter):
    """The reasons that the gate knows, in words: what is rare is what people look for. Folded until one is chosen."""

    template = "admin/authsignal/trackedaction/folded_filter.html"

    def offered(self, changelist: Any) -> list[str]:
        return list(timeline.REASONS)

    def word(self, value: str) -> str:
        return capfirst(str(timeline.REASONS.get(value) or timeline.plain(value)))
