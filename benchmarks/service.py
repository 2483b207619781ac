"""A stand-in for Authsignal that costs next to nothing, so that the callers are what is measured.

    with serving() as service:
        Client(api_key="…", api_url=service.url)

It runs in a process of its own, keeps connections alive and counts them. Every answer is the same ALLOW about an
enrolled user, but for the idempotency key, which it repeats; an action that is called ``challenge`` gets a challenge.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["Service", "serving"]

KEY = re.compile(rb'"idempotencyKey": ?"([^"]+)"')
HEAD = (
    "HTTP/1.1 200 OK\r\nDate: Tue, 24 Nov 2026 12:00:00 GMT\r\nContent-Type: application/json\r\n"
    "Content-Length: {}\r\nConnection: keep-alive\r\nx-amzn-RequestId: 2f3d7b3e-6f7e-4c41-8a52-5d0f1c9b7a10\r\n"
    "x-amz-apigw-id: Zk1aFGxSIAMEJ9g=\r\nX-Amzn-Trace-Id: Root=1-656f1a2b-0123456789abcdef01234567\r\n\r\n"
)
ANSWER = {
    "token": "e" * 300,
    "isEnrolled": True,
    "allowedVerificationMethods": ["PASSKEY", "AUTHENTICATOR_APP", "SMS"],
    "enrolledVerificationMethods": ["PASSKEY", "AUTHENTICATOR_APP"],
    "defaultVerificationMethod": "PASSKEY",
    "ruleIds": ["5d8f1f2c-7d1e-4a53-9a57-0a7d3f5b7c11"],
}
SOME_KEY = b"0b7c1a52-3f0e-4c7e-9a65-3d1f5b9e7c20"
OPENSSL = (
    "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -addext keyUsage=critical,keyCertSign "
    "-keyout ca.key -out ca.pem",
    "req -newkey rsa:2048 -nodes -subj /CN=service -keyout service.key -out service.csr",
    "x509 -req -in service.csr -CA ca.pem -CAkey ca.key -days 2 -extfile san -out service.pem",
)


@dataclass(frozen=True)
class Service:
    """A running service."""

    url: str
    authority: str
    """The file of the certificate authority to trust; '' without TLS."""
    _counter: str

    def connections(self) -> int:
        """How many connections its callers have opened so far."""
        with urllib.request.urlopen(self._counter, timeout=5) as response:
            return int(response.read())


@contextmanager
def serving(*, tls: bool = False) -> Iterator[Service]:
    """The service, on two ports of its own: one for callers, one to be asked about them."""
    with tempfile.TemporaryDirectory(prefix="service-") as folder:
        if tls:
            make_certificates(Path(folder))
        command = [sys.executable, "-m", "benchmarks.service", *([folder] if tls else [])]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout
                port, counter = process.stdout.readline().split()
                scheme, authority = ("https", f"{folder}/ca.pem") if tls else ("http", "")
                yield Service(f"{scheme}://127.0.0.1:{port}/v1", authority, f"http://127.0.0.1:{counter}/")
            finally:
                process.terminate()


def make_certificates(folder: Path) -> None:
    """An authority for this run, and the service's certificate."""
    (folder / "san").write_text("subjectAltName=IP:127.0.0.1\n")
    for command in OPENSSL:
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)


class Answering(asyncio.Protocol):
    """One caller's connection."""

    opened = 0

    def __init__(self, origin: str) -> None:
        self.allow, self.challenge = answer("ALLOW", origin), answer("CHALLENGE_REQUIRED", origin)
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        type(self).opened += 1
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        if not end or len(body) < length_of(head):
            return
        self.received = b""
        named = KEY.search(body)
        before, after = self.challenge if b"/actions/challenge " in head else self.allow
        self.transport.write(before + (named[1] if named else SOME_KEY) + after)


@cache
def answer(state: str, origin: str) -> list[bytes]:
    """The bytes before and after the idempotency key."""
    members = {
        "state": state,
        "idempotencyKey": SOME_KEY.decode(),
        "url": f"{origin}/hosted?token={'e' * 300}",
        **ANSWER,
    }
    content = json.dumps(members).encode()
    return (HEAD.format(len(content)).encode() + content).split(SOME_KEY)


def length_of(head: bytes) -> int:
    found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return int(found[1]) if found else 0


class Counting(asyncio.Protocol):
    """Says how many connections callers have opened."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        count = str(Answering.opened)
        self.transport.write(f"HTTP/1.0 200 OK\r\nContent-Length: {len(count)}\r\n\r\n{count}".encode())
        self.transport.close()


async def serve(folder: str) -> None:
    context = None
    if folder:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{folder}/service.pem", f"{folder}/service.key")
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        port = listener.getsockname()[1]
        origin = f"{'https' if folder else 'http'}://127.0.0.1:{port}"
        callers = await loop.create_server(lambda: Answering(origin), sock=listener, ssl=context)
        counter = await loop.create_server(Counting, "127.0.0.1", 0)
        print(port, counter.sockets[0].getsockname()[1], flush=True)
        await callers.serve_forever()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(sys.argv[1] if len(sys.argv) > 1 else ""))
