"""The service is away for a while, or slow: nothing is granted, nobody waits long, other pages are not held up, and all
goes on when it is back."""

from __future__ import annotations

import threading
import time
from functools import partial
from statistics import quantiles

import pytest
from django.db import connection, connections

from django_authsignal.models import ActionEvent, TrackedAction
from django_authsignal.sandbox.server import SandboxServer
from django_authsignal.testing.kit import Authsignal
from example_project.bank.seed import open_account
from tests.gated import gated as gated
from tests.rig.proofs import LONG, often, record
from tests.rig.proxy import CLOSE, RESET, Fault, Proxy
from tests.rig.servers import gunicorn, serve_bank, uvicorn

from .remote import Remote, once, signed_in

REQUESTS = 200
FAST_FAIL = 0.1  # seconds, at the 95th percentile
PROMPT = 1  # second for a page that asks nobody
SLACK = 2
"""How many times slower a busy machine may be."""
FAILURES = 5
PROBE = 10  # seconds
"""So many in a row, and the breaker opens: the service is asked no more, but for one probe in so many seconds."""
BACK = 30
"""Seconds within which the breaker finds out that the service is back."""


@pytest.fixture
def proxy(authsignal, settings):
    """A proxy before the service, which listens; the client goes through it."""
    with SandboxServer(authsignal.store, "localhost") as sandbox, Proxy(("localhost", port_of(sandbox))) as proxy:
        settings.AUTHSIGNAL_ADAPTER = None
        settings.AUTHSIGNAL_API_URL = f"http://{proxy.host}:{proxy.port}/v1"
        yield proxy


def port_of(sandbox):
    return int(sandbox.url.rpartition(":")[2])


def test_service_that_is_down_for_two_hundred_requests(gated, proxy):  # A28 T50 F3
    gated()
    proxy.down()
    took = []
    for _ in range(REQUESTS):
        began = time.monotonic()
        answer = gated.post()
        took.append(time.monotonic() - began)
        assert (answer.status_code, 1 <= int(answer["Retry-After"]) <= 60) == (503, True)
    assert quantiles(took[FAILURES:], n=20)[-1] < FAST_FAIL * SLACK
    asked = ActionEvent.objects.filter(kind="outage").exclude(detail__contains="not asked").count()
    assert FAILURES <= asked <= FAILURES + sum(took) / PROBE + 1
    assert (gated.runs, TrackedAction.objects.filter(status="void").count()) == (0, REQUESTS)
    if LONG:
        proxy.up()
        assert back_in(gated) < BACK
    record("faults", "outage", requests=REQUESTS, grants=0)


def back_in(gated):
    """Seconds until a request goes through again."""
    began = time.monotonic()
    while gated.post().status_code != 200 and time.monotonic() - began < BACK:
        time.sleep(0.5)
    assert gated.runs == 1
    return time.monotonic() - began


def test_outage_that_a_policy_overlooks(gated, proxy):  # T40 F3
    gated(on_unavailable="allow")
    proxy.down()
    assert [gated.post().status_code for _ in range(7)] == [200] * 5 + [503] * 2
    assert gated.runs == 5


@pytest.mark.parametrize("end", [RESET, CLOSE])
@pytest.mark.parametrize("acted", [True, False], ids=["acted", "not reached"])
def test_service_that_may_have_acted_is_never_overlooked(gated, proxy, end, acted):  # T40 F5
    gated(on_unavailable="allow")
    proxy.always = Fault(limit=0, end=end) if acted else Fault(at_once=True, end=end)
    assert [gated.post().status_code for _ in range(2)] == [503] * 2
    assert (gated.runs, len(proxy.struck)) == (0, 4)  # each is tried twice


@pytest.mark.parametrize("fault", [Fault(limit=0, end=CLOSE), Fault(latency=60)], ids=["cut off", "read timeout"])
def test_breaker_opened_by_a_service_that_was_reached_lets_nothing_pass(gated, proxy, settings, fault):  # T40 T50 F1 F5
    settings.AUTHSIGNAL_TIMEOUT = 0.5
    gated(on_unavailable="allow")
    proxy.always = fault
    assert [gated.post().status_code for _ in range(FAILURES + 2)] == [503] * (FAILURES + 2)
    assert (gated.runs, ActionEvent.objects.filter(detail__contains="not asked").count()) == (0, 2)


@once
@pytest.mark.races
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("server", "stalled"),
    [(partial(gunicorn, workers=1, threads=8), 7), (partial(uvicorn, workers=1), often(12, 24))],
    ids=["gthread", "uvicorn"],
)
def test_other_pages_answer_while_the_service_is_slow(server, stalled):  # A29 F1
    """A sync worker of gunicorn's answers nobody else meanwhile, so there must be more workers than slow requests."""
    kit = Authsignal()
    with SandboxServer(kit.store, "localhost") as sandbox, Proxy(("localhost", port_of(sandbox))) as proxy:
        settings = {"ROOT_URLCONF": "tests.faults.urls", "AUTHSIGNAL_TIMEOUT": 3}
        url = f"http://{proxy.host}:{proxy.port}/v1"
        with serve_bank(connection.settings_dict, url, server=server, settings=settings) as bank:
            visits = [Remote(bank.url, kit, open_account(f"customer-{n}"), "sync") for n in range(stalled)]
            looking = signed_in(bank.url, open_account("alice"))
            looking.get(f"{bank.url}/", timeout=10)
            proxy.always = Fault(latency=60)
            statuses, threads = [], []
            for visit in visits:
                threads.append(threading.Thread(target=lambda visit=visit: statuses.append(visit.submit().status_code)))
                threads[-1].start()
            until(lambda: sum(b"POST" in sent for sent in [*proxy.sent]) == stalled)
            took = []
            for _ in range(5):
                began = time.monotonic()
                assert looking.get(f"{bank.url}/", timeout=10).status_code == 200
                took.append(time.monotonic() - began)
            waiting = sum(thread.is_alive() for thread in threads)
            for thread in threads:
                thread.join(20)
            assert statuses == [503] * stalled
            assert [visit.effects for visit in visits] == [0] * stalled
            connections.close_all()
    assert waiting == stalled  # or nothing was shown
    assert max(took) < PROMPT * SLACK


def until(holds):
    gives_up = time.monotonic() + 10
    while not holds() and time.monotonic() < gives_up:
        time.sleep(0.01)
    assert holds()
