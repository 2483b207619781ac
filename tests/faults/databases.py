"""Databases of a test's own, which it may stop, lock, fill and cut off: the suite's is left in peace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connections
from django.test import override_settings

from example_project.bank.seed import open_account
from tests.rig import postgresql
from tests.rig.missing import missing
from tests.rig.proxy import Proxy

from .visits import Visit


@dataclass
class Router:
    """Every model lives in one database."""

    alias: str

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return self.alias

    db_for_write = db_for_read


@contextmanager
def installed(alias: str, **settings: Any) -> Iterator[Any]:
    """A further database of the project, migrated and with all models in it, while this lasts; its connection."""
    known = {"default": connections.settings["default"], alias: settings}
    connections.settings[alias] = connections.configure_settings(known)[alias]
    try:
        with override_settings(DATABASE_ROUTERS=[Router(alias)]):
            call_command("migrate", database=alias, verbosity=0)
            yield connections[alias]
    finally:
        connections[alias].close()
        del connections[alias], connections.settings[alias]


@dataclass
class Server:
    """A PostgreSQL behind a proxy, and *connection*, the project's to it."""

    cluster: postgresql.Cluster
    proxy: Proxy
    connection: Any = field(repr=False)

    def session(self, user: str = "postgres", **options: Any) -> Any:
        """Somebody else's session in the same database, past the proxy; in autocommit unless *options* say else."""
        known = {"host": str(self.cluster.home), "dbname": "bank", "options": "-c default_transaction_read_only=off"}
        return psycopg.connect(**known, user=user, **{"autocommit": True, **options})

    def tell(self, *statements: str) -> None:
        """Run *statements* as the operator."""
        with self.session() as session:
            for statement in statements:
                session.execute(statement)

    @contextmanager
    def role(self, **settings: str) -> Iterator[None]:
        """The project's connections that are made meanwhile have these *settings*."""
        self.tell(*(f"ALTER ROLE bank SET {name} = '{value}'" for name, value in settings.items()))
        try:
            yield
        finally:
            self.tell("ALTER ROLE bank RESET ALL")

    def empty(self) -> None:
        """Leave nobody in it, and no fault before it."""
        self.proxy.calm()
        self.tell("TRUNCATE auth_user, authsignal_webhookevent CASCADE")

    def is_waited_for(self) -> bool:
        """Whether the project waits for somebody's lock."""
        waits = "SELECT FROM pg_stat_activity WHERE usename = 'bank' AND wait_event_type = 'Lock'"
        with self.session() as session:
            return bool(session.execute(waits).rowcount)


@dataclass
class File:
    """An SQLite database in a file, and *connection*, the project's to it."""

    path: Path
    connection: Any = field(repr=False)

    def empty(self) -> None:
        call_command("flush", database=self.connection.alias, interactive=False, verbosity=0)


@contextmanager
def filed(path: Path, **options: Any) -> Iterator[File]:
    """An SQLite database at *path*, and the project's connections to it with *options*."""
    named = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path)}
    with installed("file", **named, OPTIONS=options) as connection:
        yield File(path, connection)


@contextmanager
def served(*settings: str, **options: Any) -> Iterator[Server]:
    """A PostgreSQL server with these *settings* of its own, and the project's connections to it with *options*."""
    try:
        cluster = postgresql.start(settings=settings)
    except postgresql.NotInstalledError as error:
        missing(str(error))
    try:
        with psycopg.connect(host=str(cluster.home), user="postgres", autocommit=True) as session:
            session.execute("CREATE ROLE bank LOGIN")  # no superuser: limits and locks hold for it
            session.execute("CREATE DATABASE bank OWNER bank")
        with Proxy(cluster.socket) as proxy:
            named = {"ENGINE": "django.db.backends.postgresql", "NAME": "bank", "USER": "bank"}
            options = {"connect_timeout": 2, **options}
            with installed("faulty", **named, HOST=proxy.host, PORT=proxy.port, OPTIONS=options) as connection:
                yield Server(cluster, proxy, connection)
    finally:
        cluster.stop()


@pytest.fixture
def visit(database: Server | File, authsignal: Any, settings: Any, cell: Any) -> Visit:
    """Alice before the cell's view, in a database without anybody else."""
    settings.ROOT_URLCONF = "tests.journeys.urls"
    database.empty()
    return Visit(authsignal, open_account("alice"), cell.door)
