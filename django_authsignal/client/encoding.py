"""From plain values to what goes over the wire: path, query and JSON body of one request. Pure functions."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeAlias
from urllib.parse import quote, urlencode, urlsplit
from uuid import UUID

from .sealed import Payload, SealedBytes

__all__ = ["Id", "Request", "base_url", "to_json"]

Id: TypeAlias = str | int | UUID

_LONGEST_ID = 256
# Control characters, and the lone surrogates that UTF-8 cannot write.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# The fixed words of the API's paths. Whatever else stands in a path is an id and is left out of the route.
_WORDS = frozenset(
    {"users", "actions", "authenticators", "validate", "challenge", "challenges", "verify", "claim"}
    | {"sessions", "refresh", "revoke", "user", "devices", "invalidate"}
)
_TRACK = "/users/{}/actions/{}"
_ACTION = "/users/{}/actions/{}/{}"


@dataclass(slots=True)
class Request:
    """One request: ``route`` is its path without ids (for messages), ``path`` the real one with its query."""

    method: str
    route: str
    path: str = field(repr=False)
    body: SealedBytes | None
    repeatable: bool
    """True when sending it a second time cannot do anything twice, even if the first one was acted upon."""

    @classmethod
    def build(cls, method: str, segments: tuple[Id, ...], payload: Payload | None, query: Payload | None) -> Request:
        """Raises ValueError for an id that cannot be one path segment, or a number that JSON cannot hold;
        TypeError for a value that JSON cannot hold."""
        path = "".join(["/" + _segment(part) for part in segments])
        route = "".join(["/" + part if isinstance(part, str) and part in _WORDS else "/{}" for part in segments])
        if query:
            path += "?" + urlencode(query, quote_via=quote)
        body = None if payload is None else to_json(payload)
        return cls(method, route, path, body, _repeatable(method, route, payload))


def _repeatable(method: str, route: str, payload: Payload | None) -> bool:
    # A track that carries its key names the same action again; an update of an action sets what it set before.
    if method == "POST":
        return route == _TRACK and bool(payload and payload.get("idempotencyKey"))
    return method == "GET" or (method == "PATCH" and route == _ACTION)


def _segment(part: Id) -> str:
    """*part* as exactly one path segment. HTTP libraries fold ``..`` and servers split at ``/``, so a user id could
    otherwise reach another endpoint: everything is percent-encoded, and what encoding cannot save is refused."""
    if isinstance(part, bool) or not isinstance(part, str | int | UUID):
        raise ValueError(f"An id must be a text, an integer or a UUID, not {type(part).__name__}.")
    text = part if isinstance(part, str) else str(part)
    if text in ("", ".", "..") or len(text) > _LONGEST_ID or _UNFIT.search(text):
        raise ValueError(f"An id has 1 to {_LONGEST_ID} characters, no control characters, and is not one or two dots.")
    return quote(text, safe="")


def base_url(url: str) -> str:
    """*url* without trailing slashes and with ``/v1``, as every path of the API starts there.

    Raises ValueError unless it is an http or https URL of a host and nothing more.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or set(url) & set("?#@ "):
        raise ValueError(
            "The Authsignal API URL is like https://api.authsignal.com/v1, without user, query or fragment."
        )
    trimmed = url.rstrip("/")
    return trimmed if trimmed.endswith("/v1") else trimmed + "/v1"


def to_json(payload: Payload) -> SealedBytes:
    """*payload* as JSON. Decimals become numbers with every digit they have; UUIDs become texts.

    Raises ValueError for NaN and infinities, TypeError for any other type that JSON does not know.
    """
    encoder = _Encoder()
    text = encoder.encode(payload)
    if encoder.mark:
        text = re.sub(f'"{encoder.mark}([^"]+)"', r"\1", text)
    return SealedBytes(text.encode("ascii"))


class _Encoder(json.JSONEncoder):
    """Writes a Decimal as a text behind a mark that nobody can guess, because the standard encoder has no way to
    write a number it does not know; :func:`to_json` then takes mark and quotes away."""

    mark = ""

    def __init__(self) -> None:
        super().__init__(allow_nan=False, separators=(",", ":"))

    def default(self, value: Any) -> str:
        if isinstance(value, UUID):
            return str(value)
        if not isinstance(value, Decimal):
            raise TypeError(f"Authsignal payloads hold JSON values; turn {type(value).__name__} into a text first.")
        if not value.is_finite():
            raise ValueError("JSON has no NaN and no infinity.")
        self.mark = self.mark or secrets.token_hex(16)
        return f"{self.mark}{value}"
