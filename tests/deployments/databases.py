"""A second database beside the tests' own: a copy of it as it is at this moment."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from django.db import connection, connections

__all__ = ["Lagging", "SplitOff", "copied", "empty"]


@contextmanager
def copied(alias: str, folder: Path) -> Iterator[dict[str, Any]]:
    """The database *alias*, which nobody keeps up to date; its settings."""
    name = f"bank_{alias}" if connection.vendor == "postgresql" else str(folder / f"{alias}.sqlite3")
    copy_to(name)
    second = connection.copy(alias)
    second.settings_dict["NAME"] = name
    second.ensure_connection()  # before Django knows of it: a test may make no connection that it did not announce
    connections[alias], connections.databases[alias] = second, second.settings_dict
    try:
        yield second.settings_dict
    finally:
        connections[alias].close()
        del connections[alias], connections.databases[alias]
        if connection.vendor == "postgresql":
            run_beside(f'DROP DATABASE "{name}"')


@contextmanager
def empty(folder: Path) -> Iterator[dict[str, Any]]:
    """A database without tables, as settings."""
    name = "bank_empty" if connection.vendor == "postgresql" else str(folder / "empty.sqlite3")
    if connection.vendor == "postgresql":
        run_beside(f'CREATE DATABASE "{name}"')
    try:
        yield {**connection.settings_dict, "NAME": name}
    finally:
        if connection.vendor == "postgresql":
            run_beside(f'DROP DATABASE "{name}"')


def copy_to(name: str) -> None:
    if connection.vendor == "postgresql":
        connection.close()  # a template that is in use cannot be copied
        run_beside(f'CREATE DATABASE "{name}" TEMPLATE "{connection.settings_dict["NAME"]}"')
    else:
        connection.ensure_connection()
        with closing(sqlite3.connect(name)) as target:
            connection.connection.backup(target)


def run_beside(statement: str) -> None:
    """Run what PostgreSQL runs from outside a database only."""
    with connection._nodb_cursor() as cursor:
        cursor.execute(statement)


class Lagging:
    """Everything but the sessions is read from a replica that has stood still, and written to the primary."""

    def db_for_read(self, model, **hints):
        return "default" if model._meta.app_label == "sessions" else "stale"

    def db_for_write(self, model, **hints):
        return "default"

    def allow_relation(self, one, other, **hints):
        return True


class SplitOff(Lagging):
    """The gate has a database of its own."""

    def db_for_read(self, model, **hints):
        return "split" if model._meta.app_label == "authsignal" else None

    db_for_write = db_for_read
