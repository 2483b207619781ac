"""The cache is down, or none at all, or has forgotten everything. The gate keeps nothing there; where sessions live
there and are lost, their users sign in and start again."""

from __future__ import annotations

import pytest
from django.core.cache import cache

from tests.rig.proofs import LONG

from .caches import DOWN, DUMMY, KEPT
from .cells import SITES, of
from .visits import Visit

CELLS = of(["F25"], sites=[*SITES, "spend"])
every_cell = pytest.mark.parametrize("cell", CELLS, ids=str)
some_cells = pytest.mark.parametrize("cell", [cell for cell in CELLS if LONG or cell.door == "sync"], ids=str)
CACHE, CACHED_DB = "django.contrib.sessions.backends.cache", "django.contrib.sessions.backends.cached_db"

OF_NOBODY = {"track": 302, "return": 200, "spend": 302, "webhook": 200, "enrol": 302}
"""What each request is answered if it is nobody's: to the login; the return first looks for a strict cookie."""


@pytest.fixture
def visit(authsignal, settings, alice, cell):
    settings.ROOT_URLCONF = "tests.journeys.urls"
    settings.CACHES = KEPT
    return Visit(authsignal, alice, cell.door)


@some_cells
@pytest.mark.parametrize("caches", [DOWN, DUMMY], ids=["down", "dummy"])
def test_gate_keeps_nothing_in_a_cache(visit, cell, caches, settings):  # F25
    settings.CACHES = caches
    visit.recovers(visit.at(cell.site))


def loses(settings, loss):
    """The cache forgets everything, by *loss*: what caches there are from now on, or None if it is only emptied."""
    if loss is None:
        cache.clear()
    else:
        settings.CACHES = loss


def signs_in(visit, settings, engine):
    settings.SESSION_ENGINE = engine
    visit.client.force_login(visit.user)


@some_cells
@pytest.mark.parametrize("loss", [None, DUMMY], ids=["emptied", "dummy"])
def test_sessions_that_the_database_has_too(visit, cell, loss, settings):  # F25
    signs_in(visit, settings, CACHED_DB)
    request = visit.at(cell.site)
    loses(settings, loss)
    visit.recovers(request)


@every_cell
def test_sessions_that_are_lost(visit, cell, settings):  # F25
    lost(visit, cell, settings, DOWN)
    cell.proved()


@some_cells
@pytest.mark.parametrize("loss", [None, DUMMY], ids=["emptied", "dummy"])
def test_sessions_that_are_lost_in_other_ways(visit, cell, loss, settings):  # F25
    lost(visit, cell, settings, loss)


def lost(visit, cell, settings, loss):
    signs_in(visit, settings, CACHE)
    request = visit.at(cell.site)
    found, calls = visit.rows, visit.calls
    loses(settings, loss)
    assert (request().status_code, visit.effects) == (OF_NOBODY[cell.site], 0)
    assert (visit.rows, visit.calls) == (["refused"] if cell.site == "webhook" else found, calls)
    settings.CACHES = KEPT
    visit.client.force_login(visit.user)
    if cell.site != "enrol":
        assert visit.submit().status_code == 403  # what was approved in the lost session is of no use in another
    visit.finish()
