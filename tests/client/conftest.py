"""A scripted HTTP server on a real socket: what a fake of the HTTP library could not show."""

import contextlib
import json
import socket
import struct
import threading
from dataclasses import dataclass, field

import pytest

from django_authsignal.client import Client


@dataclass
class Received:
    method: str
    target: str
    headers: dict
    body: bytes
    connection: int

    @property
    def json(self):
        return json.loads(self.body)


def http(body, status="200 OK", **headers):
    """The bytes of an answer; *body* may be bytes or anything JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    if "Content_Length" not in headers:
        lines.append(f"Content-Length: {len(raw)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + raw


def drip(head, interval):
    """After *head*, one blank each *interval* seconds for as long as anyone listens."""

    def answer(connection, server):
        connection.sendall(head)
        while not server.stopping.wait(interval):
            connection.sendall(b" ")

    return answer


def silence(connection, server):
    server.stopping.wait(30)


def hang_up(connection, server):
    """An orderly end without an answer."""


def reset(connection, server):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def after(first, then):
    """Send the bytes *first*, then go on as *then* does."""

    def answer(connection, server):
        connection.sendall(first)
        then(connection, server)

    return answer


@dataclass
class Server:
    """Answers with its script, one entry for each request; the last one serves all that follow."""

    script: list = field(default_factory=lambda: [http({})])
    received: list = field(default_factory=list)
    connections: int = 0
    context: object = None

    def __post_init__(self):
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads = []
        self._sockets = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self._start(self._accept)

    @property
    def url(self):
        return f"{'https' if self.context else 'http'}://127.0.0.1:{self.port}"

    def close(self):
        self.stopping.set()
        for sock in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for it
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _start(self, target, *args):
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._sockets.append(connection)
                self._start(self._serve, connection, self.connections)

    def _serve(self, connection, number):
        with contextlib.suppress(OSError), connection:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
                self._sockets.append(connection)
            with connection:
                while (request := self._read(connection, number)) is not None:
                    if not self._answer(connection, request):
                        return

    def _answer(self, connection, request):
        with self._lock:
            self.received.append(request)
            answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if callable(answer):
            answer(connection, self)
            return False
        connection.sendall(answer)
        return True

    def _read(self, connection, number):
        data = b""
        while True:
            head, end, rest = data.partition(b"\r\n\r\n")
            if end:
                first, *lines = head.decode("latin-1").split("\r\n")
                headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
                if len(rest) >= int(headers.get("content-length", 0)):
                    method, target, _ = first.split(" ")
                    return Received(method, target, headers, rest, number)
            more = connection.recv(65536)
            if not more:
                return None
            data += more


@pytest.fixture
def serve():
    """Start a server with a script; closed after the test."""
    servers = []

    def start(*script, context=None):
        servers.append(Server(list(script) or [http({})], context=context))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def closed_port():
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def client_of():
    """A client of a server, with a time limit that keeps tests short."""

    def make(server, timeout=5.0, **options):
        return Client(api_key="the-secret", api_url=getattr(server, "url", server), timeout=timeout, **options)

    return make


ALLOW = {"state": "ALLOW", "idempotencyKey": "k", "isEnrolled": True}
