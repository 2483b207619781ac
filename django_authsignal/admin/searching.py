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
from django.db.models import Exists, Q, QuerySet

from django_authsignal.models import TrackedAction

__all__ = ["MOST_PEOPLE", "matching"]

MOST_PEOPLE = 100
"""Of how many people a search shows the actions; a longer term is about fewer."""
LAST_CHARACTER = "\U0010ffff"


def matching(rows: QuerySet[TrackedAction], term: str) -> tuple[Q, bool]:
    """The condition for *term*: an idempotency key, else people, else an id at Authsignal. At most two queries.

    People are found by their exact primary key or the start of their user name, letter for letter. The second value
    says whether all of them are in the condition.
    """
    with suppress(ValueError):
        key = Q(idempotency_key=uuid.UUID(term))
        if rows.model._default_manager.using(rows.db).filter(key).exists():
            return key, True
    known = Q(authsignal_user_id=term)
    found = _people(rows, term, known)
    if not found:
        return known, True
    of_people = Q(user__in=[pk for pk, _known in found[:MOST_PEOPLE]])
    return (of_people | known if found[0][1] else of_people), len(found) <= MOST_PEOPLE


def _people(rows: QuerySet[TrackedAction], term: str, known: Q) -> list[tuple[Any, bool]]:
    """Keys of the people, each with whether the history knows *term* as an id at Authsignal too."""
    users = get_user_model()
    people = _starts_with(users.USERNAME_FIELD, term, connections[rows.db].vendor)
    with suppress(ValidationError):
        pk = users._meta.pk.to_python(term)
        if isinstance(pk, uuid.UUID) or str(pk) == term:  # not "1_0" for 10
            people |= Q(pk=pk)
    as_id = Exists(TrackedAction.objects.using(rows.db).filter(known))
    return list(users._default_manager.using(rows.db).filter(people).values_list("pk", as_id)[: MOST_PEOPLE + 1])


def _starts_with(field: str, term: str, vendor: str) -> Q:
    if vendor == "sqlite":
        # Its LIKE ignores case and so cannot use the index; its comparison goes by code points, as this range does.
        return Q(**{f"{field}__gte": term, f"{field}__lt": term + LAST_CHARACTER})
    return Q(**{f"{field}__startswith": term})
