"""The client's door to the sandbox: a requests adapter that calls the WSGI application without a socket."""

from __future__ import annotations

import io
import wsgiref.util
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPResponse
from urllib3.connection import HTTPConnection
from urllib3.exceptions import MaxRetryError, NewConnectionError

from django_authsignal.sandbox.server import SandboxApplication
from django_authsignal.sandbox.store import Store

from .guard import NetworkReachedError

__all__ = ["ORIGIN", "SandboxAdapter"]

# A name that RFC 6761 keeps on this machine, should anything ever look it up.
ORIGIN = "http://sandbox.localhost"


class SandboxAdapter(HTTPAdapter):
    """Answers every request from *store*; what is not meant for the sandbox fails the test."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        self.is_down = False
        self._application = SandboxApplication(store)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """A real response of the sandbox; a refused connection while it is down."""
        url = request.url or ""
        if not url.startswith(f"{ORIGIN}/"):
            raise NetworkReachedError.by(
                request,
                "While the authsignal fixture is active every call goes to the test kit. Was AUTHSIGNAL_API_URL set, "
                "or a client made with a URL of its own?",
            )
        if self.is_down:
            raise _refused(request)
        return self.answer(request)

    def browse(self, method: str, url: str, form: Mapping[str, str] | None = None) -> requests.Response:
        """What a browser would get from a hosted page, without following a redirect. Not affected by ``is_down``."""
        return self.answer(requests.Request(method, url, data=form).prepare())

    def answer(self, request: requests.PreparedRequest) -> requests.Response:
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            started.append((status, headers))

        body = b"".join(self._application(_environ(request), start_response))
        status, headers = started[0]
        code, _, reason = status.partition(" ")
        raw = HTTPResponse(
            io.BytesIO(body), headers=dict(headers), status=int(code), reason=reason, version=11, preload_content=False
        )
        return self.build_response(request, raw)


def _environ(request: requests.PreparedRequest) -> dict[str, Any]:
    """The WSGI environment of a prepared request, with its raw path."""
    parts = urlsplit(request.path_url)
    body = request.body or b""
    data = body.encode() if isinstance(body, str) else body
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "REQUEST_URI": request.path_url,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(parts.path).decode("latin-1"),
        "QUERY_STRING": parts.query,
        "CONTENT_LENGTH": str(len(data)),
        "HTTP_HOST": urlsplit(request.url or "").netloc,
        "wsgi.input": io.BytesIO(data),
    }
    headers: Mapping[str, Any] = request.headers  # some are bytes, whatever the stubs say
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = text
    wsgiref.util.setup_testing_defaults(environ)
    return environ


def _refused(request: requests.PreparedRequest) -> requests.ConnectionError:
    """The error of a refused connection, nested as urllib3 and requests nest it: it says that no byte was sent."""
    host = urlsplit(ORIGIN).netloc
    reason = NewConnectionError(HTTPConnection(host), "Failed to establish a new connection: refused by the test kit")
    return requests.ConnectionError(MaxRetryError(HTTPConnectionPool(host), request.url or "", reason), request=request)
