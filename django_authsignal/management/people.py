"""Which person a command line means."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import BaseUserManager
from django.core.exceptions import MultipleObjectsReturned, ObjectDoesNotExist, ValidationError
from django.core.management.base import CommandError

from django_authsignal.management.exits import Exit

__all__ = ["find_people", "find_person"]


def find_person(text: str, *, or_id: bool = False) -> Any:
    """The user with this user name or primary key. Raises CommandError unless that is exactly one person.

    *or_id*: the command takes ``--authsignal-id`` too.
    """
    users = get_user_model()
    named = _get(lambda: users._default_manager.get_by_natural_key(text))
    keyed = _get(lambda: users._default_manager.get(pk=text))
    if named and keyed and named.pk != keyed.pk:
        raise CommandError(
            f"{text!r} is the name of the user with primary key {named.pk} and the primary key of the user "
            f"{keyed.get_username()!r}. Say {str(named.pk)!r} or {keyed.get_username()!r} instead.",
            returncode=Exit.UNKNOWN_PERSON,
        )
    if not (found := named or keyed):
        hint = " If the account is deleted, use --authsignal-id." if or_id else ""
        raise CommandError(f"No user has the name or primary key {text!r}.{hint}", returncode=Exit.UNKNOWN_PERSON)
    return found


def find_people(texts: Collection[str]) -> dict[str, Any]:
    """The users whom these user names or primary keys plainly mean, by text: two queries, however many texts.

    A text that is not among them may still be somebody's: ``find_person()`` has the last word, and says what is wrong.
    """
    users = get_user_model()
    if type(users._default_manager).get_by_natural_key is not BaseUserManager.get_by_natural_key:
        return {}  # the project looks names up in a way of its own
    named: dict[str, list[Any]] = {}
    for user in users._default_manager.filter(**{f"{users.USERNAME_FIELD}__in": texts}):
        named.setdefault(user.get_username(), []).append(user)
    keys = {text: key for text in texts if (key := _key(text)) is not None}
    keyed = users._default_manager.in_bulk(set(keys.values()))
    found = {}
    for text in texts:
        people = named.get(text, []) + [keyed[key] for key in [keys.get(text)] if key in keyed]
        if len({person.pk for person in people}) == 1:
            found[text] = people[0]
    return found


def _key(text: str) -> Any:
    """*text* as a primary key, or None when it can be none."""
    field = get_user_model()._meta.pk
    try:
        key = field.to_python(text)
        field.run_validators(key)  # a number that is too large for its column would break the query
    except ValidationError:
        return None
    return key


def _get(look: Callable[[], Any]) -> Any:
    """What *look* finds; None when nobody can be found that way."""
    try:
        return look()
    except (ObjectDoesNotExist, ValueError, ValidationError):
        return None  # nobody, or a text that is no primary key at all
    except MultipleObjectsReturned as error:
        raise CommandError(
            "Several users have that name: use the primary key.", returncode=Exit.UNKNOWN_PERSON
        ) from error
