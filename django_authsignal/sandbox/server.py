"""The sandbox as a WSGI application, and a threaded server for it that listens on this machine only."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler

from .loopback import is_loopback
from .store import Store
from .urls import respond
from .wire import SandboxRequest

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

__all__ = ["SandboxApplication", "SandboxServer"]


class SandboxApplication:
    """The WSGI callable over one store. ``REQUEST_URI`` in the environment, if the server gives it, is the raw path."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        response = respond(SandboxRequest(environ, self.store))
        # The server keeps connections open, so it must know where this answer ends.
        response["Content-Length"] = str(len(response.content))
        start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
        return [response.content]


class Handler(WSGIRequestHandler):
    """Django's development handler, plus the raw path and a patience of ten seconds.

    The patience is for the official SDK 4.x, which declares more bytes than it sends when it drops null members.
    """

    timeout = 10
    # Head and body are two writes; with Nagle's algorithm the second waits 40 ms for the first one's ACK.
    disable_nagle_algorithm = True

    def handle_one_request(self) -> None:
        """As Django's, but a connection that stays idle too long is closed without a word."""
        try:
            super().handle_one_request()
        except TimeoutError:
            self.close_connection = True

    def get_environ(self) -> dict[str, Any]:
        return {**super().get_environ(), "REQUEST_URI": self.path}

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log without the query, which may hold a token."""
        self.log_message('"%s %s" %s %s', self.command, self.path.partition("?")[0], str(code), str(size))


class SandboxServer:
    """Serves a store on a loopback address, in a thread of its own while it is used as a context manager.

    ``port`` 0 takes any free port. Raises ValueError for an address that others could reach, OSError for a busy port.
    """

    def __init__(self, store: Store, host: str = "127.0.0.1", port: int = 0) -> None:
        if not is_loopback(host):
            raise ValueError(f"The sandbox listens on this machine only, and {host!r} is not a loopback address.")
        self._server = ThreadedWSGIServer((host, port), Handler, ipv6=":" in host)
        self._server.set_app(SandboxApplication(store))
        self._store = store
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        shown = f"[{host}]" if ":" in host else host
        self.url = store.origin = f"http://{shown}:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._store.webhooks.close()

    def wait(self) -> None:
        """Block until the server ends or the user presses Ctrl-C."""
        self._thread.join()
