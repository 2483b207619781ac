"""Request -> what the service is told about it. Hints for its rules: all of it is the client's word (T45), so every
value is validated, shortened or dropped here and can never make a call fail (T41)."""

from __future__ import annotations

import ipaddress
import re
import uuid
from collections.abc import Mapping
from typing import Any
from unicodedata import category

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email
from django.http import HttpRequest
from django.utils.translation import get_language

from django_authsignal.client.sealed import Members
from django_authsignal.conf import app_settings

__all__ = ["authsignal_user_id", "client_ip", "printable", "track_attributes"]

DEVICE_COOKIE = "__as_aid"
"""Set by Authsignal's browser SDK: a UUID (API notes 4.3)."""
USER_AGENT_LIMIT = 512
USER_ID_LIMIT = 256
E164 = re.compile(r"\+[1-9][0-9]{6,14}")
NOT_THE_PROJECTS = frozenset({"idempotencyKey", "redirectUrl", "redirectToSettings", "scope", "challengeId"})
"""What a step-up itself sets, or must never send (T12)."""


def authsignal_user_id(user: Any) -> str:
    """The id that Authsignal knows *user* by: ``AUTHSIGNAL_USER_ID``, by default ``str(user.pk)``.

    Raises ImproperlyConfigured for an id that several people could share or that no URL can carry (T34, T42).
    """
    make = app_settings.USER_ID
    value = str(make(user) if make else user.pk)
    shared = value.strip().lower() in ("", ".", "..", "none", "null", "undefined")
    if shared or len(value) > USER_ID_LIMIT or any(category(character) in ("Cc", "Cs") for character in value):
        raise ImproperlyConfigured(f"{value[:64]!r} is no id for a user at Authsignal; see AUTHSIGNAL_USER_ID.")
    return value


def printable(text: str, limit: int) -> str:
    """*text* from elsewhere as we keep it or send it on: without control characters, and not longer than *limit*."""
    return "".join(character for character in text if character.isprintable())[:limit]


def track_attributes(request: HttpRequest) -> dict[str, Any]:
    """What a track call says of the request, in the wire's names (API reference, track action)."""
    extra = app_settings.ATTRIBUTES
    attributes = {
        "ipAddress": client_ip(request),
        "userAgent": printable(request.headers.get("User-Agent", ""), USER_AGENT_LIMIT),
        "deviceId": _device_id(request),
        "locale": get_language(),
        **(_checked(extra(request)) if extra else {}),
    }
    return {name: value for name, value in attributes.items() if value}


def client_ip(request: HttpRequest) -> str | None:
    """The peer's address, or the one that ``AUTHSIGNAL_TRUSTED_PROXY_COUNT`` of your proxies vouch for."""
    address = request.META.get("REMOTE_ADDR", "")
    count = app_settings.TRUSTED_PROXY_COUNT
    if count:
        forwarded = request.headers.get("X-Forwarded-For")
        hops = [hop.strip() for hop in forwarded.split(",")] if forwarded else []
        # Each proxy appends its peer: the n-th from the right is what the outermost proxy of ours saw.
        address = hops[-count] if len(hops) >= count else address
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    return None if "%" in str(parsed) else str(parsed)  # a scope id means something on that machine only


def _device_id(request: HttpRequest) -> str | None:
    try:
        return str(uuid.UUID(request.COOKIES.get(DEVICE_COOKIE, "")))
    except ValueError:
        return None


def _checked(extra: Any) -> dict[str, Any]:
    """The project's own attributes; an e-mail or phone number that the service would refuse is left out (T41)."""
    if not isinstance(extra, Mapping):
        raise ImproperlyConfigured("AUTHSIGNAL_ATTRIBUTES must return a mapping in the wire's names.")
    extra = Members(extra)
    if reserved := NOT_THE_PROJECTS.intersection(extra):
        raise ImproperlyConfigured(f"AUTHSIGNAL_ATTRIBUTES may not set {', '.join(sorted(reserved))}.")
    told = Members((name, str(value) if name in ("email", "phoneNumber") else value) for name, value in extra.items())
    if not _is_email(told.get("email")):
        told.pop("email", None)
    if not E164.fullmatch(told.get("phoneNumber", "")):
        told.pop("phoneNumber", None)
    return told


def _is_email(value: Any) -> bool:
    try:
        validate_email(value)
    except ValidationError:
        return False
    return True
