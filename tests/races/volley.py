"""Requests that reach a server in the same moment, each over a connection of its own."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPResponse
from urllib.parse import urlencode, urlsplit

LONGEST = 40
"""Seconds that the answers to one volley may take."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    content: bytes


def encoded(url: str, method: str, path: str, *, body: bytes | Mapping[str, str] = b"", **headers: str) -> bytes:
    """The bytes of a request; a mapping is sent as a form."""
    if not isinstance(body, bytes):
        body = urlencode(body).encode()
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    headers |= {"Host": urlsplit(url).netloc, "Content-Length": str(len(body)), "Connection": "close"}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def volley(url: str, requests: Sequence[bytes]) -> list[Answer]:
    """Send *requests* to the server at *url*; their answers, in order.

    Each is sent but for its last byte. When all are there and nothing is left to do but that, the last bytes follow.
    """
    return asyncio.run(_volley(urlsplit(url), requests))


async def _volley(address, requests: Sequence[bytes]) -> list[Answer]:
    async with asyncio.timeout(LONGEST):
        opened = [await asyncio.open_connection(address.hostname, address.port) for _ in requests]
        for (_, writer), request in zip(opened, requests, strict=True):
            writer.write(request[:-1])
            await writer.drain()
        for (_, writer), request in zip(opened, requests, strict=True):
            writer.write(request[-1:])
        return await asyncio.gather(*(_answer(*connection) for connection in opened))


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Answer:
    received = await reader.read()
    writer.close()  # at once: gunicorn waits for it before it turns to the next
    with HTTPResponse(_Received(received)) as response:
        response.begin()
        return Answer(response.status, response.headers, response.read())


class _Received:
    """A socket as far as the standard library's parser needs one."""

    def __init__(self, received: bytes) -> None:
        self._received = received

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._received)
