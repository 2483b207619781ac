"""Which person a command line means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import MultipleObjectsReturned, ObjectDoesNotExist, ValidationError
from django.core.management.base import CommandError

__all__ = ["UNKNOWN_PERSON", "find_person"]

UNKNOWN_PERSON = 3
"""Exit code: no such person, or more than one."""


def find_person(text: str) -> Any:
    """The user with this user name or primary key. Raises CommandError unless that is exactly one person."""
    users = get_user_model()
    named = _get(lambda: users._default_manager.get_by_natural_key(text))
    keyed = _get(lambda: users._default_manager.get(pk=text))
    if named and keyed and named.pk != keyed.pk:
        raise CommandError(
            f"{text!r} is the name of the user with primary key {named.pk} and the primary key of the user "
            f"{keyed.get_username()!r}. Say {str(named.pk)!r} or {keyed.get_username()!r} instead.",
            returncode=UNKNOWN_PERSON,
        )
    if not (found := named or keyed):
        raise CommandError(f"No user has the name or primary key {text!r}.", returncode=UNKNOWN_PERSON)
    return found


def _get(look: Callable[[], Any]) -> Any:
    """What *look* finds; None when nobody can be found that way."""
    try:
        return look()
    except (ObjectDoesNotExist, ValueError, ValidationError):
        return None  # nobody, or a text that is no primary key at all
    except MultipleObjectsReturned as error:
        raise CommandError("Several users have that name: use the primary key.", returncode=UNKNOWN_PERSON) from error
