"""Posts a webhook as the service does: once, with TLS verified, within a wall clock, and following no redirect."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic

from .decoding import Reply
from .encoding import Request
from .errors import Unavailable
from .sealed import SealedBytes

__all__ = ["post"]

METHOD, ROUTE = "POST", "webhook"


def post(url: str, body: bytes, headers: Mapping[str, str], timeout: float) -> Reply:
    """What *url* answers to the JSON *body*, with any status, within *timeout* seconds.

    Raises Unavailable when there is no answer; its ``detail`` names the cause, such as ``ConnectionRefusedError``.
    """
    from .connections import DeadlineAdapter  # here, as "requests" costs 50 ms to import
    from .sending import Failure, attempt, prepare

    request = Request(METHOD, ROUTE, "", SealedBytes(body), repeatable=False)
    prepared = prepare(request, url, {**headers, "Accept-Encoding": "identity"})
    adapter = DeadlineAdapter()
    try:
        outcome = attempt(adapter, prepared, ROUTE, (timeout, timeout), monotonic() + timeout)
    finally:
        adapter.close()
    if isinstance(outcome, Failure):
        raise Unavailable(METHOD, ROUTE, outcome.sent, detail=outcome.detail)
    return outcome
