"""From the lines of a sheet to numbers that can be enrolled, or to what is wrong with a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError

from django_authsignal.attributes import authsignal_user_id
from django_authsignal.management.numbers import e164
from django_authsignal.management.people import find_people, find_person
from django_authsignal.management.sheets import Entry
from django_authsignal.services.enrolling import Number

__all__ = ["CHANNELS", "Line", "Problem", "check"]

CHANNELS = {"sms": "SMS", "whatsapp": "WHATSAPP"}
BATCH = 500
"""Lines whose people are looked up together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line(Number):
    """A number, and the entry that it comes from."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an entry cannot be enrolled, in words that hold no phone number."""

    entry: Entry
    detail: str


def check(entries: Iterable[Entry], channel: str, region: str | None) -> Iterator[Line | Problem]:
    """What each entry comes to, with *channel* where it names none. Two queries for every 500 entries."""
    entries = iter(entries)
    seen: dict[bytes, int] = {}
    while batch := list(islice(entries, BATCH)):
        people = find_people({entry.user for entry in batch})
        for entry in batch:
            try:
                line = _line(entry, people, channel, region)
                _first(line, seen)
            except (ValueError, CommandError) as error:
                yield Problem(entry, str(error))
            else:
                yield line


def _line(entry: Entry, people: dict[str, Any], channel: str, region: str | None) -> Line:
    """Raises ValueError or CommandError, which say what is wrong."""
    if entry.problem:
        raise ValueError(entry.problem)
    try:
        phone = e164(entry.phone, region)
    except ValueError as error:
        raise ValueError(f"the phone {error}") from error
    if not (method := CHANNELS.get((entry.channel or channel).lower())):
        raise ValueError(f"the channel must be one of {', '.join(CHANNELS)}.")
    user = people.get(entry.user) or find_person(entry.user)
    try:
        user_id = authsignal_user_id(user)
    except ImproperlyConfigured as error:
        raise ValueError(str(error)) from error
    return Line(entry=entry, user=user, authsignal_user_id=user_id, phone_number=phone, verification_method=method)


def _first(line: Line, seen: dict[bytes, int]) -> None:
    """Raises ValueError if an earlier line asks for the same thing."""
    same = "\0".join((line.authsignal_user_id, line.phone_number, line.verification_method))
    earlier = seen.setdefault(blake2b(same.encode(), digest_size=16).digest(), line.entry.line)
    if earlier != line.entry.line:
        raise ValueError(f"asks for the same as line {earlier}.")
