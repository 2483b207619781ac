"""The signature of Authsignal's webhooks, as pure functions over bytes, header, secrets and the time.

Header ``X-Signature-V2: t=<unix seconds>,v2=<signature>[,v2=<signature>…]``, one ``v2`` for each active secret.
A signature is the base64 text, without its padding, of HMAC-SHA256 with the API secret as key over ``<t>.<body>``
(source: Authsignal's webhook documentation and the code of its SDKs).
"""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from collections.abc import Sequence

from .errors import InvalidSignature
from .sealed import Sealed

__all__ = ["HEADER", "sign", "verify"]

HEADER = "X-Signature-V2"

_LONGEST_HEADER = 4096
_MOST_SIGNATURES = 10
# Twelve digits last for 30,000 years, and int() would accept "+1", "1_0" and other scripts' digits.
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


def sign(body: bytes, secret: str, timestamp: int) -> str:
    """The header that signs *body* with *secret* at *timestamp* (unix seconds), as the service would."""
    return f"t={timestamp},v2={_signature(body, secret, str(timestamp)).decode('ascii')}"


def verify(body: bytes, header: str | None, secrets: Sequence[str], now: float, tolerance: int = 300) -> None:
    """Return if *header* signs *body* with one of *secrets* within *tolerance* seconds before or after *now*.

    *body* is the request's raw body, not yet parsed; *now* is unix time. Raises InvalidSignature for every other
    header, however malformed, and ValueError for what would switch the check off: a tolerance that is not
    positive, or an empty secret.
    """
    secrets = [Sealed(secret) for secret in secrets]
    if not tolerance > 0 or not all(secrets):
        raise ValueError("Webhooks need a positive tolerance and secrets that are not empty.")
    timestamp, candidates = _read(header)
    if abs(now - int(timestamp)) > tolerance:
        raise InvalidSignature("the timestamp is outside the tolerance")
    if not _any_match(candidates, [_signature(body, secret, timestamp) for secret in secrets]):
        raise InvalidSignature("no signature matches")


def _read(header: str | None) -> tuple[str, list[bytes]]:
    """The literal timestamp and the candidate signatures of *header*; parts of other versions are skipped."""
    if header is None or len(header) > _LONGEST_HEADER:
        raise InvalidSignature("the signature header is missing or too long")
    parts = [part.strip().partition("=") for part in header.split(",")]
    timestamps = [value for name, _, value in parts if name == "t"]
    # Bytes, because comparing texts in constant time fails for characters outside ASCII.
    candidates = [value.encode("utf-8", "replace") for name, _, value in parts if name == "v2"]
    if len(timestamps) != 1 or not _TIMESTAMP.fullmatch(timestamps[0]):
        raise InvalidSignature("the signature header has no single valid timestamp")
    if not 1 <= len(candidates) <= _MOST_SIGNATURES:
        raise InvalidSignature("the signature header has no signature or too many")
    return timestamps[0], candidates


def _signature(body: bytes, secret: str, timestamp: str) -> bytes:
    mac = hmac.digest(secret.encode("utf-8", "surrogateescape"), timestamp.encode("ascii") + b"." + body, "sha256")
    return b64encode(mac).rstrip(b"=")


def _any_match(candidates: Sequence[bytes], expected: Sequence[bytes]) -> bool:
    # All pairs are compared before any is looked at: the time must not tell which secret or signature fits.
    matches = [hmac.compare_digest(candidate, one) for candidate in candidates for one in expected]
    return True in matches
