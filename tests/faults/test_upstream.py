"""F1 to F19 at track, return and enrol, before sync and async views. A27 T40 T44

Every cell tries several shapes of its fault; the first submits, returns and enrolments all meet real sockets. See
``cells.py`` for what the numbers mean, ``variants.py`` for the shapes, ``bench.py`` for who talks to whom.
"""

from __future__ import annotations

import itertools
import logging
import time
import tracemalloc
from contextlib import ExitStack, contextmanager

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import override_settings

from django_authsignal.connection import get_client
from django_authsignal.sandbox.rules import Outcome
from example_project.bank.seed import open_account
from tests.rig.proofs import LONG, record

from .bench import BASIC, BUDGET, ENROL, SECRET, SLACK, Customer, a_bench, alarm
from .cells import PROVED_BY, UPSTREAM, Cell, of
from .tls import impostor
from .variants import HARMLESS, PARTS, UNAVAILABLE, VARIANTS

SITES = ("track", "return", "enrol")
CELLS = of((fault for fault, file in PROVED_BY.items() if file == UPSTREAM), SITES)
NUMBERS = itertools.count(1)
MOST_MEMORY = 20 * 1024 * 1024


def runs(site):
    """Each cell of *site* with each shape of its fault; by default only the first submit meets all of them."""
    return [
        pytest.param(cell, variant, id=f"{cell}-{variant.name}")
        for cell in CELLS
        for number, variant in enumerate(VARIANTS[cell.fault])
        if cell.site == site and (LONG or number == 0 or variant.short or cell[1:] == ("track", "sync"))
    ]


@pytest.fixture(scope="module")
def bench(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), a_bench() as bench, override_settings(**bench.settings()):
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA synchronous = OFF")  # thousands of commits, of which none must outlive a crash
        yield bench
        call_command("flush", verbosity=0, interactive=False)


@pytest.fixture
def db(bench):
    """Committed rows, which the service's own connection sees; the module cleans up once, at its end."""


@pytest.fixture(autouse=True)
def _calm(bench):
    get_client.cache_clear()  # with it goes the breaker
    bench.service.requests.clear()
    bench.written_ahead.clear()
    with alarm():
        yield
        bench.calm()


@pytest.fixture
def customer(bench, db, request):
    """Somebody new, before the door of this cell."""
    return Customer(bench, open_account(f"customer-{next(NUMBERS)}"), request.node.callspec.params["cell"].door)


@contextmanager
def struck(bench, site, variant):
    """The fault lasts; what is asked meanwhile comes to an end in time."""
    get_client().ping()  # a connection that was used before
    bench.decide(Outcome.ALLOW if site == "track" else Outcome.CHALLENGE)
    bench.proxy.struck.clear()
    with ExitStack() as stack:
        variant.begin(bench, PARTS[site], stack)
        bench.service.requests.clear()
        began = time.monotonic()
        yield
        assert time.monotonic() - began < BUDGET + SLACK
        met = any(PARTS[site] in request.target for request in bench.service.requests)
        assert met or bench.proxy.struck or variant.told(site) == UNAVAILABLE
        asked = [request.json for request in bench.service.requests if PARTS[site] in request.target]
        # A second try names the same action; a token is shown once.
        assert len(asked) <= (1 if site == "return" else 2)
        assert len({one["idempotencyKey"] for one in asked if site != "return"}) <= 1
    bench.calm()
    bench.decide(Outcome.CHALLENGE)


def told(answer, customer, variant, site):
    """One clear answer, without a secret in it; nothing done, nothing approved, something in the history."""
    assert answer.status_code == variant.told(site)
    if answer.status_code == UNAVAILABLE:
        assert answer["Retry-After"] in (variant.retry_after if site == "track" else ("10",))
    shown = str(answer.headers) + answer.content.decode()
    assert not [word for word in (SECRET, BASIC, "Traceback") if word in shown]
    assert customer.effects == 0
    assert not [row for row in customer.rows if row.approved_at or row.spent_at]


def proved(cell, variant, bench, caplog):
    assert not [word for word in (SECRET, BASIC) if word in caplog.text]
    if cell.fault == "F4":  # it does not pass by itself
        assert ("django_authsignal", logging.ERROR) in [entry[:2] for entry in caplog.record_tuples]
    assert all(bench.written_ahead)
    record("faults", cell.fault, answers=1)
    if variant is VARIANTS[cell.fault][0]:
        cell.proved(effects=1)


@pytest.mark.parametrize(("cell", "variant"), runs("track"))
def test_first_submit(bench, customer, cell, variant, caplog):
    with struck(bench, "track", variant):
        answer = customer.pay()
    if variant.told("track") is HARMLESS:
        assert (answer.status_code, customer.effects) == (200, 1)
    else:
        told(answer, customer, variant, "track")
        assert customer.rows[-1].status in ("void", "refused")
        if answer.status_code == UNAVAILABLE:
            assert customer.recorded == {"outage"}
        if LONG or variant is VARIANTS[cell.fault][0]:
            customer.pays_once()
    proved(cell, variant, bench, caplog)


@pytest.mark.parametrize(("cell", "variant"), runs("return"))
def test_way_back(bench, customer, cell, variant, caplog):
    bench.decide(Outcome.CHALLENGE)
    stopped = customer.pay()
    back = customer.passes(stopped)
    with struck(bench, "return", variant):
        answer = customer.send("get", back)
        if variant.told("return") is not HARMLESS:
            if answer.status_code == 303:  # to the same page without the token
                answer = customer.send("get", answer["Location"])
            told(answer, customer, variant, "return")
            assert back.rpartition("token=")[2] not in answer.content.decode()
            assert customer.pay_again(stopped).status_code in (403, 409)
            assert customer.effects == 0
            assert customer.recorded or customer.rows[0].reason
    if customer.rows[0].status == "refused":
        customer.pays_once()
    else:
        assert customer.send("get", back).status_code == 303
        customer.spends_once(stopped)
    proved(cell, variant, bench, caplog)


@pytest.mark.parametrize(("cell", "variant"), runs("enrol"))
def test_way_to_enrolment(bench, customer, cell, variant, caplog):
    bench.store.update_user(str(customer.user.pk), {}, authenticators=())
    assert customer.pay().step_up.outcome == "enrol"
    with struck(bench, "enrol", variant):
        answer = customer.send("post", ENROL)
    if variant.told("enrol") is not HARMLESS:
        told(answer, customer, variant, "enrol")
        assert "Location" not in answer
        answer = customer.send("post", ENROL)
    assert answer.status_code == 303
    assert customer.send("get", customer.enrols(answer["Location"])).status_code == 200
    customer.pays_once()
    proved(cell, variant, bench, caplog)


@pytest.mark.parametrize(
    "shape", [one for one in VARIANTS["F14"] if one.name != "huge header"], ids=lambda one: one.name
)
@pytest.mark.parametrize("cell", [Cell("F14", "track", "sync")], ids=str)
def test_answer_without_end_takes_little_memory(bench, customer, cell, shape):
    with struck(bench, "track", shape):
        tracemalloc.start()
        try:
            assert customer.pay().status_code == shape.track
            assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
        finally:
            tracemalloc.stop()


def test_call_without_a_row_would_be_seen(bench, db):
    """So that looking for what is written ahead can fail."""
    get_client().track_action("7", "withdrawFunds")
    assert bench.written_ahead == [False]


@pytest.mark.parametrize("cell", [Cell("F4", "track", "sync")], ids=str)
def test_good_certificate_is_what_the_bad_ones_lack(bench, customer, cell):
    """So that F4 fails for the reason that it names, and not for any other."""
    bench.decide(Outcome.ALLOW)
    with impostor(bench, "good"):
        assert (customer.pay().status_code, customer.effects) == (200, 1)
