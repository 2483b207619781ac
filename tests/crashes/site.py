"""The bank under one kind of server, whose workers are killed and replaced, with the service beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from io import StringIO

from django.core.management import call_command
from django.db.models import F

from django_authsignal.models import TrackedAction
from django_authsignal.sandbox.store import Store
from tests.rig.crashes import Trap
from tests.rig.servers import BankServer, gunicorn, gunicorn_sync

from .browser import PATIENCE

# Two workers each, forks of a process that has loaded the bank, replaced when they die.
SERVERS: dict[str, Callable[[int], list[str]]] = {
    "gunicorn sync": partial(gunicorn_sync, workers=2),
    "gunicorn gthread": lambda fd: [*gunicorn(fd), "--preload"],
    "uvicorn": lambda fd: ["tests.crashes.forking", str(fd)],
}
# Under uvicorn the guarded view is an async one.
SETTINGS = {"uvicorn": {"ROOT_URLCONF": "tests.crashes.urls"}}


@dataclass(frozen=True)
class Site:
    kind: str
    server: BankServer
    store: Store
    api_url: str
    trap: Trap

    def listens(self) -> None:
        """From now on the service asks before a challenge may succeed; its logs are sent when a test says so."""
        self.store.send_webhooks(f"{self.server.url}/step-up/webhook/", pause=3600)
        self.store.webhooks.sender.timeout = PATIENCE

    def hears(self) -> dict[str, int]:
        """A minute goes by, the service's logs arrive, and a sync asks for the rest; what the sync counted."""
        assert self.store.webhooks.flush_logs()
        waiting = TrackedAction.objects.filter(status="created")
        waiting.update(created_at=F("created_at") - timedelta(seconds=61))
        out = StringIO()
        call_command("authsignal_sync", json=True, figures=False, verbosity=0, stdout=out)
        return json.loads(out.getvalue())
