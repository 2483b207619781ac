"""Typed settings: every ``AUTHSIGNAL_*`` name, its type, its default and what it must look like, in one place.

Values are read when used, so ``override_settings`` works everywhere. A value that cannot be right raises
``ImproperlyConfigured``; ``manage.py check`` finds the same mistakes before a request does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeGuard
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from django_authsignal.client.sealed import Sealed

__all__ = ["app_settings"]

REGIONS = {
    "us": "https://api.authsignal.com/v1",
    "au": "https://au.api.authsignal.com/v1",
    "eu": "https://eu.api.authsignal.com/v1",
    "ca": "https://ca.api.authsignal.com/v1",
}


def _get(name: str, default: Any) -> Any:
    return getattr(settings, f"AUTHSIGNAL_{name}", default)


def _wrong(name: str, hint: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"AUTHSIGNAL_{name} {hint}")


def _text(name: str, default: str = "") -> str:
    value = _get(name, default)
    if not isinstance(value, str):
        raise _wrong(name, "must be a string.")
    return value


def _integer(name: str, default: int, least: int, most: int) -> int:
    value = _get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise _wrong(name, f"must be a whole number from {least} to {most}.")
    return value


def _choice(name: str, default: str, choices: Sequence[str]) -> str:
    value = _get(name, default)
    if value not in choices:
        raise _wrong(name, f"must be one of {', '.join(map(repr, choices))}.")
    return str(value)


def _function(name: str) -> Callable[..., Any] | None:
    value: Callable[..., Any] | str | None = _get(name, None)
    if isinstance(value, str):
        try:
            value = import_string(value)
        except ImportError as error:
            raise _wrong(name, f"names {value!r}, which cannot be imported.") from error
    if value is not None and not callable(value):
        raise _wrong(name, "must be the dotted path of a function.")
    return value


def _sealed(name: str, default: Any) -> Any:
    """A setting that holds secrets, without a printable form: an error report shows the variables of every frame."""
    value = _get(name, default)
    if isinstance(value, list | tuple):
        return tuple(Sealed(one) if isinstance(one, str) else None for one in value)
    return Sealed(value) if isinstance(value, str) else None


def _is_secret(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value) and value.isascii() and value.isprintable() and value == value.strip()


def _is_host(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"([a-z0-9-]+\.)*[a-z0-9-]+", value, re.I | re.ASCII) is not None


def _is_plain_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return usable and not any(mark in url for mark in "@?#")


class AppSettings:
    """Read-only view of the project's settings. What a property says here is its line in the reference."""

    @property
    def SECRET(self) -> str:
        """The server API secret key of the Authsignal tenant."""
        value = _sealed("SECRET", "")
        if not _is_secret(value):
            raise _wrong(
                "SECRET", "must hold the API secret key of your tenant (Authsignal portal, Settings, API keys)."
            )
        return value

    @property
    def SECRET_FALLBACKS(self) -> tuple[str, ...]:
        """Further secrets that sign webhooks while the tenant's key is being rotated."""
        value = _sealed("SECRET_FALLBACKS", ())
        if not isinstance(value, tuple) or not all(map(_is_secret, value)):
            raise _wrong("SECRET_FALLBACKS", "must be a list of API secret keys, none of them empty.")
        return value

    @property
    def API_URL(self) -> str:
        """Base URL of the Server API; ``AUTHSIGNAL_REGION`` names a known one: "us" (default), "au", "eu" or "ca"."""
        url = _text("API_URL") or REGIONS[_choice("REGION", "us", tuple(REGIONS))]
        if not _is_plain_url(url):
            raise _wrong("API_URL", "must be an https URL without user, query or fragment.")
        return url

    @property
    def SITE_URL(self) -> str:
        """Our own origin, such as ``https://bank.example``: where people come back to. Required where DEBUG is off."""
        url = _text("SITE_URL").rstrip("/")
        if url and (not _is_plain_url(url) or urlsplit(url).path):
            raise _wrong("SITE_URL", "must be an origin such as 'https://bank.example', without a path.")
        return url

    @property
    def TENANT_ID(self) -> str:
        """The tenant's id, stored on every row; webhooks of another tenant are refused."""
        return _text("TENANT_ID")

    @property
    def MODE(self) -> str:
        """'enforce', or 'report_only': track and record everything, stop nothing."""
        return _choice("MODE", "enforce", ("enforce", "report_only"))

    @property
    def TIMEOUT(self) -> float:
        """Wall clock of one remote call, retry included: 0.5 to 20 seconds."""
        value = _get("TIMEOUT", 8.0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0.5 <= value <= 20:
            raise _wrong("TIMEOUT", "must be a number of seconds from 0.5 to 20.")
        return float(value)

    @property
    def ACTIONS(self) -> Mapping[str, Mapping[str, Any]]:
        """Policy arguments per action code that override what a view says."""
        value = _get("ACTIONS", {})
        if not isinstance(value, Mapping) or not all(isinstance(entry, Mapping) for entry in value.values()):
            raise _wrong("ACTIONS", "must map action codes to mappings of policy arguments.")
        return value

    @property
    def PROTECT(self) -> Mapping[str, Mapping[str, Any]]:
        """Policies (with their ``action``) per pattern of view names, such as ``admin:*``."""
        value = _get("PROTECT", {})
        if not isinstance(value, Mapping) or not all(isinstance(entry, Mapping) for entry in value.values()):
            raise _wrong("PROTECT", "must map patterns of view names to mappings of policy arguments.")
        return value

    @property
    def SIGN_IN_ACTION(self) -> str:
        """Action code that every login must pass before the session may do anything else; '': none."""
        return _text("SIGN_IN_ACTION")

    @property
    def UNENROLLED(self) -> str:
        """What an ALLOW means for a user without any authenticator: 'enrol', 'deny' or 'allow'."""
        return _choice("UNENROLLED", "enrol", ("enrol", "deny", "allow"))

    @property
    def APPROVAL_TTL(self) -> timedelta:
        """How long an approval may wait to be spent."""
        return timedelta(seconds=_integer("APPROVAL_TTL", 300, 10, 900))

    @property
    def CHALLENGE_TTL(self) -> timedelta:
        """How long a challenge may wait to be passed; the service's token lives 600 seconds."""
        return timedelta(seconds=_integer("CHALLENGE_TTL", 600, 30, 900))

    @property
    def WEBHOOK_TOLERANCE(self) -> int:
        """How many seconds the time in a webhook's signature may be from ours, either way."""
        return _integer("WEBHOOK_TOLERANCE", 300, 1, 3600)

    @property
    def RETENTION_DAYS(self) -> int:
        """How many days ``authsignal_prune`` keeps history."""
        return _integer("RETENTION_DAYS", 365, 1, 3650)

    @property
    def TRUSTED_PROXY_COUNT(self) -> int:
        """How many proxies of yours append to X-Forwarded-For. With 0 the peer's own address is used."""
        return _integer("TRUSTED_PROXY_COUNT", 0, 0, 10)

    @property
    def USER_ID(self) -> Callable[..., Any] | None:
        """Function from a user to the id that Authsignal knows it by; without one ``str(user.pk)``."""
        return _function("USER_ID")

    @property
    def ATTRIBUTES(self) -> Callable[..., Any] | None:
        """Function from a request to further track attributes (verified email, phoneNumber, custom)."""
        return _function("ATTRIBUTES")

    @property
    def ALLOWED_CHALLENGE_HOSTS(self) -> tuple[str, ...]:
        """Hosts beside authsignal.com whose hosted pages people may be sent to: your custom domain."""
        value = _get("ALLOWED_CHALLENGE_HOSTS", ())
        if not isinstance(value, list | tuple | set) or not all(map(_is_host, value)):
            raise _wrong("ALLOWED_CHALLENGE_HOSTS", "must be a list of whole host names, such as 'mfa.bank.example'.")
        return tuple(host.lower() for host in value)

    @property
    def ALLOW_SANDBOX(self) -> bool:
        """Permit the sandbox outside DEBUG, as test runs need; never set it in production."""
        return _get("ALLOW_SANDBOX", False) is True

    @property
    def ADAPTER(self) -> Any:
        """A ``requests`` transport adapter (or its dotted path) that carries the calls; without one, our own pool."""
        value = _get("ADAPTER", None)
        return import_string(value) if isinstance(value, str) else value


app_settings = AppSettings()
