from __future__ import annotations

import pytest

from example_project.bank.seed import open_account
from tests.rig.proxy import RESET, Fault

from .databases import served
from .visits import DOORS, SITES, Visit


@pytest.fixture(scope="module")
def server(django_db_blocker):
    with django_db_blocker.unblock(), served() as server:
        yield server


@pytest.fixture
def visit(server, authsignal, settings, door):
    settings.ROOT_URLCONF = "tests.journeys.urls"
    server.tell("TRUNCATE auth_user, authsignal_webhookevent CASCADE")
    yield Visit(authsignal, open_account("alice"), door)
    server.proxy.calm()


def told(answer):
    return answer.status_code, answer.get("Retry-After"), getattr(getattr(answer,"step_up",None),"outcome",None)

@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("site", SITES)
def test_down(visit, server, site):
    request = visit.at(site)
    calls = visit.calls
    server.proxy.down()
    try:
        answer = request()
    finally:
        server.proxy.up()
    print(site, told(answer), visit.effects, visit.rows, visit.calls-calls)
    visit.finish()
    print(visit.rows)
