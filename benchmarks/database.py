"""A database of its own for one measurement, migrated and thrown away."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

KINDS = ("sqlite", "postgresql")


@contextmanager
def database(kind: str, *, durable: bool = False, **differing: Any) -> Iterator[None]:
    """Set Django up on an empty database of this *kind*; call it once in a process. *differing* are settings, of JSON
    values, in which it differs from the tests' own.

    SQLite is a file in WAL mode, PostgreSQL a throw-away cluster. A *durable* one commits to the disk as in production;
    otherwise that is left out, as the disks of two machines differ more than anything that is measured here.
    """
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    os.environ["BANK_TEST_SETTINGS"] = json.dumps(differing)
    if kind == "postgresql":
        os.environ["AUTHSIGNAL_TEST_DATABASE"] = "postgresql"
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        import django
        from django.db import connection, connections

        django.setup()
        settings = connections["default"].settings_dict
        if kind == "postgresql":
            from tests.rig import postgresql

            cluster = postgresql.start(durable=durable)
            settings.update(HOST=str(cluster.home), NAME="postgres")
        else:
            settings.update(NAME=str(Path(folder) / "bench.sqlite3"))
            synchronous = "FULL" if durable else "OFF"
            settings["OPTIONS"]["init_command"] = f"PRAGMA journal_mode=WAL; PRAGMA synchronous={synchronous}"
        try:
            from django.core.management import call_command

            call_command("migrate", verbosity=0)
            yield
        finally:
            connection.close()
            if kind == "postgresql":
                cluster.stop()
