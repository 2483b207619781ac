"""What F1 to F19 look like, each in several shapes, and what its victim must be told."""

from __future__ import annotations

import gzip
import json
import socket
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from typing import Any
from unittest import mock

from tests.rig.hostile import ABSENT, Answer, body, json_with, raw, response, status
from tests.rig.proofs import often
from tests.rig.proxy import CLOSE, HANG, RESET, Fault

from .bench import BUDGET, Bench
from .tls import impostor

__all__ = ["PARTS", "VARIANTS", "Variant"]

PARTS = {"track": "/actions/withdrawFunds", "return": "/validate", "enrol": "/actions/enrolAuthenticator"}
"""What the target of the call at each site contains."""
Begin = Callable[[Bench, str, ExitStack], None]

UNAVAILABLE, ERROR, NOT_YET, HARMLESS = 503, 502, 403, 0
LATER = 86_400


@dataclass(frozen=True)
class Variant:
    """One shape of a fault. ``begin(bench, part, stack)`` makes it last until the stack ends or the bench is calm."""

    name: str
    begin: Begin
    track: int
    back: int
    enrol: int = UNAVAILABLE
    """The status that each site answers; HARMLESS where the call goes through in spite of it."""
    retry_after: tuple[str, ...] = ("10",)
    """What Retry-After may say at track."""
    short: bool = False
    """Tried at every site also by default."""

    def told(self, site: str) -> int:
        return {"track": self.track, "return": self.back, "enrol": self.enrol}[site]


def network(name: str, told: int = UNAVAILABLE, back: int = UNAVAILABLE, **fault: Any) -> Variant:
    def begin(bench: Bench, part: str, stack: ExitStack) -> None:
        bench.proxy.always = Fault(on=part.encode(), **fault)

    return Variant(name, begin, told, back, told)


def idle(name: str, how: str, told: int) -> Variant:
    """The connection that was used last is gone."""
    return Variant(name, lambda bench, part, stack: bench.proxy.drop(how), told, told, told)


def said(
    name: str, answer: Answer, track: int = ERROR, back: int = ERROR, enrol: int = UNAVAILABLE, **more: Any
) -> Any:
    return Variant(name, lambda bench, part, stack: bench.service.answer(part, answer), track, back, enrol, **more)


def busy(name: str, code: int, retry_after: tuple[str, ...], **headers: Any) -> Variant:
    return said(name, status(code, **headers), UNAVAILABLE, UNAVAILABLE, retry_after=retry_after)


def refused(bench: Bench, part: str, stack: ExitStack) -> None:
    bench.proxy.down()


def no_name(bench: Bench, part: str, stack: ExitStack) -> None:
    bench.proxy.drop()
    failure = socket.gaierror(socket.EAI_NONAME, "no such name")
    stack.enter_context(mock.patch.object(socket, "getaddrinfo", side_effect=failure))


def untrusted(kind: str) -> Begin:
    return lambda bench, part, stack: stack.enter_context(impostor(bench, kind))


def elsewhere(code: int, where: str) -> Variant:
    """A redirect to an ALLOW: on the same host, where it would be logged, or on one that cannot even be reached."""

    def begin(bench: Bench, part: str, stack: ExitStack) -> None:
        target = f"{bench.origin if where == 'here' else 'http://localhost:9'}/v1/users/elsewhere/actions/other"
        bench.service.answer(part, status(code, Location=target))

    return Variant(f"{code} {where}", begin, ERROR, ERROR)


def chunked(honest: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"zz\r\n" + honest + b"\r\n0\r\n\r\n"


def cut_chunk(honest: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % (len(honest) + 9) + honest


def endless(honest: bytes) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + honest
    while True:
        yield b" " * 65536


@cache
def bomb(coding: str) -> bytes:
    """Nulls: a thousandth of what they unpack to."""
    pack = zlib.compressobj(wbits=31 if coding == "gzip" else 15)
    parts = [pack.compress(b"\0" * 1_000_000) for _ in range(often(50, 200))]
    return b"".join([*parts, pack.flush()])


def packed(coding: str) -> Begin:
    def begin(bench: Bench, part: str, stack: ExitStack) -> None:
        content = bomb(coding)  # before the clock runs
        bench.service.answer(part, body(content, Content_Encoding=coding))

    return begin


def twice(name: str, value: Any) -> Callable[[bytes], bytes]:
    """The member *name* twice: first as *value*, then honest."""
    return lambda honest: b'{"%s":%s,' % (name.encode(), json.dumps(value).encode()) + honest[1:]


def deep(honest: bytes) -> bytes:
    return honest[:-1] + b',"custom":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


def add(text: bytes) -> Callable[[bytes], bytes]:
    return lambda honest: honest[:-1] + b',"more":' + text + b"}"


def state_as(change: Callable[[str], str]) -> Answer:
    def make(honest: bytes) -> bytes:
        known = json.loads(honest)
        return json.dumps({**known, "state": change(known["state"])}).encode()

    return body(make)


SOON = format_datetime(datetime.now(UTC) + timedelta(seconds=LATER), usegmt=True)
UP_TO_60 = tuple(map(str, range(1, 61)))
HTML = b"<!doctype html><title>ALLOW</title><h1>CHALLENGE_SUCCEEDED</h1>"
LONG_TEXT = "x" * 300_000

VARIANTS: dict[str, list[Variant]] = {
    "F1": [network("late", latency=4 * BUDGET)],
    "F2": [network("drip", drip=0.2)],
    "F3": [
        Variant("refused", refused, UNAVAILABLE, UNAVAILABLE),
        Variant("no such name", no_name, UNAVAILABLE, UNAVAILABLE),
    ],
    "F4": [
        Variant(kind, untrusted(kind), UNAVAILABLE, UNAVAILABLE)
        for kind in ("expired", "wrong host", "self-signed", "no TLS")
    ],
    "F5": [
        network("reset in the answer", limit=30, end=RESET),
        network("reset before the answer, acted", limit=0, end=RESET),
        network("reset before the request", at_once=True, end=RESET),
        network("end before the answer, acted", limit=0, end=CLOSE),
    ],
    "F6": [
        idle("reset while idle", RESET, HARMLESS),
        idle("closed while idle", CLOSE, HARMLESS),
        idle("silent since", HANG, UNAVAILABLE),
        network("half-open", at_once=True, end=HANG),
        network("half-open, acted", limit=0, end=HANG),
    ],
    "F7": [
        busy("429 in an hour", 429, ("60",), Retry_After=3600),
        busy("503 tomorrow", 503, UP_TO_60, Retry_After=SOON),
        busy("503 in a second", 503, ("1",), Retry_After=1),
        busy("429 garbage", 429, ("10",), Retry_After="soon"),
        busy("429 negative", 429, ("10",), Retry_After=-5),
        busy("503 endless", 503, ("10",), Retry_After="9" * 400),
        busy("503 silent", 503, ("10",)),
    ],
    "F8": [busy(str(code), code, ("10",)) for code in (500, 502, 504, 599)],
    "F9": [said(str(code), status(code)) for code in (400, 422, 409, 413, 451)],
    "F10": [said(str(code), status(code)) for code in (401, 403)],
    "F11": [
        said("404", status(404)),
        said("404 page", raw(lambda honest: response(HTML, 404, Content_Type="text/html"))),
    ],
    "F12": [
        said("HTML", body(HTML, Content_Type="text/html; charset=utf-8")),
        said("empty", body(b"")),
        said("204", raw(lambda honest: b"HTTP/1.1 204 No Content\r\n\r\n")),
        *(said(text, body(text.encode())) for text in ("[]", "null", "true", '"ALLOW"', "1", "{}")),
        said("in a list", body(lambda honest: b"[" + honest + b"]")),
        said("201", status(201), HARMLESS, HARMLESS, HARMLESS),
        said("charset", status(200, Content_Type="application/json; charset=utf-8"), HARMLESS, HARMLESS, HARMLESS),
    ],
    "F13": [
        network("cut", limit=200, end=CLOSE),
        network("cut, slow close", limit=200, end=CLOSE, slow_close=BUDGET / 4),
        said("bad chunk", raw(chunked), UNAVAILABLE, UNAVAILABLE),
        said("cut chunk", raw(cut_chunk), UNAVAILABLE, UNAVAILABLE),
        said("less than said", raw(lambda honest: response(honest, Content_Length=9999)), UNAVAILABLE, UNAVAILABLE),
        said("more than said", raw(lambda honest: response(honest, Content_Length=20), ends=False)),
        said("no status line", raw(lambda honest: honest), UNAVAILABLE, UNAVAILABLE),
        said("nothing", raw(lambda honest: b""), UNAVAILABLE, UNAVAILABLE),
    ],
    "F14": [
        said("huge", json_with(custom={"x": LONG_TEXT})),
        said("endless", raw(endless)),
        *(Variant(f"{coding} bomb", packed(coding), ERROR, ERROR) for coding in ("gzip", "deflate")),
        said("honest, but packed", body(gzip.compress, Content_Encoding="gzip")),
        said("huge 404", raw(lambda honest: response(LONG_TEXT.encode(), 404))),
        said("huge header", status(200, X_Huge=LONG_TEXT), UNAVAILABLE, UNAVAILABLE),
    ],
    "F15": [
        said("state twice", body(twice("state", "BLOCK"))),
        said("half", body(lambda honest: honest[:-1])),
        said("deep", body(deep)),
        said("NaN", body(add(b"NaN"))),
        said("Infinity", body(add(b"-Infinity"))),
        said("byte order mark", body(lambda honest: b"\xef\xbb\xbf" + honest)),
        said("lone surrogate", body(add(b'"\\ud800"'))),
        said("not UTF-8", body(add(b'"\xff"'))),
        said("UTF-16", body(lambda honest: honest.decode().encode("utf-16"))),
        said("two values", body(lambda honest: honest + honest)),
        said("single quotes", body(lambda honest: honest.replace(b'"', b"'"))),
    ],
    "F16": [
        said("of wrong types", json_with(state=["ALLOW"], isValid="true")),
        said("not there", json_with(state=ABSENT, isValid=ABSENT)),
        said("null", json_with(state=None, isValid=None)),
        said("booleans", json_with(state=True, isValid=1)),
        said("empty", json_with(state="", isValid="")),
        said("isValid a text", json_with(isValid="true"), HARMLESS, ERROR, HARMLESS, short=True),
        said("isValid a number", json_with(isValid=1), HARMLESS, ERROR, HARMLESS),
        said("isEnrolled a text", json_with(isEnrolled="true"), NOT_YET, HARMLESS, HARMLESS),
        said("isEnrolled not there", json_with(isEnrolled=ABSENT), NOT_YET, HARMLESS, HARMLESS),
        said("state not there", json_with(state=ABSENT), back=NOT_YET),
        said("key a number", json_with(idempotencyKey=7)),
        said("key not there", json_with(idempotencyKey=ABSENT), back=NOT_YET),
        said("lists", json_with(url=["http://localhost/"], userId=[])),
        said("time in words", json_with(stateUpdatedAt="yesterday"), HARMLESS, ERROR, HARMLESS),
    ],
    "F17": [
        said("state", state_as(lambda state: f"{state}_LATER")),
        said("state in small letters", state_as(str.lower)),
        said("state with a blank", state_as(lambda state: f"{state} ")),
        said("state REVIEW", state_as(lambda state: "REVIEW"), NOT_YET, NOT_YET),
        said("member and method", json_with(brandNew={"a": [1]}, verificationMethod="TELEPATHY"), *[HARMLESS] * 3),
    ],
    "F18": [elsewhere(code, where) for where in ("there", "here") for code in (302, 301, 303, 307, 308)],
    "F19": [
        said("key", json_with(idempotencyKey="11111111-1111-4111-8111-111111111111"), back=NOT_YET),
        said(
            "all else", json_with(userId="9999", action="other", actionCode="other", idempotencyKey="k"), back=NOT_YET
        ),
        said("user", json_with(userId="9999"), HARMLESS, NOT_YET, HARMLESS, short=True),
        said("action", json_with(action="other", actionCode="other"), HARMLESS, NOT_YET, HARMLESS, short=True),
    ],
}
