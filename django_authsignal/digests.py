"""Keyed digests of canonical values.

Rows and session facts hold digests, never the thing itself (T73). ``SECRET_KEY_FALLBACKS`` are honoured: a value is
written under the current key and recognised under any of them.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from decimal import Decimal

from django.conf import settings
from django.utils.crypto import salted_hmac

__all__ = ["canonical", "digests"]


def canonical(value: object) -> bytes:
    """Unambiguous bytes of a plain value: each part carries its type and length, so no two values share a form.

    Raises TypeError for a type that has no canonical form, UnicodeEncodeError for text with lone surrogates.
    """
    match value:
        case str():
            tag, body = b"s", value.encode()
        case bytes():
            tag, body = b"y", value
        case None | bool():
            tag, body = b"c", str(value).encode()
        case int():
            tag, body = b"i", b"%d" % value
        case float():
            tag, body = b"f", float.__repr__(value).encode()
        case Decimal():
            tag, body = b"d", Decimal.__str__(value).encode()
        case dt.date() | dt.time() | uuid.UUID():
            tag, body = b"t", str(value).encode()
        case list() | tuple():
            tag, body = b"l", b"".join(map(canonical, value))
        case Mapping():
            items = sorted((canonical(str(name)), canonical(item)) for name, item in value.items())
            tag, body = b"m", b"".join(part for item in items for part in item)
        case _:
            raise TypeError(
                f"cannot bind a {type(value).__name__}: use text, numbers, dates, UUIDs, lists or mappings."
            )
    return b"%s%d:%s" % (tag, len(body), body)


def digests(subject: str, value: object) -> tuple[str, ...]:
    """Digests of *value* for one *subject* (a salt), under the current key first, then under each fallback.

    The ``v1:`` prefix lets a later format live beside this one during a rolling deploy.
    """
    body = canonical(value)
    return tuple(
        "v1:" + salted_hmac(f"django_authsignal.{subject}", body, secret=key, algorithm="sha256").hexdigest()
        for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    )
