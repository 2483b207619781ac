"""Databases of a test's own, which it may stop, lock, fill and cut off: the suite's is left in peace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from django.core.management import call_command
from django.db import connections
from django.test import override_settings

from tests.rig import postgresql
from tests.rig.missing import missing
from tests.rig.proxy import Proxy


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

    def admin(self, **options: Any) -> Any:
        """A session of the operator's, past the proxy and in autocommit unless *options* say else."""
        return psycopg.connect(host=str(self.cluster.home), user="postgres", **{"autocommit": True, **options})

    def tell(self, *statements: str) -> None:
        with self.admin() as session:
            for statement in statements:
                session.execute(statement)


@contextmanager
def served(settings: tuple[str, ...] = (), **options: Any) -> Iterator[Server]:
    """A PostgreSQL server with these *settings* of its own, the project's connections to it having *options*."""
    try:
        cluster = postgresql.start(settings=settings)
    except postgresql.NotInstalledError as error:
        missing(str(error))
    try:
        with Proxy(cluster.socket) as proxy:
            engine = {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "postgres"}
            options = {"connect_timeout": 2, **options}
            with installed("faulty", **engine, HOST=proxy.host, PORT=proxy.port, OPTIONS=options) as connection:
                yield Server(cluster, proxy, connection)
    finally:
        cluster.stop()
