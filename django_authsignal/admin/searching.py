"""Search in the history: what an index can find among millions of rows, settled step by step.

One query with every meaning of the term in it would make the database read the table.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import connections
from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Greatest

from django_authsignal.admin.paging import EPOCH
from django_authsignal.models import TrackedAction

__all__ = ["MOST_PEOPLE", "matching"]

MOST_PEOPLE = 100
"""Of how many people a search shows the actions; a longer term is about fewer."""
LAST_CHARACTER = "\U0010ffff"


def matching(rows: QuerySet[TrackedAction], term: str) -> tuple[QuerySet[TrackedAction], bool]:
    """Those of *rows* that *term* finds: by idempotency key, else by people, else by id at Authsignal. At most two
    further queries.

    People are found by their exact primary key or the start of their user name, letter for letter. The second value
    says whether the rows are those of all of them.
    """
    with suppress(ValueError):
        key = Q(idempotency_key=uuid.UUID(term))
        if rows.model._default_manager.using(rows.db).filter(key).exists():
            return rows.filter(key), True
    known = Q(authsignal_user_id=term)
    found = _people(rows, term, known)
    people = [pk for pk, _is_id, has_history in found[:MOST_PEOPLE] if has_history]
    is_id = not found or found[0][1]
    return _of(rows, people, known if is_id else None), len(found) <= MOST_PEOPLE


def _of(rows: QuerySet[TrackedAction], people: list[Any], known: Q | None) -> QuerySet[TrackedAction]:
    if not people:
        return rows.filter(known) if known else rows.none()
    if len(people) == 1 and not known:
        return rows.filter(user=people[0])
    # Not in the order of an index: the database would read all times until it meets these people, who may have been
    # away for long. Their own rows are few.
    found = rows.filter(Q(user__in=people) | known if known else Q(user__in=people))
    return found.order_by(Greatest("created_at", Value(EPOCH)).desc(), "-pk")


def _people(rows: QuerySet[TrackedAction], term: str, known: Q) -> list[tuple[Any, bool, bool]]:
    """Keys of the people, each with whether the history knows *term* as an id at Authsignal, and whether it knows
    the person."""
    users = get_user_model()
    people = _starts_with(users.USERNAME_FIELD, term, connections[rows.db].vendor)
    with suppress(ValidationError):
        pk = users._meta.pk.to_python(term)
        if isinstance(pk, uuid.UUID) or str(pk) == term:  # not "1_0" for 10
            people |= Q(pk=pk)
    history = TrackedAction.objects.using(rows.db)
    known_as = Exists(history.filter(known)), Exists(history.filter(user=OuterRef("pk")))
    return list(users._default_manager.using(rows.db).filter(people).values_list("pk", *known_as)[: MOST_PEOPLE + 1])


def _starts_with(field: str, term: str, vendor: str) -> Q:
    if vendor == "sqlite":
        # Its LIKE ignores case and so cannot use the index; its comparison goes by code points, as this range does.
        return Q(**{f"{field}__gte": term, f"{field}__lt": term + LAST_CHARACTER})
    return Q(**{f"{field}__startswith": term})
