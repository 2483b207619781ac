"""Processes of the bank that end or begin at the wrong moment: a worker that its master gives up on while it waits,
forks of a process whose client has a connection open, and reloads under load."""

from __future__ import annotations

import re
import signal
import sqlite3
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial

import psycopg
import pytest
import requests
from django.db import connection, connections

from django_authsignal.models import ActionEvent, TrackedAction
from django_authsignal.sandbox.server import SandboxServer
from django_authsignal.testing.kit import Authsignal
from example_project.bank.seed import open_account
from tests.rig.proofs import often
from tests.rig.proxy import Fault, Proxy
from tests.rig.servers import gunicorn, gunicorn_sync, serve_bank

from .cells import SITES, of
from .preloaded import preloading
from .remote import Remote, once
from .visits import BEFORE

pytestmark = [pytest.mark.races, once]

CELLS = of(["F27", "F30"], sites=[*SITES, "spend"])
ASKING = ("track", "return", "enrol")
"""The sites whose request waits for the service; the others wait for the database only."""
SERVERS = [partial(gunicorn_sync, workers=3), partial(gunicorn, workers=3)]
STALL = 8  # seconds; the client gives up after half of them, the master after two


def cells(fault, *, asking=None):
    return [cell for cell in CELLS if cell.fault == fault and asking in (None, cell.site in ASKING)]


@pytest.fixture
def service():
    """The service behind a proxy, both of which listen."""
    kit = Authsignal()
    with SandboxServer(kit.store, "localhost") as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        with Proxy(("localhost", port)) as proxy:
            kit.store.origin = f"http://{proxy.host}:{proxy.port}"
            yield kit, proxy


@pytest.fixture
def serve(transactional_db, service):
    """`serve(server, …)` runs a bank before that service."""

    def start(server, **settings):
        kit, _ = service
        settings["ROOT_URLCONF"] = "tests.faults.urls"
        return serve_bank(connection.settings_dict, f"{kit.store.origin}/v1", server=server, settings=settings)

    return start


def in_threads(act, items):
    """What ``act(item)`` returns for each, all of them at once; each thread leaves its database connections closed."""

    def acted(item):
        try:
            return act(item)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(items)) as threads:
        return list(threads.map(acted, items))


def impatient(fd):
    """Workers that the master gives up on after two seconds; as many as there are requests at once, and one more."""
    return preloading([*gunicorn_sync(fd, workers=7)[:-1], "--timeout", "2", ""])


def given_up(request):
    """Send a request whose worker does not live to answer it; whether that is so."""
    try:
        answer = request()
    except requests.ConnectionError:
        return True
    return answer.status_code == 500 and b"<h1><p>Internal Server Error" in answer.content  # gunicorn's own words


@contextmanager
def locked():
    """Nobody else can change a row."""
    if connection.vendor == "sqlite":
        with closing(sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
    else:
        named = connection.settings_dict
        with psycopg.connect(host=named["HOST"], dbname=named["NAME"], user=named["USER"]) as other:
            other.execute(f"LOCK TABLE {TrackedAction._meta.db_table} IN EXCLUSIVE MODE")
            yield


@pytest.mark.parametrize("asking", [True, False][: often(1, 2)], ids=["service", "database"][: often(1, 2)])
def test_master_that_gives_up_on_its_workers(serve, service, asking):  # F27
    """It sends them SIGABRT, which gunicorn makes a SystemExit, wherever they wait."""
    kit, proxy = service
    with serve(impatient) as bank:
        tried = cells("F27", asking=asking)
        visits = {cell: Remote(bank.url, kit, open_account(str(cell)), cell.door) for cell in tried}
        waiting = {cell: visit.at(cell.site) for cell, visit in visits.items()}
        if asking:
            proxy.plan(*[Fault(latency=STALL)] * len(waiting))
            assert all(in_threads(given_up, list(waiting.values())))
            assert len(proxy.struck) == len(waiting)
            proxy.calm()
        else:
            with locked():
                assert all(in_threads(given_up, list(waiting.values())))
        assert bank.log().count("WORKER TIMEOUT") >= len(waiting)
        assert ("django_authsignal/client/sending.py" in bank.log()) is asking
        for cell, visit in visits.items():
            left = ["created"] if asking and not BEFORE[cell.site] else BEFORE[cell.site]
            assert (cell, visit.rows, visit.effects) == (cell, left, 0)
        in_threads(lambda cell: visits[cell].recovers(waiting[cell]), tried)
    for cell in tried:
        cell.proved()


@pytest.mark.parametrize("server", SERVERS[: often(1, 2)], ids=["sync", "gthread"][: often(1, 2)])
def test_forks_and_reloads_under_load(serve, service, server):  # F30
    """Each worker speaks over connections of its own, though the master has one open already, and reads its own answers
    only; a reload costs nobody anything."""
    kit, proxy = service
    with serve(lambda fd: preloading(server(fd)), AUTHSIGNAL_ATTRIBUTES="tests.faults.preloaded.attributes") as bank:
        with reloads(bank) as count:

            def comes_and_goes(cell):
                rounds = 0
                while rounds < often(1, 10) or len(count) < 3:
                    visit = Remote(bank.url, kit, open_account(uuid.uuid4().hex), cell.door)
                    visit.recovers(visit.at(cell.site))
                    rounds += 1

            in_threads(comes_and_goes, cells("F30"))
        workers = [set(re.findall(rb"pid-\d+\.", sent)) for sent in proxy.sent]
    assert max(map(len, workers)) == 1
    assert len(set.union(*workers)) > 3  # more than there are at a time
    assert max(sent.count(b"POST /v1/") for sent in proxy.sent) > 1  # connections are kept
    assert set(ActionEvent.objects.values_list("kind", flat=True)) == {"revoked"}  # by the webhooks
    rows = TrackedAction.objects.all()
    known = [
        action.key for user_id in {row.authsignal_user_id for row in rows} for action in kit.store.actions(user_id)
    ]
    assert sorted(known) == sorted(str(row.idempotency_key) for row in rows)
    for cell in cells("F30"):
        cell.proved()


@contextmanager
def reloads(bank):
    """SIGHUP twice a second; the list grows by each."""
    count, over = [], threading.Event()

    def reload():
        while not over.wait(0.5):
            bank.process.send_signal(signal.SIGHUP)
            count.append(1)

    thread = threading.Thread(target=reload)
    thread.start()
    try:
        yield count
    finally:
        over.set()
        thread.join()
