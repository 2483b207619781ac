"""PostgreSQL goes away at the worst moments: before anything is written, while the service is asked, at a COMMIT; or it
has no connection left, or only reads. Nothing is granted, the answer is a 503, and afterwards all goes on."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta

import psycopg
import pytest
from django.core.management import call_command
from django.db.models import F

from django_authsignal.models import TrackedAction
from tests.journeys.steps import Edge
from tests.rig.proofs import LONG
from tests.rig.proxy import Fault

from .cells import DOORS, SITES, of
from .databases import served
from .databases import visit as visit
from .visits import BEFORE

pytestmark = pytest.mark.races

CELLS = of(["F20", "F21", "F22", "F24"], sites=[*SITES, "spend"])
ROW, EVENT = b'"authsignal_trackedaction"', b'"authsignal_webhookevent"'
STATEMENTS = {
    "track": b"INSERT INTO " + ROW,
    "return": b"FROM " + ROW,
    "spend": b"UPDATE " + ROW,
    "webhook": b"INSERT INTO " + EVENT,
    "enrol": b"INSERT INTO " + ROW,
}
"""What of ours each request says to the database first."""
COMMITTED = {"track": "created", "return": "approved", "spend": "spent", "webhook": "refused", "enrol": "created"}
"""How the row stands once the request's first transaction is committed."""
LOST_BEFORE, LOST_AFTER = Fault(on=b"COMMIT", at_once=True), Fault(on=b"COMMIT", limit=0)
"""The server never hears of the COMMIT; it has obeyed, and its answer never arrives."""


def cells(fault, *, all_doors=True):
    """The cells of *fault*; without *all_doors*, those of async views only at the long setting."""
    doors = DOORS if all_doors or LONG else ("sync",)
    return pytest.mark.parametrize("cell", [c for c in CELLS if c.fault == fault and c.door in doors], ids=str)


@pytest.fixture(scope="module")
def database(django_db_blocker):
    with django_db_blocker.unblock(), served("max_connections=12", "synchronous_commit=on") as database:
        yield database


@contextmanager
def unreachable(database):
    database.proxy.down()
    try:
        yield
    finally:
        database.proxy.up()


@contextmanager
def crashed(database):
    database.cluster.crash()
    try:
        yield
    finally:
        database.cluster.start()


@contextmanager
def out_of_connections(database):
    """Others hold all of them but those that are reserved for the operator."""
    database.connection.close()
    with ExitStack() as others:
        with suppress(psycopg.OperationalError):
            while True:
                others.enter_context(database.session(user="bank"))
        yield


@cells("F20")
def test_database_that_is_down(visit, database, cell):  # F20 A30
    request = visit.at(cell.site)
    calls = visit.calls
    with unreachable(database):
        answer = request()
    visit.denied(answer)
    assert (visit.rows, visit.calls) == (BEFORE[cell.site], calls)
    visit.recovers(request)
    cell.proved()


@cells("F20", all_doors=False)
def test_database_that_has_crashed(visit, database, cell):  # F20 A30
    request = visit.at(cell.site)
    calls = visit.calls
    with crashed(database):
        answer = request()
    visit.denied(answer)
    assert (visit.rows, visit.calls) == (BEFORE[cell.site], calls)
    visit.recovers(request)


@cells("F20", all_doors=False)
def test_database_that_goes_down_before_a_statement(visit, database, cell):  # F20 A30
    request = visit.at(cell.site)
    calls = visit.calls
    database.proxy.plan(fault := Fault(on=STATEMENTS[cell.site], at_once=True))
    visit.denied(request())
    assert database.proxy.struck.pop() == fault
    assert (visit.rows, visit.calls) == (BEFORE[cell.site], calls)
    visit.recovers(request)


@cells("F21")
def test_database_that_goes_down_while_the_service_is_asked(visit, database, cell, settings):  # F21 A30
    request = visit.at(cell.site)
    settings.AUTHSIGNAL_ADAPTER = network = Edge(visit.kit.store)
    network.during("/v1/", database.proxy.down)
    calls = visit.calls
    answer = request()
    database.proxy.up()
    visit.denied(answer)
    assert visit.calls == calls + 1
    assert visit.rows == (BEFORE[cell.site] or ["created"])
    if not BEFORE[cell.site]:
        TrackedAction.objects.update(created_at=F("created_at") - timedelta(seconds=61))
        call_command("authsignal_sync", figures=False, verbosity=0)
        assert (visit.rows, TrackedAction.objects.get().reason) == (["void"], "lost")
    visit.recovers(request)
    cell.proved()


@cells("F22")
def test_connection_lost_after_a_commit(visit, database, cell):  # F22 A30
    """It is committed, and nobody here can know: the approval is spent, its view has not run and never will."""
    request = visit.at(cell.site)
    calls = visit.calls
    database.proxy.plan(LOST_AFTER)
    visit.denied(request())
    assert database.proxy.struck.pop() == LOST_AFTER
    assert (visit.rows, visit.calls) == ([COMMITTED[cell.site]], calls + (cell.site == "return"))
    if cell.site == "spend":
        key = TrackedAction.objects.get().idempotency_key
        assert (visit.submit(key).status_code, visit.effects) == (409, 0)  # "check before repeating"
        visit.finish()
    else:
        visit.recovers(request)
    cell.proved()


@cells("F22", all_doors=False)
def test_connection_lost_before_a_commit(visit, database, cell):  # F22 A30
    """It is not committed, which looks just the same from here."""
    request = visit.at(cell.site)
    calls = visit.calls
    database.proxy.plan(LOST_BEFORE)
    visit.denied(request())
    assert database.proxy.struck.pop() == LOST_BEFORE
    assert (visit.rows, visit.calls) == (BEFORE[cell.site], calls + (cell.site == "return"))
    visit.recovers(request)


@pytest.mark.parametrize("cell", of(["F22"], sites=["track"])[: len(DOORS) if LONG else 1], ids=str)
@pytest.mark.parametrize("fault", [LOST_BEFORE, LOST_AFTER], ids=["before", "after"])
@pytest.mark.parametrize("outcome", ["challenge", "allow"])
def test_connection_lost_at_the_commit_of_an_answer(visit, database, cell, fault, outcome, settings):  # F22 A30
    getattr(visit.kit, outcome)("act")
    request = visit.at("track")
    settings.AUTHSIGNAL_ADAPTER = network = Edge(visit.kit.store)
    network.during("/v1/", lambda: database.proxy.plan(fault))
    visit.denied(request())
    assert database.proxy.struck.pop() == fault
    saved = {"challenge": "pending", "allow": "spent"}[outcome]
    assert visit.rows == [saved if fault == LOST_AFTER else "created"]
    visit.kit.challenge("act")
    visit.finish()


@cells("F24")
def test_database_without_a_connection_left(visit, database, cell):  # F24
    request = visit.at(cell.site)
    calls = visit.calls
    with out_of_connections(database):
        answer = request()
    visit.denied(answer)
    assert (visit.rows, visit.calls) == (BEFORE[cell.site], calls)
    visit.recovers(request)
    cell.proved()


@cells("F24", all_doors=False)
def test_database_that_only_reads(visit, database, cell):  # F24
    request = visit.at(cell.site)
    calls = visit.calls
    with database.role(default_transaction_read_only="on"):  # as on a standby, after a failover
        answer = request()
    visit.denied(answer)
    assert (visit.rows, visit.calls) == (BEFORE[cell.site], calls + (cell.site == "return"))
    visit.recovers(request)
