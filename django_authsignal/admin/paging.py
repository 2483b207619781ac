"""Pages of the history by keyset: each is one index range, whatever the number of rows and however deep it lies.

A page is named by the row it lies next to. A page number would need OFFSET, and the number of pages COUNT: both read
everything that they skip.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.db.models import Q, QuerySet
from django.db.models.expressions import Combinable
from django.http import HttpRequest

__all__ = ["EPOCH", "NEWEST_FIRST", "HistoryChangeList", "Place", "batches"]

NEWEST_FIRST = ("-created_at", "-pk")
RECENT_ROWS = 3000
"""How many of the newest rows the filters take their choices from."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Place:
    """Beside which row a page begins: on its *older* side, or on its newer one."""

    older: bool
    at: datetime
    pk: int

    PATTERN = re.compile(r"(older|newer)-([0-9]{1,18})-([0-9]{1,19})")

    @classmethod
    def parse(cls, text: str) -> Place:
        """Raises ValueError for what ``str()`` of a place cannot have made."""
        match = cls.PATTERN.fullmatch(text)
        if match is None:
            raise ValueError("not a place in the history")
        try:
            at = EPOCH + timedelta(microseconds=int(match[2]))
        except OverflowError as error:
            raise ValueError("not a time") from error
        return cls(match[1] == "older", at, int(match[3]))

    def __str__(self) -> str:
        microseconds = (self.at - EPOCH) // timedelta(microseconds=1)
        return f"{'older' if self.older else 'newer'}-{microseconds}-{self.pk}"

    @property
    def rows(self) -> Q:
        """The rows on this side. The bound on the time alone is what an index can use."""
        if self.older:
            return Q(created_at__lte=self.at) & (Q(created_at__lt=self.at) | Q(pk__lt=self.pk))
        return Q(created_at__gte=self.at) & (Q(created_at__gt=self.at) | Q(pk__gt=self.pk))


def batches(rows: QuerySet[Any], columns: list[str], size: int) -> Iterator[list[tuple[Any, ...]]]:
    """The values of *columns* of all *rows*, newest first, *size* rows at a time and a query for each.

    No cursor stays open on the server, so a pooler between may hand each query to another connection. A row that is
    added meanwhile is newer than what is left to read, and is left out.
    """
    values = rows.order_by(*NEWEST_FIRST).values_list("created_at", "pk", *columns)
    batch = list(values[:size])
    while batch:
        yield [row[2:] for row in batch]
        at, pk = batch[-1][:2]
        batch = list(values.filter(Place(True, at, pk).rows)[:size]) if len(batch) == size else []


OLDEST = Place(older=False, at=EPOCH, pk=0)
"""The oldest page: read from the index's other end."""


class HistoryChangeList(ChangeList):
    """The list in the admin: one page of rows, and where the pages around it begin. Nothing is counted."""

    newest_url = newer_url = older_url = oldest_url = ""
    """Query strings of other pages; '' where there is none."""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[str | Combinable]:
        """Always newest first: no index serves another order. A search may say it in other words."""
        return list(NEWEST_FIRST)

    def get_results(self, request: HttpRequest) -> None:
        """Read one page. Raises IncorrectLookupParameters for a page that no link of ours leads to."""
        place = _asked(request.GET.get(PAGE_VAR, ""))
        forwards = place is None or place.older
        rows = self.queryset.filter(place.rows) if place else self.queryset
        # One more than is shown, to know whether there is a further page.
        found = list((rows if forwards else rows.reverse())[: self.list_per_page + 1])
        more = len(found) > self.list_per_page
        shown = found[: self.list_per_page]
        self.result_list = shown if forwards else shown[::-1]
        self._link(place, newer=place is not None if forwards else more, older=more if forwards else place != OLDEST)
        # Of this page: what Django's templates ask for.
        self.result_count = self.full_result_count = len(shown)
        self.show_full_result_count = self.show_admin_actions = self.can_show_all = False
        self.multi_page = bool(self.newest_url or self.oldest_url)

    def _link(self, place: Place | None, *, newer: bool, older: bool) -> None:
        rows = self.result_list
        if rows and newer:
            self.newer_url = self._url(Place(False, rows[0].created_at, rows[0].pk))
        if rows and older:
            self.older_url = self._url(Place(True, rows[-1].created_at, rows[-1].pk))
            self.oldest_url = self._url(OLDEST)
        if place:
            self.newest_url = self._url(None)

    def _url(self, place: Place | None) -> str:
        return self.get_query_string({PAGE_VAR: str(place)} if place else {})

    @cached_property
    def recent(self) -> dict[str, list[str]]:
        """What the newest rows hold in the columns that filters offer, by column; one query for all of them."""
        columns = ("action", "verification_method")
        newest = list(self.root_queryset.order_by(*NEWEST_FIRST).values_list(*columns)[:RECENT_ROWS])
        return {name: sorted({row[index] for row in newest} - {""}) for index, name in enumerate(columns)}


def _asked(text: str) -> Place | None:
    """The place that a query string names; None for the newest page, also for a page number of an old bookmark."""
    if not text or text.isdecimal():
        return None
    try:
        return Place.parse(text)
    except ValueError as error:
        raise IncorrectLookupParameters(error) from error
