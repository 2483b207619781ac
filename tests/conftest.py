"""What every test may use: the database, the customers, the bank, its servers and a browser."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from django.conf import settings

from .rig import postgresql
from .rig.missing import REQUIRE_ALL


def pytest_addoption(parser):
    parser.addoption("--database", choices=["sqlite", "postgresql"], default="sqlite", help="what the tests run on")


def pytest_configure(config):
    """Settle the database before Django opens its first connection."""
    config.addinivalue_line("markers", "browser: drives headless Chromium")
    if config.getoption("database") == "postgresql":
        settings.DATABASES["default"] = start_postgresql(config)
    else:
        folder = tempfile.TemporaryDirectory(prefix="bank-")
        config.add_cleanup(folder.cleanup)
        # A file: server processes and threads of their own share it, as they could not share ":memory:".
        settings.DATABASES["default"]["TEST"] = {"NAME": str(Path(folder.name) / "bank.sqlite3")}


def start_postgresql(config):
    try:
        cluster = postgresql.start()
    except postgresql.Missing as error:
        pytest.exit(f"Skipped everything: {error}", returncode=int(REQUIRE_ALL))
    config.add_cleanup(cluster.stop)
    return cluster.settings


def pytest_report_header(config):
    return f"database: {config.getoption('database')}"
