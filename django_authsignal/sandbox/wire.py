"""The sandbox's request object, its JSON answers and errors, and the reading of JSON bodies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from django.core.exceptions import SuspiciousOperation
from django.core.handlers.wsgi import WSGIRequest
from django.http import JsonResponse
from django.http.request import UnreadablePostError

from .journal import split_path
from .store import Store

__all__ = ["ApiError", "SandboxRequest", "bad_request", "body_of", "error", "members"]

UNAUTHORIZED = "The request is unauthorized. Check that your API key and region base URL are correctly configured."


class SandboxRequest(WSGIRequest):
    """A Django request that knows the sandbox's store and the path as it came over the wire."""

    def __init__(self, environ: dict[str, Any], store: Store) -> None:
        super().__init__(environ)
        self.sandbox = store
        self.raw_path = _raw_path(environ)
        self.segments = split_path(self.raw_path)


def _raw_path(environ: Mapping[str, Any]) -> str:
    """The path of the request line. PATH_INFO is decoded already, and then ``a%2Fb`` looks like two segments."""
    target = environ.get("REQUEST_URI") or environ.get("RAW_URI") or quote(environ["PATH_INFO"].encode("latin-1"))
    path: str = target.partition("?")[0]
    return path


class ApiError(Exception):
    """An answer that is not 2xx."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status, self.code, self.text = status, code, text


def bad_request(text: str) -> ApiError:
    return ApiError(400, "invalid_request", text)


def error(status: int, code: str, text: str, headers: Mapping[str, str] | None = None) -> JsonResponse:
    """An error in all four names that SDKs of different years look for."""
    body = {"error": code, "errorCode": code, "errorDescription": text, "message": text}
    return JsonResponse(body, status=status, headers=dict(headers or {}))


def body_of(request: SandboxRequest) -> dict[str, Any]:
    """The JSON object of the body; nothing and ``null`` count as an empty one, as some SDKs send them."""
    try:
        payload = json.loads(request.body or b"{}")
    except (ValueError, RecursionError, SuspiciousOperation, UnreadablePostError):
        raise bad_request("The request body is not valid JSON.") from None
    if payload is None:
        return {}
    if not isinstance(payload, dict):
        raise bad_request("The request body must be a JSON object.")
    return payload


def members(payload: Mapping[str, Any], kinds: Mapping[str, type]) -> dict[str, Any]:
    """The known members that are present, of the right type; unknown ones and nulls are ignored."""
    found = {name: payload[name] for name in kinds if payload.get(name) is not None}
    for name, value in found.items():
        if not isinstance(value, kinds[name]):
            raise bad_request(f"{name} must be of type {JSON_NAMES[kinds[name]]}.")
    return found


JSON_NAMES = {str: "string", bool: "boolean", dict: "object"}
