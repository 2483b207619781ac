"""How many decisions a second the example bank makes under gunicorn, and how many plain pages.

    python -m benchmarks.decisions [--database sqlite|postgresql] [--workers 2] [--seconds 5] [--callers 8]

A decision is the whole of a quick payment that the service allows: session, user, form, the row, the call to the
service, the spend, and then the bank's own transfer of the money. The stand-in for the service answers at once, and it,
the database and the callers run on the same machine: a real service is slower by its distance, and asks for more
threads, not for more processor time.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from benchmarks.database import KINDS, database
from benchmarks.findings import Finding, show
from benchmarks.service import serving

TOKEN = "t" * 32  # noqa: S105 - a CSRF cookie and header that agree
PAYMENT = json.dumps({"payee": "12-3140-0171323-50", "amount": "1.00", "reference": "rent"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=KINDS, default="postgresql")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--callers", type=int, default=8, help="customers who pay at once (default 8)")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with serving() as service, database(options.database, AUTHSIGNAL_API_URL=service.url):
        show(findings(options, service.url))


def findings(options: argparse.Namespace, api_url: str) -> Iterator[Finding]:
    from django.db import connection

    from tests.rig.servers import serve_bank

    sessions = [signed_in(f"customer{number}") for number in range(options.callers)]
    with serve_bank(dict(connection.settings_dict), api_url, workers=options.workers) as bank:
        callers = [Caller(bank.url, session) for session in sessions]
        together(callers, "pay", 1)  # warms up
        rates: dict[str, list[float]] = {"pay": [], "look": []}
        for _ in range(options.rounds):
            for what in rates:
                rates[what].append(together(callers, what, options.seconds))
    pay, look = (statistics.median(rates[what]) for what in rates)
    subject = f"the bank, {options.workers} workers, {options.database}"
    yield Finding(subject, "decisions a second", f"{pay:,.0f}", f"its ungated page: {look:,.0f} a second")


def signed_in(name: str) -> str:
    """The session key of a new customer with a fortune."""
    from django.test import Client

    from example_project.bank.models import Account
    from example_project.bank.seed import open_account

    user = open_account(name)
    Account.objects.filter(user=user).update(balance=10_000_000)
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value


class Caller:
    """A customer with a connection that is kept."""

    def __init__(self, url: str, session: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
        cookies = f"sessionid={session}; csrftoken={TOKEN}"
        self._headers = {"Cookie": cookies, "X-CSRFToken": TOKEN, "Accept": "application/json"}

    def pay(self) -> None:
        self._ask("POST", "/fetch/payments/", PAYMENT)

    def look(self) -> None:
        self._ask("GET", "/fetch/")

    def _ask(self, method: str, path: str, body: str | None = None) -> None:
        self._connection.request(method, path, body, {**self._headers, "Content-Type": "application/json"})
        response = self._connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise RuntimeError(f"{response.status} {content!r}")


def together(callers: list[Caller], what: str, seconds: float) -> float:
    """How often a second all of them do it."""
    counts: list[int] = []
    end = time.monotonic() + seconds

    def work(caller: Caller) -> None:
        count, act = 0, getattr(caller, what)
        while time.monotonic() < end:
            act()
            count += 1
        counts.append(count)

    begun = time.monotonic()
    threads = [threading.Thread(target=work, args=[caller]) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(counts) < len(callers):
        raise RuntimeError("a caller was turned away")
    return sum(counts) / (time.monotonic() - begun)


if __name__ == "__main__":
    main()
