"""Connections that know when the whole call must be over.

A timeout of the HTTP libraries is per read: a server that drips one byte at a time is waited for without end.
Here every wait of a connection (connect, handshake, send, each read of header or body) is at most what is left of
the call. The deadline reaches the connection through a thread-local, as the libraries in between have no room for it;
a call lives in one thread from beginning to end.
"""

from __future__ import annotations

import io
import socket
import threading
from http.client import HTTPResponse
from time import monotonic
from typing import TYPE_CHECKING, Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from .sealed import SealedBytes

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["DeadlineAdapter", "set_deadline"]

# More threads than this at once in one process still work, but their connections are not kept.
_MOST_CONNECTIONS = 128


class _Call(threading.local):
    deadline = 0.0
    read_timeout = 0.0


_call = _Call()


def set_deadline(deadline: float, read_timeout: float) -> None:
    """From here on this thread's connections wait until *deadline* (monotonic time), and at most *read_timeout*
    seconds for each read."""
    _call.deadline = deadline
    _call.read_timeout = read_timeout


def _within(limit: float) -> float:
    """*limit* seconds, or what is left of this thread's call if that is less."""
    left = _left()
    if left <= 0:
        raise TimeoutError("the time for the call is over")
    return min(limit, left)


def _left() -> float:
    return _call.deadline - monotonic()


class _DeadlineFile(io.RawIOBase):
    """What a response reads from: the socket, which before each read learns how long it may still wait."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        self._sock.settimeout(_within(_call.read_timeout))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _response(sock: socket.socket, *args: Any, **options: Any) -> HTTPResponse:
    # HTTPResponse asks its socket for nothing but makefile().
    return HTTPResponse(_DeadlineFile(sock), *args, **options)  # type: ignore[arg-type]


class _Connection(HTTPConnection):
    response_class = staticmethod(_response)  # type: ignore[assignment]
    _held: list[bytes] | None = None
    """The parts of a request that is being composed."""

    def _new_conn(self) -> socket.socket:
        # As urllib3 does it, but a host with many silent addresses may use up the call and no more.
        try:
            sock = _connect(self._dns_host, self.port, self.timeout or 0.0, self.socket_options)
            # For the TLS handshake. A call that is over by now fails at its first wait, where the socket is closed.
            sock.settimeout(max(min(self.timeout or 0.0, _left()), 0.001))
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from None
        except TimeoutError:
            raise ConnectTimeoutError(self, "no connection in time") from None
        except OSError as error:
            raise NewConnectionError(self, f"no connection: {error.strerror}") from error
        return sock

    def request(self, *arguments: Any, **options: Any) -> None:
        # Head and body leave as one: each piece would cost a call of the system, a packet and, with TLS, a record.
        self._held = []
        try:
            super().request(*arguments, **options)
            whole = SealedBytes(b"".join(self._held))
        finally:
            self._held = None
        self.send(whole)

    def send(self, data: Any) -> None:
        if self._held is not None:
            self._held.append(data)
            return
        if self.sock is not None:
            self.sock.settimeout(_within(self.timeout or 0.0))
        super().send(data)


def _connect(host: str, port: int, timeout: float, options: Any) -> socket.socket:
    failure = OSError("the name has no address")
    for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        try:
            return create_connection((str(address[0]), port), _within(timeout), socket_options=options)
        except OSError as error:
            failure = error
    raise failure


class _TLSConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class _Response(Response):
    """Of what requests makes of an answer, that which is read here: no jar for cookies, no copies."""

    def __init__(self, request: PreparedRequest, raw: Any) -> None:
        self._content_consumed = False
        self.status_code, self.headers, self.raw = raw.status, raw.headers, raw
        self.url, self.request = str(request.url), request


class DeadlineAdapter(HTTPAdapter):
    """The requests adapter for one API URL in one process: its pool keeps a connection for each thread that calls
    at once. What requests would do for every call again, and what nobody here reads, is left out."""

    def __init__(self) -> None:
        super().__init__(pool_connections=1, pool_maxsize=_MOST_CONNECTIONS)
        self._pool: Any = None

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        self._pool = self._pool or super().get_connection_with_tls_context(*args, **options)
        return self._pool

    def request_url(self, request: PreparedRequest, *_: Any) -> str:
        return request.path_url  # there is no proxy to name the whole URL to

    def build_response(self, req: PreparedRequest, resp: Any) -> Response:
        return _Response(req, resp)
