"""Webhook bodies -> typed events. Verify the signature (``signature.verify``) before reading a body.

A body is one event, ``{"version", "id", "source", "time", "tenantId", "type", "data"}``, or a batch of up to 500,
``{"records": [...]}``, each an event with ``record`` in place of ``data`` (source: Authsignal's webhook documentation).
Delivery is at least once and unordered: de-duplicate by ``id``, order by ``time``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .decoding import strict
from .errors import UnexpectedAnswer
from .sealed import Payload, SealedBytes
from .wire import ID_LIMIT, Reader, moment_of

__all__ = ["ID_LIMIT", "Delivery", "Event", "read"]

MOST_RECORDS = 5000
"""Ten times what the service puts into a batch."""
METHOD, ROUTE = "POST", "webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event. Unknown types and members are passed through."""

    id: str
    type: str
    time: datetime
    tenant_id: str
    data: Mapping[str, Any] = field(repr=False)
    """The members that the event's type has; may hold a code, an address or a phone number: keep none of them."""

    def text(self, name: str) -> str:
        """The member *name* of ``data``; '' when it is absent, no text, or one that databases refuse."""
        value = self.data.get(name)
        return value if isinstance(value, str) and "\0" not in value else ""

    def moment(self, name: str) -> datetime | None:
        """The member *name* of ``data`` as a time in UTC; None when it is absent or none."""
        return moment_of(self.text(name))


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one request brought."""

    events: tuple[Event, ...]
    unreadable: int = 0
    """Records of a batch that are no events: sending them again would not mend them."""


def read(body: bytes) -> Delivery:
    """The events in *body*. Raises UnexpectedAnswer for what is neither an event nor a batch."""
    reader = Reader(_parsed(body), METHOD, ROUTE)
    if "records" not in reader.wire:
        return Delivery((_event(reader),))
    if len(reader.required("records", list)) > MOST_RECORDS:
        reader.fail(f"more than {MOST_RECORDS} records")
    read = [*map(_event_or_none, reader.required("records", list))]  # in no variable: tracebacks show those
    events = tuple(event for event in read if event)
    return Delivery(events, len(read) - len(events))


def _parsed(body: bytes) -> object:
    try:
        return _whole(body)
    except (ValueError, RecursionError) as error:
        reason = f"no sound JSON ({type(error).__name__})"
    # Raised outside the "except": the parser's own error quotes the body.
    raise UnexpectedAnswer(METHOD, ROUTE, reason)


def _whole(body: bytes) -> object:
    """The JSON value in *body*, with "?" where someone cut a text in the middle of a character.

    A batch holds what browsers sent, and is sent again until it is accepted: one such text must not hold up the rest.
    """
    try:
        return strict(body)
    except UnicodeEncodeError as error:
        mended = SealedBytes(error.object.encode("utf-8", "replace"))
    return strict(mended)


def _event_or_none(record: object) -> Event | None:
    reader = Reader(record if isinstance(record, dict) else {}, METHOD, ROUTE)
    del record  # tracebacks show local variables
    try:
        return _event(reader)
    except UnexpectedAnswer:
        return None


def _event(reader: Reader) -> Event:
    data = Payload(reader.optional("data", dict) or reader.optional("record", dict) or {})
    return Event(
        id=_word(reader, "id"),
        type=_word(reader, "type"),
        time=reader.moment("time") or reader.fail("time is missing"),
        tenant_id=_word(reader, "tenantId", required=False),
        data=data,
    )


def _word(reader: Reader, name: str, *, required: bool = True) -> str:
    text = (reader.required(name, str) if required else reader.text(name)) or ""
    if len(text) > ID_LIMIT or not text.isprintable() or (required and not text):
        reader.fail(f"{name} is empty, too long or not printable")
    return text
