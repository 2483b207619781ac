"""Callers without a session: what stands in for the browser's nonce is a secret that the first refusal hands over.

    first request   ->  403 with ``key`` and, once, ``resume``
    the user passes the challenge; the hosted page's redirect carries ``token``
    same request    ->  Authsignal-Step-Up: <key>.<resume>   Authsignal-Token: <token>

The row holds only the secret's digest; windows and sign-in do not exist on this channel.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field

from django.http import HttpRequest

from django_authsignal.binding import KEY_HEADER
from django_authsignal.digests import digests

__all__ = ["Bearer", "bearer_of"]

TOKEN_HEADER = "Authsignal-Token"  # noqa: S105  a header's name
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Bearer:
    """One caller without a session."""

    secret: str = field(repr=False)
    """256 bits, as URL-safe base64."""
    is_new: bool
    """Made for this request, so the caller must be told."""
    token: str = field(default="", repr=False)
    """What the hosted page's redirect carried, or ''."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Digests that name this caller on rows."""
        return digests("resume", self.secret)


def bearer_of(request: HttpRequest) -> Bearer:
    """The caller that *request*'s headers name, else a new one."""
    secret = request.headers.get(KEY_HEADER, "").partition(".")[2]
    if not _SECRET.fullmatch(secret):
        return Bearer(secrets.token_urlsafe(32), is_new=True)
    return Bearer(secret, is_new=False, token=request.headers.get(TOKEN_HEADER, ""))
