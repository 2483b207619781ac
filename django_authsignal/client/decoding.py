"""From what came over the wire to plain values, or to the error that says what to do. Pure functions."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

from .errors import Rejected, Unauthorized, UnexpectedAnswer

__all__ = ["BODY_CAP", "Reply", "accept", "parse", "seconds_to_wait", "strict", "unix_time"]

BODY_CAP = 256 * 1024
"""Bytes of a body that are read at most; the service's real answers are a hundredth of it."""


@dataclass(slots=True)
class Reply:
    """An HTTP answer as it came: ``body`` holds at most ``BODY_CAP`` + 1 bytes of it."""

    method: str
    route: str
    status: int
    body: bytes = field(repr=False)
    coding: str = ""
    """The Content-Encoding header."""
    retry_after: float | None = None
    """Seconds, from the Retry-After header."""
    date: str = ""
    """The Date header, as it came: almost nobody asks."""
    location: str = field(default="", repr=False)
    """The Location header, which nothing follows; may hold a token."""

    sent = True

    @property
    def again(self) -> bool:
        """The service could not answer now, but may soon."""
        return self.status == 429 or self.status >= 500


def accept(reply: Reply) -> Any:
    """The object or array that a successful *reply* holds; an empty object for 204.

    Raises Unauthorized, Rejected or UnexpectedAnswer. Whether it may be tried again was decided before.
    """
    status = reply.status
    if status in (401, 403):
        raise Unauthorized(reply.method, reply.route, status)
    if 400 <= status < 500:
        raise Rejected(reply.method, reply.route, status, _error_code(reply))
    if not 200 <= status < 300:
        # A redirect is not followed: it would carry the secret to wherever it points.
        raise UnexpectedAnswer(reply.method, reply.route, f"status {status}")
    return {} if status == 204 and not reply.body else parse(reply)


def parse(reply: Reply) -> dict[str, Any] | list[Any]:
    """The JSON object or array in *reply*'s body, whatever its content type says. Raises UnexpectedAnswer."""
    reason = ""
    if len(reply.body) > BODY_CAP:
        reason = f"more than {BODY_CAP} bytes"
    elif reply.coding not in ("", "identity"):
        # We ask for "identity"; unpacking what a stranger packed is how small answers become huge ones.
        reason = "a compressed body that was not asked for"
    else:
        try:
            value = strict(reply.body)
        except (ValueError, RecursionError) as error:
            reason = f"no sound JSON ({type(error).__name__})"
        else:
            if isinstance(value, dict | list):
                return value
            reason = "JSON that is neither object nor array"
    # Raised outside the "except": the parser's own error quotes the body.
    raise UnexpectedAnswer(reply.method, reply.route, reason)


def strict(body: bytes) -> Any:
    """The one JSON value in *body*: no duplicate members, NaN or lone surrogates. Raises ValueError, RecursionError."""
    text = body.decode("utf-8")
    value = _DECODER.decode(text)
    if "\\u" in text:
        # A lone surrogate parses, but later breaks whoever encodes the text; that is found here instead.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        # Two readers may pick different ones of two "state" members.
        raise ValueError("duplicate member")
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)


def _error_code(reply: Reply) -> str:
    """The service's error code, wherever its generations put it; an empty text if none is fit to be shown."""
    try:
        body = parse(reply)
    except UnexpectedAnswer:
        return ""
    members = body if isinstance(body, dict) else {}
    for name in ("errorCode", "error"):
        code = members.get(name)
        if isinstance(code, str) and re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", code):
            return code
    return ""


def seconds_to_wait(header: str | None, now: float) -> float | None:
    """The Retry-After *header*, seconds or an HTTP date, as seconds from *now* (unix time); None if it is neither."""
    if header is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", header.strip()):
        return float(header)
    at = unix_time(header)
    return None if at is None else max(0.0, at - now)


def unix_time(header: str) -> float | None:
    """The HTTP date in *header* as unix time; None if it is none."""
    try:
        moment = parsedate_to_datetime(header)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, TypeError):
        return None
