"""The bank under three kinds of server, on each kind of database, over a sandbox that listens."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import product
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import F
from django.utils import timezone

from django_authsignal.models import Status, TrackedAction
from django_authsignal.sandbox.server import SandboxServer
from django_authsignal.sandbox.store import Store
from example_project.bank.models import Transfer
from tests.conftest import BANK_RULES
from tests.rig import commands
from tests.rig.proofs import LONG, record
from tests.rig.servers import BankServer, gunicorn, gunicorn_sync, serve_bank, uvicorn

from .customer import Customer
from .volley import volley

# What differs between them, as OPTIONS: by default a transaction on SQLite begins to write when it first does.
DATABASES = {
    "sqlite": {"SQLite": {"timeout": 20}, "SQLite immediate": {"transaction_mode": "IMMEDIATE", "timeout": 20}},
    "postgresql": {"PostgreSQL": {}},
}[connection.vendor]
SERVERS = {
    "gunicorn sync": partial(gunicorn_sync, workers=4),
    "gunicorn gthread": partial(gunicorn, workers=2, threads=8),
    "uvicorn": partial(uvicorn, workers=2),
}
# The short setting sees every server and every database, but not each on each.
PLACES = list(product(DATABASES, SERVERS))[:: 1 if LONG else len(DATABASES)]
# Django tells errors of a view only to administrators by mail; here they belong into the log.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "loggers": {"django.request": {"handlers": ["stderr"], "level": "ERROR"}},
}


@dataclass(frozen=True)
class Site:
    """One server on one database."""

    name: str
    database: dict[str, Any]
    server: BankServer
    store: Store

    @property
    def api_url(self) -> str:
        return f"{self.store.origin}/v1"

    def customer(self) -> Customer:
        return Customer(self.server.url, self.store)

    @property
    def payments(self) -> int:
        """How many the ledger holds, of whomever."""
        return Transfer.objects.count()

    @contextmanager
    def ledger_grows(self, *, by: int) -> Iterator[None]:
        before = self.payments
        yield
        assert self.payments - before == by

    def deliver(self, webhook: bytes) -> None:
        """Send it as the service does: again, as long as the database is busy."""
        for _ in range(10):
            (answer,) = volley(self.server.url, [webhook])
            if answer.status != 503:
                break
        assert answer.status == 200

    def grow_old(self, customer: Customer) -> None:
        """Let all that this customer has done be two days old."""
        customer.rows().update(created_at=F("created_at") - timedelta(days=2))

    def record(self, part: str, **figures: int) -> None:
        record("races", f"{self.name}, {part}", **figures)


@pytest.fixture(scope="module", params=PLACES, ids=" ".join)
def running(request: pytest.FixtureRequest, django_db_setup: None) -> Iterator[Site]:
    database, server = request.param
    options = {**connection.settings_dict, "OPTIONS": DATABASES[database]}
    store = Store(BANK_RULES, secret=settings.AUTHSIGNAL_SECRET)
    with (
        SandboxServer(store, "localhost") as sandbox,
        serve_bank(options, f"{sandbox.url}/v1", server=SERVERS[server], settings={"LOGGING": LOGGING}) as bank,
    ):
        yield Site(f"{database}, {server}", options, bank, store)


@pytest.fixture
def site(running: Site, transactional_db: None, caplog: pytest.LogCaptureFixture) -> Iterator[Site]:
    """The bank in several processes, none of which may have logged an error when the test is done."""
    caplog.set_level("WARNING", "django.server")  # the sandbox would list every request
    logged = len(running.server.log())
    yield running
    assert "Traceback" not in running.server.log()[logged:]


# Both commands may end with 6, "the database failed, run it again"; whatever else they say is an error.
MAINTENANCE = """
from django.core.management import CommandError, call_command
while True:
    for name, options in (("authsignal_prune", {"days": 1, "batch": 5}), ("authsignal_sync", {"hours": 1})):
        try:
            call_command(name, verbosity=0, **options)
        except CommandError as error:
            if error.returncode != 6:
                raise
"""


@pytest.fixture
def maintenance(site: Site) -> Iterator[None]:
    """``authsignal_prune`` and ``authsignal_sync``, again and again, in a process of their own."""
    old = {"authsignal_user_id": "old", "environment": "sandbox", "action": "old", "status": "void"}
    TrackedAction.objects.create(**old, created_at=timezone.now() - timedelta(days=2))
    with commands.start(site.database, site.api_url, "shell", "-v0", "-c", MAINTENANCE) as process:
        try:
            wait_for_prune()
            yield
            wait_for_prune()
            assert process.poll() is None
        finally:
            process.terminate()
            output = process.communicate(timeout=10)
    assert output == ("", "")
    assert "GET" in {request.method for request in site.store.journal.requests}


def wait_for_prune() -> None:
    ended = TrackedAction.objects.filter(status__in=(Status.SPENT, Status.REFUSED, Status.VOID))
    until = time.monotonic() + 20
    while ended.filter(created_at__lt=timezone.now() - timedelta(days=1)).exists():
        assert time.monotonic() < until, "nothing is pruned"
        time.sleep(0.05)
