"""A customer for each crash, and what must hold after every one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.conf import settings as django_settings
from django.db import connection

from django_authsignal.sandbox.server import SandboxServer
from django_authsignal.sandbox.store import Store
from example_project.bank.seed import OPENING_BALANCE
from tests.conftest import BANK_RULES
from tests.rig.crashes import Trap
from tests.rig.proofs import often, record
from tests.rig.servers import serve_bank

from .customer import Customer
from .site import SERVERS, SETTINGS, Site

KINDS = {"sqlite": ["gunicorn sync", "uvicorn"], "postgresql": ["uvicorn", "gunicorn gthread"]}[connection.vendor]


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
    running.listens()
    yield running
    running.store.webhooks.close()


@pytest.fixture
def customers(site) -> Callable[..., Iterator[Customer]]:
    def each(point: str, kills: int) -> Iterator[Customer]:
        """Customers who each meet one crash at *point*; every second one tries again only when a sync has run."""
        met = []
        for number in range(kills):
            customer = Customer(f"customer{number}", site, patient=number % 2 == 1)
            yield customer
            check(customer)
            met.append(customer)
        check_news(site, met)
        assert "Traceback" not in site.server.log()
        approvals = sum(len(customer.approvals) for customer in met)
        effects = sum(len(customer.ledger) for customer in met)
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


def check_news(site: Site, met: list[Customer]) -> None:
    """What is heard later grants nothing, ends what hangs, and leaves rows that say what the service says."""
    before = [(customer.ledger, customer.statuses) for customer in met]
    assert site.hears()["drift"] == 0
    again = site.hears()
    assert {**again, "rows": 0} == dict.fromkeys(again, 0)
    for customer, (ledger, statuses) in zip(met, before, strict=True):
        assert customer.ledger == ledger
        assert customer.statuses == ["void" if status == "created" else status for status in statuses]
        said = {action.key: action.state for action in customer.tracked}
        assert [row.remote_state for row in customer.actions] == [
            said.get(str(row.idempotency_key), "") for row in customer.actions
        ]
