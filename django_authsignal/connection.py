"""Settings -> one cached client, the environment it speaks to, and whose hosted pages people may be sent to."""

from __future__ import annotations

import ipaddress
import re
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.http import HttpRequest

from django_authsignal.client.sealed import Sealed
from django_authsignal.conf import app_settings

if TYPE_CHECKING:
    from django_authsignal.client import Client

__all__ = ["environment", "get_client", "hosted_page", "refuse_stray_sandbox", "site_url"]

LIVE = "live"
SANDBOX = "sandbox"
SANDBOX_PREFIX = "sandbox_"
# Letters that every reader takes for what they are: a percent sign, say, means another host to some.
HOSTED = re.compile(r"([a-z0-9-]+\.)+authsignal\.com")


@cache
def get_client(timeout: float | None = None) -> Client:
    """The process's client; one with a *timeout* of its own (seconds) has a breaker of its own too.

    Raises ImproperlyConfigured for settings that must not reach the network.
    """
    from django_authsignal.client import Client  # here, as every start imports this module

    environment()
    return Client(
        app_settings.SECRET,
        api_url=app_settings.API_URL,
        timeout=timeout or app_settings.TIMEOUT,
        adapter=app_settings.ADAPTER,
    )


@cache
def environment() -> str:
    """'live' or 'sandbox', by the host and the key together; they cannot mix (T48).

    Raises ImproperlyConfigured when host and key disagree, when a live host is not https, and for a sandbox outside
    DEBUG without ``AUTHSIGNAL_ALLOW_SANDBOX``.
    """
    parts = urlsplit(app_settings.API_URL)
    sandbox_host = is_loopback(parts.hostname or "")
    sandbox_key = app_settings.SECRET.startswith(SANDBOX_PREFIX)
    if sandbox_host != sandbox_key:
        raise ImproperlyConfigured(
            "AUTHSIGNAL_SECRET and AUTHSIGNAL_API_URL disagree: a secret that starts with 'sandbox_' belongs to a "
            "sandbox on this machine (localhost), every other one to Authsignal's own hosts."
        )
    if not sandbox_host:
        if parts.scheme != "https":
            raise ImproperlyConfigured("AUTHSIGNAL_API_URL must be an https URL.")
        return LIVE
    if not settings.DEBUG and not app_settings.ALLOW_SANDBOX:
        raise ImproperlyConfigured(
            "The sandbox approves whatever its user types: it needs DEBUG = True, or, in a test run, "
            "AUTHSIGNAL_ALLOW_SANDBOX = True."
        )
    return SANDBOX


def refuse_stray_sandbox() -> None:
    """Raise ImproperlyConfigured when settings point to a sandbox that ``environment()`` would refuse (T48)."""
    try:
        named = app_settings.SECRET.startswith(SANDBOX_PREFIX) or is_loopback(
            urlsplit(app_settings.API_URL).hostname or ""
        )
    except ImproperlyConfigured:
        return  # not usable at all: the numbered checks say what is missing
    if named and not settings.DEBUG:
        environment()


def is_loopback(host: str) -> bool:
    """Whether *host* can only be this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def hosted_page(url: str | None) -> str:
    """*url* if people may be sent there, else '': https on Authsignal's or your own hosts, or the sandbox (T43).

    It holds a token, so it has no printable form (T65).
    """
    return Sealed(url) if url and _is_hosted(url) else ""


def _is_hosted(url: str) -> bool:
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
        host, api = (parts.hostname or "").removesuffix("."), urlsplit(app_settings.API_URL)
        if environment() == SANDBOX:
            return parts.scheme in ("http", "https") and (host, parts.port) == (api.hostname, api.port)
        allowed = HOSTED.fullmatch(host) or host in app_settings.ALLOWED_CHALLENGE_HOSTS
        return parts.scheme == "https" and bool(allowed) and parts.port in (None, 443) and parts.username is None
    except ValueError:
        return False


def site_url(request: HttpRequest) -> str:
    """Our own origin. The Host header is believed only in DEBUG (T26)."""
    if configured := app_settings.SITE_URL:
        return configured
    if settings.DEBUG:
        return f"{request.scheme}://{request.get_host()}"
    raise ImproperlyConfigured(
        "AUTHSIGNAL_SITE_URL must be set outside DEBUG, for example 'https://bank.example': people come back there."
    )


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting == "DEBUG" or setting.startswith("AUTHSIGNAL_"):
        get_client.cache_clear()
        environment.cache_clear()


setting_changed.connect(_forget, dispatch_uid="django_authsignal.connection")
