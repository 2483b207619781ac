"""What callers of every kind do: send a request, pass its challenge, send it again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from asgiref.sync import async_to_sync, iscoroutinefunction
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import MULTIPART_CONTENT

from django_authsignal.testing import acomplete_step_up, complete_step_up
from tests.journeys.steps import Form

JSON = {"amount": 5, "to": ["Ann", "Bob"]}
SCAN = b"\x00\xff a scan"
HOSTED = "http://sandbox.localhost/"


@dataclass(frozen=True)
class Shape:
    """One kind of request, and what a view must see of it."""

    method: str
    query: str = ""
    form: dict[str, Any] = field(default_factory=dict)
    file: bytes = b""
    json: Any = None

    @property
    def is_form(self) -> bool:
        return self.json is None and self.method == "POST"

    @property
    def seen(self) -> dict[str, Any]:
        query: dict[str, list[str]] = {}
        for pair in filter(None, self.query.removeprefix("?").split("&")):
            name, _, value = pair.partition("=")
            query.setdefault(name, []).append(value)
        form = {name: value if isinstance(value, list) else [value] for name, value in self.form.items()}
        files = {"scan": [("scan.pdf", self.file)]} if self.file else {}
        return {"method": self.method, "query": query, "form": form, "files": files, "json": self.json}


SHAPES = {
    "get": Shape("GET", "?page=2"),
    "post": Shape("POST", form={"amount": "5", "note": "a\r\nb"}),
    "query": Shape("POST", "?to=Ann&to=Bob", {"amount": "5"}),
    "repeated": Shape("POST", form={"to": ["Ann", "Bob", "Ann"], "empty": ""}),
    "file": Shape("POST", form={"title": "x"}, file=SCAN),
    "json": Shape("POST", "?dry=no", json=JSON),
    "put": Shape("PUT", json=JSON),
    "delete": Shape("DELETE", "?force=1"),
}


def answered(client: Any, verb: str, *args: Any, **kwargs: Any) -> Any:
    """Send with a sync client or an async one."""
    send = getattr(client, verb)
    return async_to_sync(send)(*args, **kwargs) if iscoroutinefunction(send) else send(*args, **kwargs)


def passed(client: Any, response: Any, result: str = "approve") -> Any:
    """The way to the hosted page and back, with either client."""
    if iscoroutinefunction(client.get):
        return async_to_sync(acomplete_step_up)(client, response, result)
    return complete_step_up(client, response, result)


def send(client: Any, path: str, shape: Shape, key: Any = None, **extra: Any) -> Any:
    """Send *shape* to *path*; *key* is the row that a script names when it sends again."""
    headers = {"Authsignal-Step-Up": str(key)} if key else {}
    if shape.json is not None:
        kwargs = {"data": shape.json, "content_type": "application/json"}
    elif shape.is_form:
        scan = {"scan": SimpleUploadedFile("scan.pdf", shape.file, "application/pdf")} if shape.file else {}
        kwargs = {"data": {**shape.form, **scan}, "content_type": MULTIPART_CONTENT}
    else:
        kwargs = {}
    return answered(client, shape.method.lower(), path + shape.query, **kwargs, headers=headers, **extra)


def resume(client: Any, path: str, shape: Shape, stopped: Any) -> Any:
    """After the challenge: a browser presses Continue or is led back; a script sends again, naming the row."""
    if not shape.is_form:
        return send(client, path, shape, None if shape.method == "GET" else stopped.step_up.key)
    form = Form(stopped)
    scan = {"scan": SimpleUploadedFile("scan.pdf", shape.file, "application/pdf")} if shape.file else {}
    assert form.asked == ({"scan": "file"} if shape.file else {})
    return answered(client, "post", form.action, {**form.data, **scan})


def follow(client: Any, response: Any, result: str = "approve", most: int = 19) -> Any:
    """Follow redirects as a browser does, which gives up after 20; on the hosted page, *result* happens at once."""
    for _ in range(most):
        if response.status_code not in (301, 302, 303, 307):
            return response
        where = response["Location"]
        if where.startswith(HOSTED):
            response = complete_step_up(client, response, result)
        else:
            response = client.get(urlsplit(where)._replace(scheme="", netloc="").geturl())
    raise AssertionError(f"a loop: still redirected to {response['Location']} after {most} redirects")
