"""Authsignal's API on a real socket, in front of a sandbox's memory: honest until a test scripts what it answers.

    with Hostile(store) as service:
        service.answer("/validate", json_with(isValid="true"))     # until service.calm()

An answer is made of the honest one, so that what is wrong with it is all that is wrong with it: a 500 that carries
the ALLOW, a redirect to where the ALLOW is, an ALLOW about somebody else.
"""

from __future__ import annotations

import http.client
import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

import requests

from django_authsignal.sandbox.store import Store
from django_authsignal.testing.adapter import SandboxAdapter

__all__ = ["ABSENT", "Answer", "Hostile", "Received", "body", "json_with", "raw", "response", "status"]

ABSENT = object()
PATIENCE = 10  # seconds that a connection may be idle


@dataclass(frozen=True)
class Received:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body or b"{}")


@dataclass(frozen=True)
class Answer:
    """Makes the bytes of an answer, all at once or one after the other, of the honest answer's body."""

    make: Callable[[bytes], bytes | Iterable[bytes]]
    ends: bool = False
    """The connection is closed afterwards."""


def response(content: bytes, code: int = 200, **headers: object) -> bytes:
    """A well-formed response, but for what *headers* (``Retry_After=1``) say."""
    known = {"Content-Type": "application/json", "Content-Length": len(content)}
    given = known | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {code} {http.client.responses.get(code, 'Odd')}", *(f"{k}: {v}" for k, v in given.items())]
    return "\r\n".join([*lines, "", ""]).encode() + content


def status(code: int, **headers: object) -> Answer:
    """The honest body under another status."""
    return Answer(lambda honest: response(honest, code, **headers))


def body(make: bytes | Callable[[bytes], bytes], **headers: object) -> Answer:
    """200 with another body, which may be made of the honest one."""
    return Answer(lambda honest: response(make(honest) if callable(make) else make, **headers))


def json_with(**members: Any) -> Answer:
    """The honest object with *members* in place of its own; ABSENT takes one away."""

    def change(honest: bytes) -> bytes:
        changed = {**json.loads(honest), **members}
        return json.dumps({name: value for name, value in changed.items() if value is not ABSENT}).encode()

    return body(change)


def raw(make: Callable[[bytes], bytes | Iterable[bytes]], *, ends: bool = True) -> Answer:
    """Exactly these bytes, status line included; then the connection ends."""
    return Answer(make, ends)


class Hostile:
    """Serves *store* on a free port of 127.0.0.1 while used as a context manager; over TLS with a *context*."""

    def __init__(self, store: Store, context: ssl.SSLContext | None = None) -> None:
        self._honest = SandboxAdapter(store)
        self._answers: dict[str, Answer] = {}
        self.requests: list[Received] = []
        """Everything that was asked, oldest first."""
        self.watch: Callable[[Received], Any] = lambda request: None
        """Called with each request before it is worked on."""
        self._server = _Server(("127.0.0.1", 0), _handler(self, context))
        self.port: int = self._server.server_address[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE)

    def answer(self, part: str, answer: Answer) -> None:
        """Answer every request whose first line contains *part* so, after having worked on it, until ``calm()``."""
        self._answers[part] = answer

    def calm(self) -> None:
        """Be honest again."""
        self._answers.clear()

    def reply(self, request: Received) -> tuple[bytes | Iterable[bytes], bool]:
        """The bytes to answer *request* with, and whether the connection ends then."""
        self.requests.append(request)
        self.watch(request)
        asked = requests.Request(request.method, f"http://{request.headers['host']}{request.target}", request.headers)
        prepared = asked.prepare()
        prepared.url, prepared.body = str(asked.url), request.body
        honest = self._honest.answer(prepared)
        for part, answer in self._answers.items():
            if part in f"{request.method} {request.target}":
                return answer.make(honest.content), answer.ends
        return response(honest.content, honest.status_code), False


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gives up, or that does not trust us, is what the tests are about."""


def _handler(service: Hostile, context: ssl.SSLContext | None) -> type[socketserver.StreamRequestHandler]:
    class Handler(socketserver.StreamRequestHandler):
        disable_nagle_algorithm = True
        timeout = PATIENCE

        def setup(self) -> None:
            if context:
                self.request.settimeout(PATIENCE)
                self.request = context.wrap_socket(self.request, server_side=True)
            super().setup()

        def handle(self) -> None:
            with suppress(OSError):
                while request := self._read():
                    answer, ends = service.reply(request)
                    for piece in [answer] if isinstance(answer, bytes) else answer:
                        self.wfile.write(piece)
                    if ends:
                        return

        def _read(self) -> Received | None:
            words = self.rfile.readline().decode("latin-1").split()
            if len(words) != 3 or not words[2].startswith("HTTP/"):  # a TLS hello, for one
                return None
            headers = {name.lower(): value for name, value in http.client.parse_headers(self.rfile).items()}
            content = self.rfile.read(int(headers.get("content-length", 0)))
            return Received(words[0], words[1], headers, content)

        def finish(self) -> None:
            super().finish()
            with suppress(OSError):
                self.request.shutdown(socket.SHUT_RDWR)
            self.request.close()

    return Handler
