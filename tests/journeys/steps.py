"""What a customer's browser does, and what the network does to it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

from django.test import Client
from urllib3 import HTTPResponse

from django_authsignal.models import TrackedAction
from django_authsignal.testing.adapter import SandboxAdapter

ABSENT = object()


class Form(HTMLParser):
    """The form of a holding page."""

    def __init__(self, page: Any) -> None:
        super().__init__()
        self.action = ""
        self.hidden: list[tuple[str, str]] = []
        self.asked: dict[str, str] = {}
        self.feed(page.content.decode())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag == "form":
            self.action = given["action"]
        elif tag == "input" and given["type"] == "hidden":
            self.hidden.append((given["name"], given["value"] or ""))
        elif tag == "input":
            self.asked[given["name"]] = given["type"]

    @property
    def data(self) -> dict[str, list[str]]:
        fields: dict[str, list[str]] = {}
        for name, value in self.hidden:
            fields.setdefault(name, []).append(value)
        return fields


def press_continue(client: Client, page: Any, **typed: Any) -> Any:
    """Send the holding page's form as a browser would, with what it asks for typed in."""
    form = Form(page)
    return client.post(form.action, {**form.data, **typed})


def same_browser(client: Client) -> Client:
    """A second tab: the same cookies."""
    other = Client()
    other.cookies = client.cookies
    return other


def row(response: Any) -> TrackedAction:
    """The row of the action that *response* challenges."""
    return TrackedAction.objects.get(idempotency_key=response.step_up.key)


def statuses() -> list[str]:
    """Where every action stands, oldest first."""
    return list(TrackedAction.objects.order_by("pk").values_list("status", flat=True))


class Edge(SandboxAdapter):
    """The sandbox behind a network in which things happen at the worst moment."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self._events: list[tuple[str, Callable[[], Any]]] = []
        self.results: list[Any] = []
        self.members: dict[str, Any] = {}
        """Members to put into every answer in place of the service's own; ABSENT takes one away."""

    def during(self, part: str, event: Callable[[], Any]) -> None:
        """Let *event* happen once, while a call whose path contains *part* is under way."""
        self._events.append((part, event))

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        answer = super().send(request, *args, **kwargs)
        due = [(part, event) for part, event in self._events if part in request.url]
        self._events = [known for known in self._events if known not in due]
        self.results += [event() for _, event in due]
        return self._rewritten(request, answer) if self.members else answer

    def _rewritten(self, request: Any, answer: Any) -> Any:
        members = {**answer.json(), **self.members}
        body = json.dumps({name: value for name, value in members.items() if value is not ABSENT}).encode()
        headers = {"Content-Type": "application/json"}
        raw = HTTPResponse(io.BytesIO(body), headers=headers, status=answer.status_code, preload_content=False)
        return self.build_response(request, raw)
