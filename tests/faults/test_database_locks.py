"""Somebody else holds the lock that a request needs: it runs into a timeout, a deadlock or a serialization failure, or
finds SQLite locked. Each is denied, retriable and without an effect."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import ExitStack, closing, contextmanager

import pytest

from tests.journeys.steps import Edge
from tests.rig.proofs import LONG

from .cells import SITES, of
from .databases import filed, served
from .databases import visit as visit
from .visits import BEFORE

pytestmark = pytest.mark.races

CELLS = of(["F23"], sites=[*SITES, "spend"])
every_cell = pytest.mark.parametrize("cell", CELLS, ids=str)
some_cells = pytest.mark.parametrize("cell", [cell for cell in CELLS if LONG or cell.door == "sync"], ids=str)

USER, ROW, EVENT = "auth_user", "authsignal_trackedaction", "authsignal_webhookevent"
LOCKED = {"track": USER, "return": ROW, "spend": ROW, "webhook": ROW, "enrol": USER}
"""Whose row each request waits for: a new action needs its user's."""
HELD = {"track": ROW, "return": ROW, "spend": ROW, "webhook": EVENT, "enrol": ROW}
"""The table in which it has written, or is about to, by then."""
PATIENCE = 10  # seconds


@pytest.fixture(scope="module")
def server(django_db_blocker):
    with django_db_blocker.unblock(), served("deadlock_timeout=500") as server:
        yield server


@pytest.fixture(scope="module", params=["DEFERRED", "IMMEDIATE"])
def sqlite(django_db_blocker, tmp_path_factory, request):
    path = tmp_path_factory.mktemp("bank") / "bank.sqlite3"
    with django_db_blocker.unblock(), filed(path, timeout=0.1, transaction_mode=request.param) as file:
        yield file


@pytest.fixture
def database(request):
    """SQLite for a test that names it."""
    return request.getfixturevalue("sqlite" if "sqlite" in request.fixturenames else "server")


@contextmanager
def rival(server, first, then=""):
    """Another session says *first* in a transaction. It ends with this; or, given *then*, as soon as somebody waits for
    it and *then* is said."""
    with server.session(autocommit=False) as session:
        session.execute("SET deadlock_timeout = '60s'")  # it is not the one that finds out
        session.execute(first)
        ending = threading.Thread(target=end, args=(server, session, then))
        if then:
            ending.start()
        yield
        if then:
            ending.join(PATIENCE)


def end(server, session, then):
    gives_up = time.monotonic() + PATIENCE
    while not server.is_waited_for() and time.monotonic() < gives_up:
        time.sleep(0.01)
    session.execute(then)
    session.commit()


@every_cell
def test_lock_that_is_not_given_in_time(visit, server, cell, caplog):  # F23
    request = visit.at(cell.site)
    calls = visit.calls
    with server.role(lock_timeout="200ms"), rival(server, f"SELECT FROM {LOCKED[cell.site]} FOR UPDATE"):
        visit.denied(request())
    assert "lock timeout" in caplog.text
    assert (visit.rows, visit.calls) == (BEFORE[cell.site], calls + (cell.site == "return"))
    visit.recovers(request)
    cell.proved()


@some_cells
def test_deadlock(visit, server, cell, caplog):  # F23
    request = visit.at(cell.site)
    calls = visit.calls
    waits_for_us = f"LOCK TABLE {HELD[cell.site]} IN SHARE MODE"
    with rival(server, f"SELECT FROM {LOCKED[cell.site]} FOR UPDATE", waits_for_us):
        visit.denied(request())
    assert "deadlock detected" in caplog.text
    assert (visit.rows, visit.calls) == (BEFORE[cell.site], calls + (cell.site == "return"))
    visit.recovers(request)


@some_cells
@pytest.mark.parametrize("level", ["repeatable read", "serializable"][: 2 if LONG else 1])
def test_row_that_somebody_else_has_changed_meanwhile(visit, server, cell, level, settings, caplog):  # F23
    """What read committed would look at once more is a serialization failure on stricter levels."""
    request = visit.at(cell.site)
    changing = rival(server, f"UPDATE {ROW} SET reason = reason", "SELECT")
    with server.role(default_transaction_isolation=level), ExitStack() as stack:
        if BEFORE[cell.site]:
            stack.enter_context(changing)
        else:  # there is a row only once the service is asked about it
            settings.AUTHSIGNAL_ADAPTER = network = Edge(visit.kit.store)
            network.during("/v1/", lambda: stack.enter_context(changing))
        visit.denied(request())
    assert "could not serialize access" in caplog.text
    assert visit.rows == (BEFORE[cell.site] or ["created"])
    visit.recovers(request)


@some_cells
@pytest.mark.parametrize("lock", ["IMMEDIATE", "EXCLUSIVE"])
def test_sqlite_that_is_locked(visit, sqlite, cell, lock, caplog):  # F23
    request = visit.at(cell.site)
    sqlite.connection.close()
    with closing(sqlite3.connect(sqlite.path, isolation_level=None)) as other:
        other.execute(f"BEGIN {lock}")
        visit.denied(request())
    assert "database is locked" in caplog.text
    assert visit.rows == BEFORE[cell.site]
    visit.recovers(request)
