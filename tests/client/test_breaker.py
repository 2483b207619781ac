import threading

import pytest

from django_authsignal.client.breaker import Breaker


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return Breaker(limit=3, pause=10.0, clock=clock)


@pytest.fixture
def opened(breaker):
    for _ in range(3):
        assert breaker.blocked_for() == 0.0
        breaker.record(success=False, sent=True)
    return breaker


def test_failures_in_a_row_open_it(opened):
    """T50"""
    assert opened.blocked_for() == 10.0


def test_a_success_between_failures_keeps_it_closed(breaker):
    for success in (False, False, True, False, False):
        breaker.record(success, sent=True)
    assert breaker.blocked_for() == 0.0


def test_five_hundred_answers_keep_it_closed(breaker):
    """T50"""
    for _ in range(500):
        breaker.record(success=True, sent=True)
    assert breaker.blocked_for() == 0.0


def test_one_probe_at_a_time(opened, clock):
    """T50"""
    clock.now += 10
    assert [opened.blocked_for() for _ in range(3)] == [0.0, 10.0, 10.0]


def test_one_probe_among_threads(opened, clock):
    """T50"""
    clock.now += 10
    gate, waits = threading.Barrier(16), []

    def ask():
        gate.wait()
        waits.append(opened.blocked_for())

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == [0.0] + [10.0] * 15


def test_successful_probe_closes_it(opened, clock):
    clock.now += 10
    assert opened.blocked_for() == 0.0
    opened.record(success=True, sent=True)
    assert [opened.blocked_for() for _ in range(3)] == [0.0, 0.0, 0.0]


def test_failed_probe_keeps_it_open(opened, clock):
    clock.now += 10
    assert opened.blocked_for() == 0.0
    clock.now += 4
    opened.record(success=False, sent=True)
    assert opened.blocked_for() == 10.0


def test_probe_that_never_reports_blocks_nobody_for_long(opened, clock):
    clock.now += 10
    assert opened.blocked_for() == 0.0
    clock.now += 10
    assert opened.blocked_for() == 0.0


def test_default_recovers_within_thirty_seconds(clock):
    """T50"""
    breaker = Breaker(clock=clock)
    for _ in range(50):
        breaker.record(success=False, sent=True)
    assert 0.0 < breaker.blocked_for() <= 30.0
    clock.now += 30
    assert breaker.blocked_for() == 0.0


CONNECTED, NOT_CONNECTED = {"success": False, "sent": True}, {"success": False, "sent": False}


@pytest.mark.parametrize(
    ("ended", "unreachable"),
    [
        ([NOT_CONNECTED] * 2, False),
        ([NOT_CONNECTED] * 3, True),
        ([CONNECTED] * 3, False),
        ([NOT_CONNECTED, CONNECTED, NOT_CONNECTED], False),
        ([NOT_CONNECTED] * 3 + [CONNECTED], False),
        ([NOT_CONNECTED] * 3 + [CONNECTED] + [NOT_CONNECTED] * 2, False),
        ([CONNECTED] * 3 + [NOT_CONNECTED] * 2, False),
        ([CONNECTED] * 3 + [NOT_CONNECTED] * 3, True),
        ([NOT_CONNECTED] * 3 + [{"success": True, "sent": True}] + [NOT_CONNECTED] * 2, False),
    ],
)
def test_service_is_unreachable_after_as_many_failed_connections_as_open_it(breaker, ended, unreachable):
    """T40"""
    for call in ended:
        breaker.record(**call)
    assert breaker.unreachable is unreachable
