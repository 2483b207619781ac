"""Sends one request once: the only place that touches the network.

Imported at the first remote call, because ``requests`` would add 50 ms to every start of the process. An adapter is
driven with prepared requests, without a Session: nothing follows redirects, keeps cookies, or reads proxies,
netrc and certificate paths from the environment.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import time

from requests import PreparedRequest
from requests.adapters import BaseAdapter
from requests.exceptions import ConnectTimeout, SSLError, Timeout
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError, NewConnectionError, ReadTimeoutError
from urllib3.exceptions import SSLError as SSLErrorInBody

from .connections import set_deadline
from .decoding import BODY_CAP, Reply, seconds_to_wait
from .encoding import Request
from .sealed import SealedBytes

__all__ = ["Failure", "attempt", "prepare"]


def prepare(request: Request, base: str, headers: dict[str, str]) -> PreparedRequest:
    """*request* as requests' own, set member by member: ``prepare()`` costs more than all the rest of a call,
    reads cookies, netrc and environment, and turns ``%2E%2E`` into ``..`` again."""
    prepared = PreparedRequest()
    prepared.method = request.method
    prepared.url = base + request.path
    prepared.headers = CaseInsensitiveDict(headers)
    if request.body is not None:
        prepared.body = request.body
        prepared.headers["Content-Type"] = "application/json"
        prepared.headers["Content-Length"] = str(len(request.body))
    return prepared


class Failure:
    """No answer. ``sent``: a byte may have reached the service. ``again``: worth a second try, if that is harmless."""

    __slots__ = ("again", "detail", "sent")
    retry_after: float | None = None

    def __init__(self, error: Exception, outer: BaseException | None) -> None:
        never_connected = isinstance(error, ConnectTimeout) or isinstance(_reason(error), NewConnectionError)
        self.sent = not never_connected
        self.again = not isinstance(error, SSLError | SSLErrorInBody | Timeout | ReadTimeoutError)
        self.detail = _root(error, outer)


def _reason(error: Exception) -> object:
    return getattr(error.args[0], "reason", None) if error.args else None


def _root(error: BaseException, outer: BaseException | None) -> str:
    """The class of the innermost cause, short of what the caller was handling already: ``ConnectionRefusedError``."""
    while (inner := error.__cause__ or error.__context__) is not None and inner is not outer:
        error = inner
    return type(error).__name__


def attempt(
    adapter: BaseAdapter, prepared: PreparedRequest, route: str, timeouts: tuple[float, float], deadline: float
) -> Reply | Failure:
    """Send *prepared* once. *timeouts* are the seconds to connect and for each read, *deadline* a monotonic time.

    Failures come back as a value: an exception would carry frames whose variables hold the Authorization header.
    """
    set_deadline(deadline, timeouts[1])
    outer = sys.exception()
    try:
        response = adapter.send(prepared, stream=True, timeout=timeouts, verify=True, proxies={})
        try:
            return Reply(
                method=str(prepared.method),
                route=route,
                status=response.status_code,
                body=SealedBytes(_read(response.raw.read)),
                coding=response.headers.get("Content-Encoding", ""),
                retry_after=seconds_to_wait(response.headers.get("Retry-After"), time()),
                date=response.headers.get("Date", ""),
                location=response.headers.get("Location", ""),
            )
        finally:
            # Gives a connection with unread bytes up; one that was read to its end is back in the pool already.
            response.close()
    except (OSError, HTTPError) as error:  # requests' exceptions are OSErrors, urllib3's are HTTPErrors
        return Failure(error, outer)


def _read(read: Callable[[int], bytes]) -> bytes:
    # Up to one byte more than allowed, and on to the end: only that tells a complete body from a truncated one.
    body = b""
    while len(body) <= BODY_CAP and (chunk := read(BODY_CAP + 1 - len(body))):
        body += chunk
    return body
