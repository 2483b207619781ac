"""F1 to F19 at the webhook, over real sockets to gunicorn and to uvicorn. T55 T58

The event is genuine and tempting: it says that the challenge of a waiting action was passed, or that it is allowed.
However badly it arrives, it grants nothing; other requests are answered meanwhile; sent again as it should be, it is
accepted and recorded once; and the action can then be passed and carried out, once.
"""

from __future__ import annotations

import time
from contextlib import closing

import pytest
import requests
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import connection

from django_authsignal.models import TrackedAction, WebhookEvent
from django_authsignal.sandbox.server import SandboxServer
from django_authsignal.sandbox.store import Store
from example_project.bank.models import Transfer
from tests.conftest import BANK_RULES
from tests.races.customer import Customer, statuses
from tests.rig.proofs import LONG, record
from tests.rig.servers import gunicorn, serve_bank, uvicorn
from tests.webhooks.events import log

from .bench import alarm
from .cells import PROVED_BY, UPSTREAM, of
from .delivering import DELIVERIES, Line

pytestmark = pytest.mark.races

CELLS = of((fault for fault, file in PROVED_BY.items() if file == UPSTREAM), ["webhook"])
SECRET = django_settings.AUTHSIGNAL_SECRET


def runs(door):
    """Each cell of *door* with each shape of its fault, by default with the first."""
    cells = [cell for cell in CELLS if cell.door == door]
    pairs = [(cell, one) for cell in cells for one in DELIVERIES[cell.fault][: None if LONG else 1]]
    return [pytest.param(cell, one, id=f"{cell}-{one.name}") for cell, one in pairs]


@pytest.fixture(scope="module")
def store():
    return Store(BANK_RULES, secret=SECRET)


@pytest.fixture(scope="module")
def sandbox(store, django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), SandboxServer(store, "localhost") as sandbox:
        yield sandbox
        call_command("flush", verbosity=0, interactive=False)


@pytest.fixture(scope="module")
def servers(sandbox):
    """One process behind each door."""
    database, api = connection.settings_dict, f"{sandbox.url}/v1"
    with (
        serve_bank(database, api, server=gunicorn, workers=1) as threads,
        serve_bank(database, api, server=uvicorn) as loop,
    ):
        yield {"sync": threads, "async": loop}


@pytest.fixture
def db(sandbox):
    """Committed rows, which the servers see; the module cleans up once, at its end."""


def deliver(url, delivery, event):
    def meanwhile():
        began = time.monotonic()
        assert requests.get(f"{url}/sign-in/", timeout=5).status_code == 200
        assert time.monotonic() - began < 1

    with closing(Line(url, meanwhile)) as line:
        return delivery.send(line, event)


def recorded(event):
    return WebhookEvent.objects.filter(event_id=event["id"]).count()


@pytest.mark.parametrize(("cell", "delivery"), runs("sync") + runs("async"))
def test_delivery(servers, store, db, cell, delivery):
    server = servers[cell.door]
    customer = Customer(server.url, store)
    key = customer.asked()
    row = TrackedAction.objects.get(idempotency_key=key)
    event = log(row, "CHALLENGE_SUCCEEDED" if cell.door == "sync" else "ALLOW")
    with alarm():
        status = deliver(server.url, delivery, event)
        assert status in delivery.told
        row.refresh_from_db()
        assert (row.status, row.approved_at, row.spent_at) == (delivery.row, None, None)
        assert statuses(customer.send(customer.submit(key))) == [403]
        assert recorded(event) == delivery.heard(status)
        assert [*statuses(customer.send(customer.says(event))), recorded(event)] == [200, 1]
        key = key if delivery.row == "pending" else customer.asked()
        assert statuses(customer.send(customer.passed(key), customer.says(event))) == [303, 200]
        assert [statuses(customer.send(customer.submit(key))) for _ in range(2)] == [[302], [409]]
    assert Transfer.objects.filter(account__user=customer.user).count() == 1
    assert SECRET not in server.log()
    record("faults", cell.fault, deliveries=1)
    if delivery is DELIVERIES[cell.fault][0]:
        cell.proved(effects=1)
