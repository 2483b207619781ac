"""How one person stands: known to Authsignal with what, and how much room is left for further challenges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django_authsignal.attributes import printable
from django_authsignal.management.service import Service
from django_authsignal.models import TrackedAction
from django_authsignal.services.asking import MOST_LIVE, MOST_UNPASSED_PER_HOUR
from django_authsignal.statuses import LIVE

__all__ = ["Enrolment", "Room", "enrolment_of", "room_of"]

HOUR = timedelta(hours=1)
LONGEST_WORD = 64


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What Authsignal says of a person. Never an address or a phone number (T68)."""

    enrolled: bool | None
    """None: it is not known, ``note`` says why."""
    verification_methods: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Room:
    """How far the person is from the caps on challenges (T49)."""

    live: int
    unpassed: int
    full_until: datetime | None
    """Until when new challenges are refused; None when there is room."""


def enrolment_of(authsignal_user_id: str, service: Service) -> Enrolment:
    user, note = service.ask(lambda client: client.get_user(authsignal_user_id))
    if user is None:
        return Enrolment(None, note=note)
    authenticators, note = service.ask(lambda client: client.get_authenticators(authsignal_user_id))
    listed = [authenticator.verification_method for authenticator in authenticators or ()]
    methods = {printable(method, LONGEST_WORD) for method in (*listed, *user.enrolled_verification_methods) if method}
    return Enrolment(user.is_enrolled, tuple(sorted(methods)), note)


def room_of(user_pk: Any, now: datetime) -> Room:
    live, unpassed = TrackedAction.objects.challenge_counts(user_pk, now)
    full = live >= MOST_LIVE or unpassed >= MOST_UNPASSED_PER_HOUR
    return Room(live, unpassed, _full_until(user_pk, now) if full else None)


def _full_until(user_pk: Any, now: datetime) -> datetime:
    """When enough of what ``challenge_counts`` counts has run out or is an hour old, if nothing else happens."""
    rows = TrackedAction.objects.current().filter(user_id=user_pk, enforced=True, created_at__gt=now - HOUR)
    live, unpassed = [], []
    for row in rows.filter(expires_at__isnull=False):
        an_hour_old = row.created_at + HOUR
        if row.approved_at is None:
            unpassed.append(an_hour_old)
        if row.status in LIVE and row.expires_at and row.expires_at > now:
            live.append(min(row.expires_at, an_hour_old))
    return max(now, _room_at(live, MOST_LIVE, now), _room_at(unpassed, MOST_UNPASSED_PER_HOUR, now))


def _room_at(ends: Sequence[datetime], most: int, now: datetime) -> datetime:
    return sorted(ends)[-most] if len(ends) >= most else now
