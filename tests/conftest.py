"""What every test may use: the database, the customers, the bank, its servers and a browser."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from django.db import connections

from .rig import postgresql
from .rig.missing import REQUIRE_ALL


def pytest_configure(config):
    """Settle where the database is before Django connects; which kind it is, tests/settings.py has read already."""
    config.addinivalue_line("markers", "browser: drives headless Chromium")
    database = connections["default"].settings_dict
    if connections["default"].vendor == "postgresql":
        database["HOST"] = start_postgresql(config)
    else:
        folder = tempfile.TemporaryDirectory(prefix="bank-")
        config.add_cleanup(folder.cleanup)
        # A file: server processes and threads of their own share it, as they could not share ":memory:".
        database["TEST"]["NAME"] = str(Path(folder.name) / "bank.sqlite3")


def start_postgresql(config):
    try:
        cluster = postgresql.start()
    except postgresql.NotInstalledError as error:
        pytest.exit(f"Skipped everything: {error}", returncode=int(REQUIRE_ALL))
    config.add_cleanup(cluster.stop)
    return str(cluster.home)


def pytest_report_header():
    return f"database: {connections['default'].vendor}"
