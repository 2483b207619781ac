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
from .sealed import Payload
from .wire import Reader

__all__ = ["ID_LIMIT", "Delivery", "Event", "read"]

ID_LIMIT = 64
"""Characters of an event's id, type and tenant id; the service's own are UUIDs and short words."""
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
        """The member *name* of ``data`` as an aware datetime; None when it is absent or none."""
        try:
            moment = datetime.fromisoformat(self.text(name))
        except ValueError:
            return None
        return moment if _is_sane(moment) else None


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
    events, unreadable = [], 0
    for record in reader.required("records", list):
        try:
            events.append(_event(Reader(record, METHOD, ROUTE)))
        except UnexpectedAnswer:
            unreadable += 1
    return Delivery(tuple(events), unreadable)


def _parsed(body: bytes) -> object:
    try:
        return strict(body)
    except (ValueError, RecursionError) as error:
        reason = f"no sound JSON ({type(error).__name__})"
    # Raised outside the "except": the parser's own error quotes the body.
    raise UnexpectedAnswer(METHOD, ROUTE, reason)


def _event(reader: Reader) -> Event:
    data = reader.optional("data", dict) or reader.optional("record", dict) or {}
    time = reader.moment("time")
    if time is None or not _is_sane(time):
        reader.fail("time is missing or cannot be")
    return Event(
        id=_word(reader, "id"),
        type=_word(reader, "type"),
        time=time,
        tenant_id=_word(reader, "tenantId", required=False),
        data=Payload(data),
    )


def _is_sane(moment: datetime) -> bool:
    """Whether a time has an offset and is far from both ends of the calendar, where conversions overflow."""
    return moment.tzinfo is not None and 2000 < moment.year < 3000


def _word(reader: Reader, name: str, *, required: bool = True) -> str:
    text = (reader.required(name, str) if required else reader.text(name)) or ""
    if len(text) > ID_LIMIT or not text.isprintable() or (required and not text):
        reader.fail(f"{name} is empty, too long or not printable")
    return text
