"""What F1 to F19 look like at the webhook: deliveries that arrive badly, at a bank in server processes of its own."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

from django_authsignal.client.signature import HEADER
from tests.races.volley import encoded
from tests.rig.proofs import often
from tests.webhooks.events import PATH, signed

__all__ = ["DELIVERIES", "Delivery", "Line"]

REFUSED, HEARD = (400,), (200,)
CUT = (None, 400)
"""The connection ends without an answer, or with one that nobody reads."""
WAIT = often(4, 40) / 10
"""Seconds that a sender stops in the middle."""
TIMEOUT = 10
LARGE = 5 * 1024 * 1024


class Line:
    """A raw connection to the bank, and what is sent over it."""

    def __init__(self, url: str, meanwhile: Callable[[], None]) -> None:
        self.url, self.meanwhile = url, meanwhile
        address = urlsplit(url)
        self._socket = socket.create_connection((address.hostname, address.port), timeout=TIMEOUT)

    def close(self) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def wait(self) -> None:
        """Stop sending for a while; others must be served meanwhile."""
        self.meanwhile()
        time.sleep(WAIT)
        self.meanwhile()

    def reset(self) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def end(self) -> None:
        """Send no more, but listen."""
        self._socket.shutdown(socket.SHUT_WR)

    def status(self) -> int | None:
        """That of the answer; None when there is none."""
        try:
            with closing(HTTPResponse(self._socket)) as response:
                response.begin()
                response.read()
                return response.status
        except (OSError, HTTPException):
            return None


@dataclass(frozen=True)
class Delivery:
    """One shape of a fault: ``send(line, event)`` sends *event* so, and gives the status of the answer."""

    name: str
    send: Callable[[Line, dict[str, Any]], int | None]
    told: tuple[int | None, ...]
    row: str = "pending"
    """Where the action stands then."""

    def heard(self, status: int | None) -> bool:
        """Whether the event, such as it is, must be recorded: what was accepted is, what was not is not."""
        return status == 200 or self.unasked

    unasked: bool = False
    """It was accepted, but nobody waited for the answer."""


def request(line: Line, body: bytes, **headers: str) -> bytes:
    given = {"Content-Type": "application/json", HEADER: signed(body), **headers}
    return encoded(line.url, "POST", PATH, body=body, **given)


def in_pieces(wait_at: float, then: str = "go on") -> Callable[[Line, dict[str, Any]], int | None]:
    """The sender stops at this part of the request."""

    def send(line: Line, event: dict[str, Any]) -> int | None:
        whole = request(line, json.dumps(event).encode())
        stop = int(len(whole) * wait_at)
        line.send(whole[:stop])
        line.wait()
        if then == "reset":
            line.reset()
            return None
        if then == "end":
            line.end()
        else:
            line.send(whole[stop:])
        return line.status()

    return send


def dripping(line: Line, event: dict[str, Any]) -> int | None:
    whole = request(line, json.dumps(event).encode())
    line.send(whole[:-10])
    for byte in whole[-10:]:
        line.meanwhile()
        time.sleep(WAIT / 10)
        line.send(bytes([byte]))
    return line.status()


def reset_afterwards(line: Line, event: dict[str, Any]) -> int | None:
    """All of it arrives, but nobody waits for the answer."""
    line.send(request(line, json.dumps(event).encode()))
    time.sleep(WAIT / 2)
    line.reset()
    return None


def after_idling(line: Line, event: dict[str, Any]) -> int | None:
    """Connections that nobody uses hold nothing up: more of them than the server has threads."""
    with ExitStack() as stack:
        for _ in range(8):
            other = stack.enter_context(closing(Line(line.url, line.meanwhile)))
            other.send(b"GET /sign-in/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert other.status() == 200
        line.wait()
        line.send(request(line, json.dumps(event).encode()))
        return line.status()


def of(make: Callable[[dict[str, Any]], bytes], **headers: str) -> Callable[[Line, dict[str, Any]], int | None]:
    """Genuine, but for what its sender wrote: the body is signed as it is."""

    def send(line: Line, event: dict[str, Any]) -> int | None:
        line.send(request(line, make(event), **headers))
        return line.status()

    return send


def with_members(**members: Any) -> Callable[[Line, dict[str, Any]], int | None]:
    return of(lambda event: json.dumps({**event, **members}).encode())


def with_data(**members: Any) -> Callable[[Line, dict[str, Any]], int | None]:
    return of(lambda event: json.dumps({**event, "data": {**event["data"], **members}}).encode())


def stranger(line: Line, event: dict[str, Any]) -> int | None:
    body = json.dumps(event).encode()
    line.send(request(line, body, **{HEADER: signed(body, secret="sandbox_another")}))
    return line.status()


def mismeasured(line: Line, event: dict[str, Any], by: int) -> int | None:
    """Content-Length says *by* more than there is."""
    body = json.dumps(event).encode()
    length = f"Content-Length: {len(body)}".encode()
    line.send(request(line, body).replace(length, f"Content-Length: {len(body) + by}".encode()))
    line.end()
    return line.status()


def badly_chunked(line: Line, event: dict[str, Any]) -> int | None:
    body = json.dumps(event).encode()
    length = f"Content-Length: {len(body)}".encode()
    head, _, _ = request(line, body).replace(length, b"Transfer-Encoding: chunked").partition(b"\r\n\r\n")
    line.send(head + b"\r\n\r\nzz\r\n" + body + b"\r\n0\r\n\r\n")
    return line.status()


def huge(line: Line, event: dict[str, Any]) -> int | None:
    body = json.dumps({**event, "more": "x" * LARGE}).encode()
    try:
        line.send(request(line, body))
    except OSError:  # it does not even listen to the end
        return None
    return line.status()


def packed(event: dict[str, Any]) -> bytes:
    return gzip.compress(json.dumps(event).encode() + b" " * 50_000_000)


def twice(event: dict[str, Any]) -> bytes:
    return b'{"type": "authenticator.created", ' + json.dumps(event).encode()[1:]


def add(text: bytes) -> Callable[[dict[str, Any]], bytes]:
    return lambda event: json.dumps(event).encode()[:-1] + b', "more": ' + text + b"}"


DELIVERIES: dict[str, list[Delivery]] = {
    "F1": [
        Delivery("late body", in_pieces(0.6), HEARD),
        Delivery("late head", in_pieces(0.1), HEARD),
    ],
    "F2": [Delivery("drip", dripping, HEARD)],
    "F5": [
        Delivery("reset in the body", in_pieces(0.8, "reset"), CUT),
        Delivery("reset in the head", in_pieces(0.1, "reset"), CUT),
        Delivery("reset before the answer", reset_afterwards, CUT, unasked=True),
    ],
    "F6": [Delivery("idle lines", after_idling, HEARD)],
    "F10": [Delivery("another secret", stranger, REFUSED)],
    "F12": [
        Delivery("HTML", of(lambda event: b"<h1>CHALLENGE_SUCCEEDED</h1>"), REFUSED),
        Delivery("empty", of(lambda event: b""), REFUSED),
        *(Delivery(text, of(lambda event, text=text: text.encode()), REFUSED) for text in ("[]", "null", "1", "{}")),
        Delivery("in a list", of(lambda event: json.dumps([event]).encode()), REFUSED),
    ],
    "F13": [
        Delivery("cut", in_pieces(0.8, "end"), CUT),
        Delivery("less than said", lambda line, event: mismeasured(line, event, 9), (*CUT, 200)),
        Delivery("more than said", lambda line, event: mismeasured(line, event, -9), CUT),
        Delivery("bad chunk", badly_chunked, CUT),
    ],
    "F14": [
        Delivery("huge", huge, (413, None)),
        Delivery("gzip bomb", of(packed, **{"Content-Encoding": "gzip"}), REFUSED),
    ],
    "F15": [
        Delivery("type twice", of(twice), REFUSED),
        Delivery("half", of(lambda event: json.dumps(event).encode()[:-1]), REFUSED),
        Delivery("deep", of(add(b"[" * 100_000 + b"]" * 100_000)), REFUSED),
        Delivery("NaN", of(add(b"NaN")), REFUSED),
        Delivery("byte order mark", of(lambda event: b"\xef\xbb\xbf" + json.dumps(event).encode()), REFUSED),
        Delivery("not UTF-8", of(add(b'"\xff"')), REFUSED),
        Delivery("lone surrogate", of(add(b'"\\ud800"')), HEARD),
    ],
    "F16": [
        Delivery("data a list", with_members(data=["CHALLENGE_SUCCEEDED"]), REFUSED),
        Delivery("id a number", with_members(id=7), REFUSED),
        Delivery("no time", with_members(time=None), REFUSED),
        Delivery("state a list", with_data(state=["CHALLENGE_SUCCEEDED"]), HEARD),
        Delivery("key a number", with_data(idempotencyKey=7), HEARD),
        Delivery("records an object", with_members(records={}), REFUSED),
    ],
    "F17": [
        Delivery("state", with_data(state="ALLOW_LATER"), HEARD, row="refused"),
        Delivery("type", with_members(type="action.approved"), HEARD),
        Delivery("member and method", with_data(brandNew=[1], verificationMethod="TELEPATHY"), HEARD),
    ],
    "F19": [
        Delivery("key", with_data(idempotencyKey="11111111-1111-4111-8111-111111111111"), HEARD),
        Delivery("user", with_data(userId="999999", state="BLOCK"), HEARD),
        Delivery("action", with_data(actionCode="other", state="BLOCK"), HEARD),
    ],
}
