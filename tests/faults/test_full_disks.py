"""No room is left: for rows, for the events beside them, or for the log. What cannot be recorded is not granted, and
what is denied stays denied."""

from __future__ import annotations

import logging
import sys
from collections import deque
from contextlib import contextmanager, suppress

import pytest
from django.db import DatabaseError
from django.utils import timezone

from django_authsignal.models import ActionEvent, TrackedAction, WebhookEvent
from tests.gated import broken_database
from tests.gated import gated as gated
from tests.rig.proofs import LONG

from .cells import SITES, of
from .databases import filed
from .databases import visit as visit
from .visits import BEFORE

CELLS = of(["F31"], sites=[*SITES, "spend"])
every_cell = pytest.mark.parametrize("cell", CELLS, ids=str)
some_cells = pytest.mark.parametrize("cell", [cell for cell in CELLS if LONG or cell.door == "sync"], ids=str)
FAST = "PRAGMA synchronous = OFF"  # it does not outlive the run
FULL = "/dev/full"
logger = logging.getLogger("django_authsignal")


@pytest.fixture(scope="module")
def database(django_db_blocker, tmp_path_factory):
    path = tmp_path_factory.mktemp("bank") / "bank.sqlite3"
    with django_db_blocker.unblock(), filed(path, init_command=FAST) as file:
        yield file


@contextmanager
def no_room(database):
    """The file may not grow, and its pages have no room for a row more."""
    options = database.connection.settings_dict["OPTIONS"]
    database.connection.close()
    options["init_command"] = f"{FAST}; PRAGMA max_page_count = 1"  # as many as there are
    for make in (junk_row, junk_event):
        with pytest.raises(DatabaseError, match="disk is full"):
            deque(map(make, range(10_000)), maxlen=0)
    try:
        yield
    finally:
        database.connection.close()
        options["init_command"] = FAST
        TrackedAction.objects.filter(route="junk").delete()
        WebhookEvent.objects.filter(type="junk").delete()


def junk_row(number):
    junk = {"route": "junk", "action": "a", "status": "void", "authsignal_user_id": ""}
    TrackedAction.objects.create(**junk, created_at=timezone.now())


def junk_event(number):
    now = timezone.now()
    WebhookEvent.objects.create(event_id=f"junk-{number}", type="junk", occurred_at=now, received_at=now)


def outcome(visit, request, *denials):
    """Whether *request* is denied, with one of these statuses, and leaves everything as it was.

    An UPDATE needs no room if its page has some left. Then what is granted is recorded, and all is as ever.
    """
    answer = request()
    if answer.status_code in denials:
        assert (visit.rows, visit.effects) == (BEFORE[visit.site], 0)
        return True
    assert visit.rows == {"return": ["approved"], "spend": ["spent"]}[visit.site]
    assert visit.effects == (visit.site == "spend")
    return False


@every_cell
def test_database_without_room(visit, database, cell):  # F31
    request = visit.at(cell.site)
    with no_room(database):
        denied = outcome(visit, request, 503)
    if denied:
        visit.recovers(request)
    else:
        visit.finish()
    cell.proved()


@some_cells
def test_neither_database_nor_log_has_room(visit, database, cell):  # F31
    request = visit.at(cell.site)
    with no_room(database), full_log(strict=True):
        outcome(visit, request, 500)
    visit.finish()


@contextmanager
def full_log(*, strict):
    """Our log goes to a device without room. A *strict* handler says so; logging's own tells standard error only."""
    handler = logging.FileHandler(FULL)
    if strict:
        handler.handleError = reraise
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        with suppress(OSError):
            handler.close()


def reraise(record):
    raise sys.exception()


GRANTS = {"unenrolled": "allow"}, {"on_unavailable": "allow"}
"""What opens without an approval, and says so in the record and in the log."""


@pytest.fixture(params=GRANTS, ids=["unenrolled", "outage"])
def bypassed(request, gated, authsignal, alice):
    if "unenrolled" in request.param:
        authsignal.unenrolled(alice)
    else:
        authsignal.down()
    return gated(**request.param)


@pytest.mark.django_db(transaction=True)
def test_grant_that_leaves_no_event_is_none(bypassed):  # F31
    with broken_database("INSERT", "actionevent"):
        answer = bypassed.post()
    assert (answer.status_code, bypassed.runs) == (503, 0)
    assert bypassed.post().content == b"done"


@pytest.mark.parametrize("strict", [True, False], ids=["strict", "lenient"])
def test_grant_that_the_log_has_no_room_for(bypassed, strict):  # F31
    """A log that only complains elsewhere stops nobody: the record is in the database."""
    bypassed.client.raise_request_exception = False
    with full_log(strict=strict):
        answer = bypassed.post()
    assert (answer.status_code, bypassed.runs) == ((500, 0) if strict else (200, 1))
    assert ActionEvent.objects.filter(kind="bypassed").exists() >= bypassed.runs


@pytest.mark.parametrize("how", ["event", "strict", "lenient"])
def test_denial_without_room_for_its_record_stays_one(gated, authsignal, how):  # F31
    gated()
    authsignal.down()
    gated.client.raise_request_exception = False
    with broken_database("INSERT", "actionevent") if how == "event" else full_log(strict=how == "strict"):
        answer = gated.post()
    assert (answer.status_code, gated.runs) == (500 if how == "strict" else 503, 0)
