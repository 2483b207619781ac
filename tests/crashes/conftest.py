"""The bank under each kind of server, whose workers are killed and restarted, and a customer for each crash."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import connection
from django.db.models import F

from django_authsignal.models import TrackedAction
from django_authsignal.sandbox.server import SandboxServer
from django_authsignal.sandbox.store import Store
from example_project.bank.seed import OPENING_BALANCE
from tests.conftest import BANK_RULES
from tests.rig.crashes import Trap
from tests.rig.proofs import often, record
from tests.rig.servers import BankServer, gunicorn, serve_bank, uvicorn

from .browser import PATIENCE
from .customer import Customer

# Two workers each, replaced by their master; gunicorn's are forks of a process that has loaded the bank.
SERVERS: dict[str, Callable[[int], list[str]]] = {
    "gunicorn sync": lambda fd: [*gunicorn(fd, threads=1), "--worker-class", "sync", "--preload"],
    "gunicorn gthread": lambda fd: [*gunicorn(fd), "--preload"],
    "uvicorn": lambda fd: [*uvicorn(fd), "--workers", "2", "--timeout-worker-healthcheck", str(PATIENCE)],
}
KINDS = {"sqlite": ["gunicorn sync", "uvicorn"], "postgresql": ["uvicorn", "gunicorn gthread"]}[connection.vendor]
# Under uvicorn the guarded view is an async one.
SETTINGS = {"uvicorn": {"ROOT_URLCONF": "tests.crashes.urls"}}


@dataclass(frozen=True)
class Site:
    kind: str
    server: BankServer
    store: Store
    api_url: str
    trap: Trap


@pytest.fixture(scope="module", params=KINDS[: often(1, 2)], ids=lambda kind: kind.replace(" ", "-"))
def running(request, django_db_setup, tmp_path_factory) -> Iterator[Site]:
    """One server for all tests of a kind; the tables are emptied between them."""
    kind = request.param
    path = tmp_path_factory.mktemp("trap") / "point"
    store = Store(BANK_RULES, secret=django_settings.AUTHSIGNAL_SECRET)
    with pytest.MonkeyPatch.context() as patch, SandboxServer(store, "localhost") as sandbox:
        patch.setenv("BANK_TEST_CRASH", str(path))
        api_url = f"{sandbox.url}/v1"
        options = {"server": SERVERS[kind], "settings": SETTINGS.get(kind)}
        with serve_bank(connection.settings_dict, api_url, **options) as server:
            yield Site(kind, server, store, api_url, Trap(path))


@pytest.fixture
def site(running, transactional_db, settings) -> Iterator[Site]:
    settings.AUTHSIGNAL_API_URL = running.api_url  # this process asks it too, when it syncs
    # The service asks before a challenge may succeed; its logs are sent when a test says so.
    running.store.send_webhooks(f"{running.server.url}/step-up/webhook/", pause=3600)
    running.store.webhooks.sender.timeout = PATIENCE
    yield running
    running.store.webhooks.close()


@pytest.fixture
def customers(site) -> Callable[..., Iterator[Customer]]:
    def each(point: str, long: int = 25) -> Iterator[Customer]:
        """Customers, each of whom meets one crash at *point*; when all have, nothing that is heard later may grant."""
        met = []
        for number in range(often(1, long)):
            customer = Customer(f"customer{number}", site.server.url, site.store, site.trap)
            yield customer
            check(customer)
            met.append(customer)
        paid, before = [customer.ledger for customer in met], [customer.statuses for customer in met]
        told_later(site)
        for customer in met:
            check(customer)
            check_truth(customer)
        ended = [["void" if status == "created" else status for status in statuses] for statuses in before]
        assert [customer.statuses for customer in met] == ended
        assert [customer.ledger for customer in met] == paid
        assert "Traceback" not in site.server.log()
        effects, approvals = sum(map(len, paid)), sum(len(customer.approvals) for customer in met)
        record("crashes", f"{point}, {site.kind}", kills=len(met), approvals=approvals, effects=effects)

    return each


def check(customer: Customer) -> None:
    """Effects are a subset of approvals, each at most once; and every key at the service is known here."""
    known = {str(row.idempotency_key): row.status for row in customer.actions}
    spent = {key for key, status in known.items() if status == "spent"}
    assert len(customer.ledger) <= len(spent)
    assert spent <= customer.approvals
    assert {action.key for action in customer.tracked} <= set(known)
    assert customer.balance == OPENING_BALANCE - sum(customer.ledger)


def check_truth(customer: Customer) -> None:
    """Each row says of the service what the service says itself."""
    said = {action.key: action.state for action in customer.tracked}
    for row in customer.actions:
        assert row.remote_state == said.get(str(row.idempotency_key), "")


def told_later(site: Site) -> None:
    """The service's log arrives, and a minute later a sync; a second one has nothing left to do."""
    assert site.store.webhooks.flush_logs()
    TrackedAction.objects.update(created_at=F("created_at") - timedelta(seconds=61))
    synced()
    again = synced()
    assert {**again, "rows": 0} == dict.fromkeys(again, 0)


def synced() -> dict[str, Any]:
    out = StringIO()
    call_command("authsignal_sync", json=True, figures=False, verbosity=0, stdout=out)
    return json.loads(out.getvalue())
