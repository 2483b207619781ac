"""Our clock jumps, by an hour or a day, forth or back, at each step of the journey, and later it is put right. The
service's clock does not jump. Nothing lives longer for it, and nothing is done twice."""

from __future__ import annotations

import pytest

from tests.journeys.conftest import clock as clock
from tests.journeys.steps import Edge
from tests.rig.proofs import LONG

from .cells import SITES, of
from .visits import Visit

HOUR, DAY = 3_600, 86_400
CELLS = of(["F29"], sites=[*SITES, "spend"])
every_cell = pytest.mark.parametrize("cell", CELLS, ids=str)
every_jump = pytest.mark.parametrize("jump", [HOUR, -HOUR, DAY, -DAY] if LONG else [HOUR, -DAY])

MEANWHILE = {"track": 403, "return": 303, "spend": 403, "webhook": 400, "enrol": 200}
"""What each request is answered: a challenge, the page of an ended one, a new challenge, that the signature is too old
or too new, and a request to sign in again."""
LIVE = {"pending", "approved"}


@pytest.fixture
def visit(authsignal, settings, alice, clock, cell):
    settings.ROOT_URLCONF = "tests.journeys.urls"
    authsignal.store.lifetime = 3 * DAY  # whatever the clock says, the service would still say yes
    return Visit(authsignal, alice, cell.door)


@every_cell
@every_jump
def test_clock_that_jumps_before_a_step(visit, cell, clock, jump):  # F29 T70 A19
    request = visit.at(cell.site)
    found = visit.rows
    clock.shift(jump)
    assert (request().status_code, visit.effects) == (MEANWHILE[cell.site], 0)
    assert "approved" not in visit.rows
    clock.shift(-jump)
    if cell.site in ("return", "webhook"):  # which have not touched the row
        assert visit.rows == found
        visit.recovers(request)
    else:
        visit.finish()
    if jump == HOUR:
        cell.proved()


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell.site in ("track", "return", "enrol")], ids=str)
@every_jump
def test_clock_that_jumps_while_the_service_is_asked(visit, cell, clock, jump, settings):  # F29 T70 A19
    request = visit.at(cell.site)
    settings.AUTHSIGNAL_ADAPTER = network = Edge(visit.kit.store)
    network.during("/v1/", lambda: clock.shift(jump))
    request()
    assert (visit.effects, len(visit.rows)) == (0, 1)
    assert visit.rows[0] not in ("approved", "spent")
    clock.shift(-jump)
    visit.finish()


@pytest.mark.parametrize("cell", of(["F29"], sites=["track"]), ids=str)
@every_jump
def test_whole_journey_by_a_wrong_clock_is_one_of_its_own(visit, cell, clock, jump):  # F29 T70 A19
    """What was approved by the wrong clock is of no use by the right one."""
    clock.shift(jump)
    visit.at("spend")
    clock.shift(-jump)
    assert (visit.submit().status_code, visit.effects) == (403, 0)
    assert visit.rows == ["void", "pending"]
    visit.finish()
