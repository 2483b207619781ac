"""A database that fails under a command, in a sentence and an exit code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import Error, IntegrityError, ProgrammingError

from django_authsignal.management.exits import Exit

__all__ = ["explained", "problem"]


@contextmanager
def explained() -> Iterator[None]:
    """Turn whatever ``django.db.Error`` arises into a CommandError that says what to do."""
    try:
        yield
    except Error as error:
        raise problem(error) from error


def problem(error: Error) -> CommandError:
    """What *error* means for whoever typed the command."""
    detail = " ".join(str(error).split())
    if _lacks_tables(error, detail):
        text = f"The database is not up to date: run manage.py migrate. {detail}"
    elif isinstance(error, IntegrityError):
        text = f"The database refused. {detail}"
    else:
        text = f"The database failed: run it again. {detail}"
    return CommandError(text, returncode=Exit.UNAVAILABLE)


def _lacks_tables(error: Error, detail: str) -> bool:
    """Whether a table or a column is missing: SQLite, then PostgreSQL and MySQL."""
    if detail.startswith(("no such table", "no such column")):
        return True
    return isinstance(error, ProgrammingError) and ("does not exist" in detail or "doesn't exist" in detail)
