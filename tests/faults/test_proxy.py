"""The fault rig itself: a proxy that did not break what it says it breaks would prove nothing."""

from __future__ import annotations

import socket
import time
from contextlib import contextmanager

import pytest

from tests.rig.proxy import CLOSE, HANG, RESET, Fault, Proxy

from .echo import echo


@pytest.fixture
def rig():
    with echo() as (address, seen), Proxy(address) as proxy:
        proxy.seen = seen
        yield proxy


@contextmanager
def connected(proxy):
    with socket.create_connection((proxy.host, proxy.port), timeout=2) as client:
        yield client


def ask(client, data=b"hello"):
    client.sendall(data)
    return client.recv(65536)


def everything(client):
    received = b""
    while more := client.recv(65536):
        received += more
    return received


def test_without_a_fault_all_passes(rig):
    with connected(rig) as client:
        assert ask(client) == b"answer:hello"
        assert ask(client, b"again") == b"answer:again"
    assert (rig.sent, rig.struck) == ([b"helloagain"], [])


def test_unix_socket_upstream(tmp_path):
    with (
        echo(str(tmp_path / "socket")) as (path, _),
        Proxy(path) as proxy,
        connected(proxy) as client,
    ):
        assert ask(client) == b"answer:hello"


def test_latency(rig):
    rig.plan(Fault(latency=0.2))
    with connected(rig) as client:
        begin = time.monotonic()
        assert ask(client) == b"answer:hello"
        assert time.monotonic() - begin >= 0.2
        assert ask(client, b"quick") == b"answer:quick"
        assert time.monotonic() - begin < 0.4


def test_drip_is_one_byte_at_a_time(rig):
    rig.plan(Fault(drip=0.02))
    with connected(rig) as client:
        assert ask(client) == b"a"
        time.sleep(0.05)
        assert 1 <= len(client.recv(100)) <= 4


def test_reset_before_the_upstream_knows(rig):
    rig.plan(Fault(at_once=True, end=RESET))
    with connected(rig) as client, pytest.raises(ConnectionResetError):
        ask(client)
    assert rig.seen == []


@pytest.mark.parametrize("limit", [0, 3])
def test_reset_after_the_upstream_acted(rig, limit):
    rig.plan(Fault(limit=limit, end=RESET))
    with connected(rig) as client:
        client.sendall(b"hello")
        with pytest.raises(ConnectionResetError):
            everything(client)
    assert rig.seen == [b"hello"]


def test_truncation_ends_orderly(rig):
    rig.plan(Fault(limit=3, end=CLOSE))
    with connected(rig) as client:
        client.sendall(b"hello")
        assert everything(client) == b"ans"


def test_limit_that_the_answer_just_fits_cuts_nothing(rig):
    rig.plan(Fault(limit=12))
    with connected(rig) as client:
        assert ask(client) == b"answer:hello"
        assert ask(client, b"next") == b"answer:next"


@pytest.mark.parametrize(("at_once", "seen"), [(True, []), (False, [b"hello"])])
def test_half_open_swallows(rig, at_once, seen):
    rig.plan(Fault(at_once=at_once, limit=0, end=HANG))
    with connected(rig) as client:
        client.settimeout(0.1)
        with pytest.raises(TimeoutError):
            ask(client)
        with pytest.raises(TimeoutError):
            ask(client)
    assert rig.seen == seen


def test_idle_connection_dropped_silently(rig):
    with connected(rig) as old, connected(rig) as new:
        ask(old)
        rig.drop(HANG)
        old.settimeout(0.1)
        with pytest.raises(TimeoutError):
            ask(old)
        new.close()
    with connected(rig) as client:
        assert ask(client) == b"answer:hello"


@pytest.mark.parametrize("how", [RESET, CLOSE])
def test_idle_connection_ended(rig, how):
    with connected(rig) as client:
        ask(client)
        rig.drop(how)
        if how == CLOSE:
            assert client.recv(1) == b""
        else:
            with pytest.raises(ConnectionResetError):
                client.recv(1)


@pytest.mark.parametrize("fault", [Fault(slow_close=0.2), Fault(limit=7, end=CLOSE, slow_close=0.2)])
def test_slow_close(rig, fault):
    rig.plan(fault)
    begin = time.monotonic()
    with connected(rig) as client:
        client.sendall(b"bye")
        everything(client)
    assert time.monotonic() - begin >= 0.2


def test_down_refuses_and_up_serves_again(rig):
    with connected(rig) as client:
        ask(client)
        rig.down()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    with pytest.raises(ConnectionRefusedError), connected(rig):
        pass
    rig.up()
    with connected(rig) as client:
        assert ask(client) == b"answer:hello"


def test_pause_and_resume(rig):
    rig.pause()
    with connected(rig) as client:
        client.settimeout(0.1)
        with pytest.raises(TimeoutError):
            ask(client)
        assert rig.seen == []
        rig.resume()
        client.settimeout(2)
        assert client.recv(100) == b"answer:hello"


def test_pattern_that_goes_up_is_passed_on_and_its_answer_cut(rig):
    rig.plan(Fault(on=b"COMMIT", limit=0))
    with connected(rig) as client:
        assert ask(client, b"INSERT") == b"answer:INSERT"
        with pytest.raises(ConnectionResetError):
            ask(client, b"COMMIT")
    assert rig.seen == [b"INSERT", b"COMMIT"]


def test_pattern_may_come_in_two_pieces(rig):
    rig.plan(Fault(on=b"COMMIT", limit=0))
    rig.pause()
    with connected(rig) as client:
        client.sendall(b"COM")
        time.sleep(0.05)
        client.sendall(b"MIT")
        rig.resume()
        with pytest.raises(ConnectionResetError):
            everything(client)
    patience = time.monotonic() + 5
    while b"".join(rig.seen) != b"COMMIT":  # the upstream's own thread may note it a moment later
        assert time.monotonic() < patience


def test_pattern_of_an_earlier_exchange_is_past(rig):
    with connected(rig) as client:
        ask(client, b"COMMIT")
        rig.plan(Fault(on=b"COMMIT", limit=0))
        assert ask(client, b"BEGIN") == b"answer:BEGIN"
    assert rig.struck == []


def test_pattern_that_never_reaches_the_upstream(rig):
    rig.plan(Fault(on=b"COMMIT", at_once=True))
    with connected(rig) as client:
        ask(client, b"INSERT")
        with pytest.raises(ConnectionResetError):
            ask(client, b"COMMIT")
    assert rig.seen == [b"INSERT"]


@pytest.mark.parametrize(
    ("fault", "passed"),
    [
        (Fault(on=b"wer", side="down", limit=0, end=CLOSE), b"answer"),
        (Fault(on=b"wer", side="down", at_once=True, end=CLOSE), b"ans"),
        (Fault(on=b"wer", side="down", limit=2, end=CLOSE), b"answer:h"),
    ],
)
def test_pattern_in_the_answer(rig, fault, passed):
    rig.plan(fault)
    with connected(rig) as client:
        client.sendall(b"hello")
        assert everything(client) == passed


def test_faults_are_met_in_turn_and_then_none(rig):
    first, second = Fault(limit=1, end=CLOSE), Fault(limit=2, end=CLOSE)
    rig.plan(first, second)
    for expected in (b"a", b"an"):
        with connected(rig) as client:
            client.sendall(b"hello")
            assert everything(client) == expected
    with connected(rig) as client:
        assert ask(client) == b"answer:hello"
    assert rig.struck == [first, second]


def test_fault_of_every_exchange_lasts_until_calm(rig):
    rig.always = Fault(limit=1, end=CLOSE)
    for _ in range(2):
        with connected(rig) as client:
            client.sendall(b"hello")
            assert everything(client) == b"a"
    rig.calm()
    with connected(rig) as client:
        assert ask(client) == b"answer:hello"


def test_upstream_that_is_gone_leaves_no_answer(unused_port):
    with Proxy(("127.0.0.1", unused_port)) as proxy, connected(proxy) as client:
        assert everything(client) == b""


@pytest.fixture
def unused_port():
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        yield place.getsockname()[1]
