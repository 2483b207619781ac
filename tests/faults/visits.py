"""One customer's journey, up to the step in which something fails, and to its end afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import connections
from django.test import AsyncClient, Client

from django_authsignal.client.signature import HEADER
from django_authsignal.models import TrackedAction
from tests.doors.steps import answered
from tests.journeys import views
from tests.webhooks.events import PATH, encoded, log, signed

VIEWS = {"sync": "/act/", "async": "/async/"}  # of tests/journeys/urls.py
TRIES = 5
GOES_WELL = {"track": 403, "return": 303, "spend": 200, "webhook": 200, "enrol": 303}
"""What the request of each site is answered: a challenge, our own page, the view, thanks, the hosted page."""
BEFORE = {"track": [], "return": ["pending"], "spend": ["approved"], "webhook": ["pending"], "enrol": []}
"""The rows that the request of each site finds, and leaves if it fails in time."""


class Visit:
    """A customer before a view, sync or async, whose effects are counted outside any database.

    `answer = visit.at("spend")()` is the answer to the request that spends an approval, all before it having gone well.
    """

    action = "act"

    def __init__(self, kit: Any, user: Any, door: str) -> None:
        self.kit, self.user, self.path = kit, user, VIEWS[door]
        self.client = (Client if door == "sync" else AsyncClient)(raise_request_exception=False)
        self.client.force_login(user)
        self.kit.challenge(self.action)
        self.site = ""
        views.DONE.clear()

    @property
    def effects(self) -> int:
        return len(views.DONE)

    @property
    def rows(self) -> list[str]:
        """Where every action of the customer's stands, oldest first."""
        fresh_connections()
        rows = TrackedAction.objects.filter(user_id=self.user.pk).order_by("pk")
        return list(rows.values_list("status", flat=True))

    @property
    def calls(self) -> int:
        """How many requests have reached the service."""
        return len(self.kit.requests)

    def at(self, site: str) -> Callable[[], Any]:
        """Go to where the request of *site* is the next one; how to send it, as often as one likes."""
        self.site = site
        if site == "track":
            return self.submit
        if site == "enrol":
            self.kit.unenrolled(self.user)
            return self.enrol
        assert self.submit().status_code == 403
        row = TrackedAction.objects.get(user_id=self.user.pk)
        if site == "webhook":
            return self.heard(log(row, "BLOCK"))
        back = self.passed(row)
        if site == "return":
            return lambda: self.send("get", back)
        assert self.send("get", back).status_code == 303
        assert self.rows == ["approved"]
        return self.submit

    def submit(self, key: Any = None) -> Any:
        """The request that needs an approval; *key* names the row, as a script does that sends again."""
        headers = {"Authsignal-Step-Up": str(key)} if key else {}
        return self.send("post", self.path, {"amount": "5"}, headers=headers)

    def enrol(self) -> Any:
        return self.send("post", "/step-up/enrol/", {})

    def heard(self, event: Any) -> Callable[[], Any]:
        """The service sends a webhook now; how it comes in."""
        body = encoded(event)
        sent = {"data": body, "content_type": "application/json", "headers": {HEADER: signed(body)}}
        return lambda: self.send("post", PATH, **sent)

    def passed(self, row: TrackedAction) -> str:
        """The challenge of *row* is passed on the hosted page; the path that its user comes back on."""
        store = self.kit.store
        action = store.action(row.authsignal_user_id, row.action, str(row.idempotency_key))
        action = store.update_action(action, state="CHALLENGE_SUCCEEDED", method="SMS")
        return f"/step-up/return/{action.key}/?token={store.token(action)}"

    def send(self, verb: str, *args: Any, **kwargs: Any) -> Any:
        """Send a request as if it were the next one of a server's worker."""
        fresh_connections()
        return answered(self.client, verb, *args, **kwargs)

    def denied(self, answer: Any) -> None:
        """*answer* is one that its reader can do something about, and nothing was done."""
        said = (answer.status_code, answer.headers["Retry-After"], self.effects)
        assert said == (503, "30" if self.site == "webhook" else "10", 0)

    def recovers(self, request: Callable[[], Any]) -> None:
        """*request* goes well when it is sent once more, and so does the rest of the journey."""
        assert request().status_code == GOES_WELL[self.site]
        self.finish()

    def finish(self) -> None:
        """Whatever has happened, try until the view has run once more: by one approval, which then is used up."""
        self.kit.enrol(self.user)
        before = self.effects
        for _ in range(TRIES):
            if self.submit().status_code == 200:
                break
            for row in TrackedAction.objects.filter(user_id=self.user.pk, status="pending"):
                self.send("get", self.passed(row))
        assert self.effects == before + 1
        assert (self.submit().status_code, self.effects) == (403, before + 1)


def fresh_connections() -> None:
    """What Django does before each request of a server; a test's own transaction is left open."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
