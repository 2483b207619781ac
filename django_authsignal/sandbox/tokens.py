"""Signed tokens as the service makes them: JSON Web Tokens, HS256 with the API secret (stdlib only)."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import uuid
from collections.abc import Mapping
from typing import Any

__all__ = ["issue", "read"]

HEADER = {"alg": "HS256", "typ": "JWT"}


def issue(secret: str, *, issuer: str, tenant_id: str, now: float, lifetime: int, scope: str, **subject: str) -> str:
    """A token about ``subject``: ``userId`` and, for one action, ``actionCode`` and ``idempotencyKey``.

    The claims are those that the official Python SDKs up to 2.0.7 read themselves; ``jti`` makes every token differ.
    ``lifetime`` is in seconds.
    """
    claims = {
        "iat": int(now),
        "exp": int(now) + lifetime,
        "sub": subject["userId"],
        "iss": issuer,
        "aud": issuer,
        "scope": scope,
        "jti": str(uuid.uuid4()),
        "other": {"tenantId": tenant_id, "publishableKey": tenant_id, **subject},
    }
    signed = f"{_encode(HEADER)}.{_encode(claims)}"
    return f"{signed}.{_signature(signed, secret)}"


def read(token: str, secret: str) -> Mapping[str, Any] | None:
    """The claims of a token that this secret signed, expired or not; None for anything else."""
    signed, _, signature = token.rpartition(".")
    if not token.isascii() or not hmac.compare_digest(_signature(signed, secret).encode(), signature.encode()):
        return None
    try:
        claims: Mapping[str, Any] = json.loads(_decode(signed.partition(".")[2]))
    except (ValueError, binascii.Error):
        return None
    return claims


def _encode(value: object) -> str:
    return _text(json.dumps(value, separators=(",", ":")).encode())


def _signature(signed: str, secret: str) -> str:
    return _text(hmac.digest(secret.encode(), signed.encode(), "sha256"))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
