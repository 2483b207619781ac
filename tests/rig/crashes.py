"""Kill this process (SIGKILL) at a named point. Part of the tests, so no project can switch it on.

``BANK_TEST_CRASH="K2"`` kills the process the first time it comes to K2, ``"K2:5"`` the fifth time. The path of a file
instead lets a server go on dying and being restarted: see Trap. The points:

    K0       a row of the history is about to be written
    K1       a call is about to be sent
    K2       the service has acted, its answer is not read
    K3       the answer is read, nothing of it is saved
    K4       a challenge is saved, the user is not sent there yet
    K5       as K3, of the call that validates a challenge
    K6       an approval is saved
    K7       an approval is spent, the view has not run
    K8       the view's effect is committed, its answer not sent
    K9       a webhook has had its effect, it is not answered
    written  a statement has changed the history, its transaction is not committed
    saved    a change of the history is committed
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from django.apps import AppConfig
from django.conf import settings
from django.db import transaction
from django.db.backends.signals import connection_created
from django.db.models.signals import post_save

from django_authsignal.client.connections import DeadlineAdapter

SIGNALS = {
    "K4": "step_up_challenged",
    "K6": "step_up_approved",
    "K7": "step_up_spent",
    "K9": "webhook_received",
}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Crash(Protocol):
    """Where a process ends."""

    def at(self, point: str) -> None:
        """Be killed here if this is the point."""


class Visit:
    """The n-th time that this process comes to a point: ``"K2:5"``."""

    def __init__(self, text: str) -> None:
        self._point, _, times = text.partition(":")
        self._last = int(times or 1)
        self._visits = count(1)  # next() is atomic: calls are made by several threads

    def at(self, point: str) -> None:
        if point == self._point and next(self._visits) == self._last:
            die()


class Trap:
    """A file that names a point. Of all processes that look at it, the first to come there is killed, and only that.

    Set again, it waits for the next one: the server that restarts its workers needs no restart itself.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    @contextmanager
    def set(self, point: str) -> Iterator[None]:
        """Somebody must be killed at *point* meanwhile."""
        written = self._path.with_suffix(".new")
        written.write_text(point)
        written.replace(self._path)  # at once: nobody reads half a name
        try:
            yield
            assert not self._path.exists(), f"nobody came to {point}"
        finally:
            self._path.unlink(missing_ok=True)

    def at(self, point: str) -> None:
        with suppress(FileNotFoundError):  # nothing is set, or somebody else was first
            if self._path.read_text() == point:
                self._path.unlink()
                die()


def crash_of(text: str) -> Crash:
    return Trap(text) if "/" in text else Visit(text)


class Adapter(DeadlineAdapter):
    """The client's own way to the network, with a sudden end before, during or after a call."""

    def __init__(self, crash: Crash) -> None:
        super().__init__()
        self._crash = crash

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        self._crash.at("K1")
        response = super().send(request, *args, **kwargs)
        self._crash.at("K2")
        close = response.close  # the client closes a response once it has read it

        def closed() -> None:
            close()
            self._crash.at("K3")
            if request.url.endswith("/validate"):
                self._crash.at("K5")

        response.close = closed
        return response


class Statements:
    """Watches what is written to the history."""

    def __init__(self, crash: Crash) -> None:
        self._crash = crash

    def watch(self, connection: Any, **kwargs: Any) -> None:
        connection.execute_wrappers.append(self)

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        verb, _, rest = sql.partition(" ")
        ours = verb in ("INSERT", "UPDATE", "DELETE") and '"authsignal_' in rest[:40]
        if ours and verb == "INSERT" and "trackedaction" in rest[:40]:
            self._crash.at("K0")
        result = execute(sql, params, many, context)
        if ours:
            self._crash.at("written")
            transaction.on_commit(lambda: self._crash.at("saved"), using=context["connection"].alias)
        return result


class Crashes(AppConfig):
    """Installed by tests/settings.py in a process that is meant to die."""

    name = "tests.rig"

    def ready(self) -> None:
        from django_authsignal import signals
        from example_project.bank.models import Transfer

        crash = crash_of(os.environ["BANK_TEST_CRASH"])
        settings.AUTHSIGNAL_ADAPTER = Adapter(crash)
        connection_created.connect(Statements(crash).watch, weak=False)
        for point, name in SIGNALS.items():
            getattr(signals, name).connect(lambda point=point, **kwargs: crash.at(point), weak=False)
        post_save.connect(lambda **kwargs: transaction.on_commit(lambda: crash.at("K8")), sender=Transfer, weak=False)
