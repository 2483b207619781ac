"""What every test may use: the database, the customers, the bank, its servers and a browser."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, connections
from django.test import SimpleTestCase

from django_authsignal.sandbox.rules import Rules
from django_authsignal.sandbox.server import SandboxServer
from django_authsignal.sandbox.store import Store
from example_project.bank.seed import open_account

from .rig import postgresql
from .rig.bank import Bank
from .rig.browser import chromium as chromium
from .rig.browser import new_page as new_page
from .rig.missing import REQUIRE_ALL
from .rig.servers import serve_bank

# As in the demo, but whoever is not made unenrolled has an authenticator.
BANK_RULES = replace(Rules.from_file(settings.BASE_DIR / "sandbox-rules.json"), enrol_everyone=True)


def pytest_configure(config):
    """Settle where the database is before Django connects; which kind it is, tests/settings.py has read already."""
    config.addinivalue_line("markers", "browser: drives headless Chromium")
    config.addinivalue_line("markers", "races: many threads or processes at once, or processes that are killed")
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


def pytest_collection_modifyitems(config, items):
    """PostgreSQL repeats what depends on a database; the rest has passed on the first run."""
    if connections["default"].vendor == "postgresql":
        config.hook.pytest_deselected(items=[item for item in items if not uses_database(item)])
        items[:] = filter(uses_database, items)


def uses_database(item):
    fixtures = {"db", "transactional_db"}.intersection(item.fixturenames)
    return bool(fixtures) or item.get_closest_marker("django_db") or issubclass(item.cls or object, SimpleTestCase)


def pytest_report_header():
    return f"database: {connections['default'].vendor}"


@pytest.fixture
def alice(db):
    return open_account("alice")


@pytest.fixture
def bob(db):
    return open_account("bob")


@pytest.fixture
def carol(db, authsignal):
    """A customer without any authenticator."""
    user = open_account("carol")
    authsignal.unenrolled(user)
    return user


@pytest.fixture
def bank(db, authsignal):
    """The bank under the demo's own rules: `bank.transfer(bank.sign_in(alice), 5000)`, then look at `bank.ledger`."""
    authsignal.store.rules = BANK_RULES
    return Bank(authsignal)


@pytest.fixture
def sandbox_store():
    """What the sandbox of `bank_server` remembers and decides."""
    return Store(BANK_RULES, secret=settings.AUTHSIGNAL_SECRET)


@pytest.fixture
def bank_server(transactional_db, sandbox_store):
    """The bank in two gunicorn workers of four threads, over a sandbox that listens; its address is `.url`."""
    # "localhost" and 127.0.0.1 are different sites to a browser, as the bank and Authsignal are.
    with (
        SandboxServer(sandbox_store, "localhost") as sandbox,
        serve_bank(connection.settings_dict, f"{sandbox.url}/v1") as server,
    ):
        yield server
