"""What a call costs beside the official SDK and bare ``requests``, and what sixteen threads get done.

    python -m benchmarks.client [--rounds 15] [--calls 200]

All speak to the same service over connections that are kept, send the same attributes and read the same answer.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from statistics import median as middle
from typing import Any

import requests
from authsignal.client import AuthsignalClient
from authsignal.version import VERSION
from requests.adapters import HTTPAdapter

from benchmarks.findings import Finding, show, us
from benchmarks.pairs import by_turns, median, ratio
from benchmarks.service import Service, serving
from django_authsignal.client import Client
from django_authsignal.client.connections import DeadlineAdapter

SECRET = "a-secret-of-nobody"  # noqa: S105
USER, ACTION = "user-12345", "withdrawFunds"
ATTRIBUTES = {
    "redirectUrl": "https://bank.example/step-up/return/0b7c1a52-3f0e-4c7e-9a65-3d1f5b9e7c20/",
    "ipAddress": "203.0.113.195",
    "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "locale": "en",
    "custom": {"amount": 5000, "currency": "NZD", "payee": "12-3140-0171323-50"},
    "idempotencyKey": "0b7c1a52-3f0e-4c7e-9a65-3d1f5b9e7c20",
}
THREADS = 16
MOST, LEAST = 0.65, 1.6
SDK = f"authsignal {VERSION}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=200, help="calls of each way in each round (default 200)")
    options = parser.parse_args()
    show(findings(options.rounds, options.calls))


def findings(rounds: int, calls: int) -> Iterator[Finding]:
    for tls in (False, True):
        with serving(tls=tls) as service:
            if tls:
                os.environ["REQUESTS_CA_BUNDLE"] = service.authority  # whom a Session trusts
            yield from one_thread(service, "over TLS" if tls else "over HTTP", rounds, calls)
    with serving() as service:
        os.environ.pop("REQUESTS_CA_BUNDLE")
        yield from many_threads(service, rounds, calls)


class Trusting(DeadlineAdapter):
    """Our own adapter with another authority than the world's."""

    def __init__(self, authority: str) -> None:
        super().__init__()
        self._authority = authority

    def send(self, *arguments: Any, **options: Any) -> Any:
        return super().send(*arguments, **{**options, "verify": self._authority})


def our_client(service: Service) -> Client:
    return Client(SECRET, service.url, adapter=Trusting(service.authority) if service.authority else None)


def ours(service: Service) -> Callable[[], Any]:
    client = our_client(service)
    return lambda: client.track_action(USER, ACTION, ATTRIBUTES).state


def sdk(service: Service) -> Callable[[], Any]:
    client = AuthsignalClient(SECRET, api_url=service.url)
    return lambda: client.track(USER, ACTION, ATTRIBUTES)["state"]


def bare_adapter(service: Service) -> Callable[[], Any]:
    adapter, url, verify = HTTPAdapter(), target(service), service.authority or True
    authorization = {"Authorization": "Basic " + b64encode(f"{SECRET}:".encode()).decode()}

    def call() -> Any:
        prepared = requests.Request("POST", url, headers=authorization, json=ATTRIBUTES).prepare()
        return adapter.send(prepared, timeout=2, verify=verify).json()["state"]

    return call


def session(service: Service) -> Callable[[], Any]:
    kept, url = requests.Session(), target(service)
    return lambda: kept.request("POST", url, json=ATTRIBUTES, auth=(SECRET, ""), timeout=2).json()["state"]


def target(service: Service) -> str:
    return f"{service.url}/users/{USER}/actions/{ACTION}"


def one_thread(service: Service, where: str, rounds: int, calls: int) -> Iterator[Finding]:
    ways = {make.__name__: make(service) for make in (ours, sdk, bare_adapter, session)}
    costs = by_turns(ways, rounds=rounds, calls=calls)
    mine, subject = costs["ours"], f"client, a call {where}"
    for measure, words in (("p50", "median"), ("cpu", "CPU")):
        peer = f"{SDK}: {us(median(costs['sdk'], measure))}"
        value = ratio(mine, costs["sdk"], measure)
        yield Finding.at_most(subject, words, us(median(mine, measure)), peer, value, MOST)
    for name, words in (("bare_adapter", "bare HTTPAdapter"), ("session", "Session.request")):
        peer = f"{words}: {us(median(costs[name], 'cpu'))}"
        yield Finding(subject, "CPU", us(median(mine, "cpu")), peer, ratio(mine, costs[name], "cpu"))


def many_threads(service: Service, rounds: int, calls: int) -> Iterator[Finding]:
    mine, peer = ours(service), sdk(service)
    counted: dict[str, list[int]] = {}
    for name, act in (("ours", mine), ("sdk", peer)):
        begun = service.connections()
        together(act, calls)
        warm = service.connections()
        for _ in range(3):
            together(act, calls)
        counted[name] = [warm - begun, service.connections() - warm]
    pairs = [(together(mine, calls), together(peer, calls)) for _ in range(rounds)]
    rates = [middle(THREADS * calls / taken for taken in way) for way in zip(*pairs, strict=True)]
    subject = f"client, {THREADS} threads"
    value = middle(theirs / own for own, theirs in pairs)
    yield Finding.at_least(subject, "calls a second", f"{rates[0]:,.0f}", f"{SDK}: {rates[1]:,.0f}", value, LEAST)
    opened, further = counted["ours"]
    beside = "{} and {}".format(*counted["sdk"])
    met = opened <= THREADS and not further
    yield Finding(
        subject, "connections, and further ones", f"{opened} and {further}", f"{SDK}: {beside}", None, "≤ 16 and 0", met
    )
    opened, further, inherited = after_fork(service, mine, calls)
    met = opened <= THREADS and not further and not inherited
    words = f"{opened} and {further}; {inherited} by the parent"
    yield Finding(subject, "connections of a forked child, and further ones", words, "", None, "≤ 16 and 0", met)


def together(act: Callable[[], Any], calls: int) -> float:
    """Seconds until every thread has made its *calls*."""
    start = threading.Barrier(THREADS + 1)

    def work() -> None:
        start.wait()
        for _ in range(calls):
            act()

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    start.wait()
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begun


def after_fork(service: Service, act: Callable[[], Any], calls: int) -> tuple[int, int, int]:
    """How many connections a forked child opens, how many further ones, and how many its parent afterwards."""
    begun = service.connections()
    sys.stdout.flush()
    child = os.fork()
    if not child:
        together(act, calls)
        opened = service.connections() - begun
        together(act, calls)
        os._exit(opened if service.connections() - begun == opened else 100)
    opened = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    after = service.connections()
    together(act, calls)
    return opened, after - begun - opened, service.connections() - after


if __name__ == "__main__":
    main()
