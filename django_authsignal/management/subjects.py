"""Whose history a command is to explain, and which part of it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any
from unicodedata import category

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError

from django_authsignal.attributes import authsignal_user_id
from django_authsignal.management.exits import Exit
from django_authsignal.management.people import find_person
from django_authsignal.models import TrackedAction
from django_authsignal.querysets import TrackedActionQuerySet
from django_authsignal.timeline import plain

__all__ = ["Subject", "chosen", "find_subject"]

NO_TRACE = (
    "A request leaves no trace when it is refused before Authsignal is asked: nobody signed in, too many challenges "
    "(429), values that could not be read (400); nor when an earlier success still counts."
)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom it is about."""

    typed: str
    """As on the command line: nothing else that names the person is printed (T68)."""
    authsignal_user_id: str
    user_pk: Any
    """None for somebody who is gone."""
    rows: TrackedActionQuerySet


def find_subject(user: str | None, authsignal_id: str | None) -> Subject:
    """The person, by exactly one of both. Raises CommandError."""
    if (user is None) == (authsignal_id is None):
        raise CommandError("Name either USER or --authsignal-id.", returncode=Exit.USAGE)
    rows = TrackedAction.objects.current().order_by("-created_at", "-id")
    if authsignal_id is not None:
        if any(category(character) in ("Cc", "Cs") for character in authsignal_id):
            raise CommandError("No id at Authsignal holds control characters.", returncode=Exit.UNKNOWN_PERSON)
        rows = rows.filter(authsignal_user_id=authsignal_id)
        pk = rows.filter(user__isnull=False).values_list("user_id", flat=True).first()
        return Subject(authsignal_id, authsignal_id, pk, rows)
    person = find_person(str(user), or_id=True)
    try:
        return Subject(str(user), authsignal_user_id(person), person.pk, rows.filter(user_id=person.pk))
    except ImproperlyConfigured as error:
        raise CommandError(plain(error), returncode=Exit.FAILED) from error


def chosen(subject: Subject, action: str | None, key: uuid.UUID | None) -> TrackedActionQuerySet:
    """The rows asked for. Raises CommandError, which says what there is, when there are none."""
    whom, rows = plain(subject.typed), subject.rows
    codes = sorted(rows.order_by().values_list("action", flat=True).distinct())
    if not codes:
        raise CommandError(f"Nothing is recorded of {whom}. {NO_TRACE}", returncode=Exit.PARTICULAR)
    if action is not None and action not in codes:
        text = f"Nothing is recorded of {whom} with the action code {plain(action)}. Recorded are: {', '.join(codes)}."
        raise CommandError(text, returncode=Exit.PARTICULAR)
    rows = rows.filter(action=action) if action is not None else rows
    rows = rows.filter(idempotency_key=key) if key is not None else rows
    if not rows.exists():
        raise CommandError(f"{whom} has no action with the key {key}.", returncode=Exit.PARTICULAR)
    return rows
