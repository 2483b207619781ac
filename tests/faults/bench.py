"""The bench on which F1 to F19 are tried: customer → bank → proxy → hostile service, all sockets real.

While a fault lasts the service is tempting: it works on every call, and its honest answer would be a yes. So a bank
that believes what it must not believe pays.
"""

from __future__ import annotations

import base64
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from django.db import connection
from django.test import AsyncClient, Client

from django_authsignal.models import ActionEvent, TrackedAction
from django_authsignal.sandbox.rules import Outcome, Rules
from django_authsignal.sandbox.store import Store
from django_authsignal.testing.adapter import SandboxAdapter
from example_project.bank.models import Transfer
from tests.doors.steps import answered
from tests.journeys.steps import Form
from tests.rig.hostile import Hostile, Received
from tests.rig.proofs import often
from tests.rig.proxy import Proxy

from .urls import ACTION

SECRET = "sandbox_0f3b7c-the-bench"  # noqa: S105 - of no tenant
BASIC = base64.b64encode(f"{SECRET}:".encode()).decode()
BUDGET = often(1, 16) / 2
"""Seconds that a call may take: the least that settings allow, and at length the default."""
SLACK = 1.0
LONGEST = often(20, 60)
"""Seconds after which a test is stuck."""
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_authsignal.middleware.StepUpMiddleware",
]
"""Without those that only take time: each is some thread hops a request under ASGI."""
ORDER = {"amount": "50", "payee": "Landlord"}
ENROL = "/step-up/enrol/"


class Bench:
    """The service side: what is answered, and what the network does to it."""

    def __init__(self, service: Hostile, proxy: Proxy, store: Store) -> None:
        self.service, self.proxy, self.store = service, proxy, store
        self.origin = store.origin = f"http://{proxy.host}:{proxy.port}"
        self.hosted = SandboxAdapter(store)  # people reach the hosted pages whatever the bank's network is like
        self.written_ahead: list[bool] = []
        service.watch = self._watch

    def _watch(self, request: Received) -> None:
        """Look, over a connection of one's own, whether what is asked about is committed already."""
        payload = request.json if request.method == "POST" else {}
        rows = TrackedAction.objects.filter(environment="sandbox")
        if "idempotencyKey" in payload:
            self.written_ahead.append(rows.filter(idempotency_key=payload["idempotencyKey"]).exists())
        elif "token" in payload:
            self.written_ahead.append(rows.filter(authsignal_user_id=payload["userId"], status="pending").exists())
        connection.close()

    def decide(self, outcome: Outcome) -> None:
        self.store.force(ACTION, outcome)

    def calm(self) -> None:
        """The fault is over: the network is there, and the service honest."""
        self.service.calm()
        self.proxy.calm()
        self.proxy.up()

    def settings(self) -> dict[str, Any]:
        return {
            "ROOT_URLCONF": "tests.faults.urls",
            "MIDDLEWARE": MIDDLEWARE,
            "AUTHSIGNAL_SECRET": SECRET,
            "AUTHSIGNAL_API_URL": f"{self.origin}/v1",
            "AUTHSIGNAL_ADAPTER": None,  # the client's own, with the connections that it keeps
            "AUTHSIGNAL_SITE_URL": "http://testserver",
            "AUTHSIGNAL_TIMEOUT": BUDGET,
        }


@contextmanager
def a_bench() -> Iterator[Bench]:
    store = Store(Rules(enrol_everyone=True), secret=SECRET)
    with Hostile(store) as service, Proxy(("127.0.0.1", service.port)) as proxy:
        yield Bench(service, proxy, store)


class Customer:
    """Somebody with a browser (sync) or a script (async) before the payment, and their part of the ledger."""

    def __init__(self, bench: Bench, user: Any, door: str) -> None:
        self.bench, self.user, self.door = bench, user, door
        self.client = (Client if door == "sync" else AsyncClient)(raise_request_exception=False)
        self.client.force_login(user)

    @property
    def effects(self) -> int:
        return Transfer.objects.filter(account__user=self.user).count()

    @property
    def rows(self) -> list[TrackedAction]:
        return list(TrackedAction.objects.filter(user=self.user).order_by("pk"))

    @property
    def recorded(self) -> set[str]:
        """The kinds of events in the history of this customer's actions."""
        return set(ActionEvent.objects.filter(action__user=self.user).values_list("kind", flat=True))

    def pay(self, key: object = None) -> Any:
        """Submit the order; *key* names the row, as a script does that sends again."""
        if self.door == "sync":
            return self.send("post", "/pay/sync/", ORDER)
        headers = {"Accept": "application/json"} | ({"Authsignal-Step-Up": str(key)} if key else {})
        return self.send("post", "/pay/async/", ORDER, content_type="application/json", headers=headers)

    def pay_again(self, stopped: Any) -> Any:
        """Press Continue on the holding page, or send again naming the row."""
        if self.door == "async":
            return self.pay(stopped.step_up.key)
        form = Form(stopped)
        return self.send("post", form.action, form.data)

    def passes(self, stopped: Any) -> str:
        """Pass the challenge on the hosted page; the path to come back on, token included."""
        form = {"do": "verify", "code": self.bench.store.code}
        return self._leaves(str(stopped.step_up.url), form)

    def enrols(self, hosted: str) -> str:
        """Enrol on the hosted page; the path to come back on."""
        return self._leaves(hosted, {"do": "enrol", "method": "SMS", "phoneNumber": "+64271234567"})

    def _leaves(self, hosted: str, form: dict[str, str]) -> str:
        page = self.bench.hosted.browse("POST", hosted, form)
        return urlsplit(page.headers["Location"])._replace(scheme="", netloc="").geturl()

    def send(self, verb: str, *args: Any, **kwargs: Any) -> Any:
        return answered(self.client, verb, *args, **kwargs)

    def pays_once(self) -> None:
        """From the first submit to the end: one challenge, one effect, and no second one."""
        stopped = self.pay()
        assert (stopped.status_code, self.effects) == (403, 0)
        assert self.send("get", self.passes(stopped)).status_code == 303
        self.spends_once(stopped)

    def spends_once(self, stopped: Any) -> None:
        assert (self.pay_again(stopped).status_code, self.effects) == (200, 1)
        assert (self.pay_again(stopped).status_code, self.effects) == (409, 1)


@contextmanager
def alarm(seconds: int = LONGEST) -> Iterator[None]:
    """Fail, instead of waiting for ever, where a timeout is missing."""

    def stuck(*args: object) -> None:
        raise AssertionError(f"still waiting after {seconds} seconds")

    assert threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGALRM, stuck)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
