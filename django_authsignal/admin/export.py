"""The filtered list as CSV, streamed: a few thousand rows in memory, however many there are."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.core.handlers.asgi import ASGIRequest
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone

from django_authsignal.admin.paging import batches
from django_authsignal.models import TrackedAction
from django_authsignal.timeline import plain

__all__ = ["export"]

BATCH_ROWS = 2000
# Names for programs, so they are not translated. What identifies a browser or a request is never among them (T67).
COLUMNS = (
    ["created_at", "answered_at", "approved_at", "spent_at", "ended_at", "expires_at"]
    + ["user", "authsignal_user_id", "action", "idempotency_key", "status", "reason", "remote_state"]
    + ["verification_method", "rule_ids", "is_enrolled", "enforced", "ip_address", "environment"]
)
FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r")


def export(request: HttpRequest, rows: QuerySet[TrackedAction]) -> StreamingHttpResponse:
    """*rows* as a file to download, newest first, times in UTC."""
    lines = _lines(rows)
    response = StreamingHttpResponse(
        _in_threads(lines) if isinstance(request, ASGIRequest) else lines,
        content_type="text/csv; charset=utf-8",
    )
    response["Content-Disposition"] = f'attachment; filename="authsignal-{timezone.now():%Y-%m-%d}.csv"'
    response["Cache-Control"] = "private, no-store"
    return response


def _lines(rows: QuerySet[TrackedAction]) -> Iterator[str]:
    """The heading, then each batch of rows as one text."""
    user_name = f"user__{get_user_model().USERNAME_FIELD}"
    columns = [user_name if name == "user" else name for name in COLUMNS]
    yield _csv([COLUMNS])
    for batch in batches(rows, columns, BATCH_ROWS):
        yield _csv([map(_cell, row) for row in batch])


async def _in_threads(lines: Iterator[str]) -> AsyncIterator[str]:
    def read() -> str:
        return next(lines, "")

    while text := await sync_to_async(read)():
        yield text


def _csv(rows: Any) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _cell(value: object) -> object:
    match value:
        case None:
            return ""
        case datetime():
            return value.astimezone(UTC).isoformat()
        case bool():
            return "yes" if value else "no"
        case list():
            value = " ".join(map(str, value))
    text = plain(value)
    # A spreadsheet would run what looks like a formula; the apostrophe makes it text.
    return f"'{text}" if text.startswith(FORMULA) else text
