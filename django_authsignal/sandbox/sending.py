"""One webhook over the wire: signed as the service signs, to this machine only."""

from __future__ import annotations

import base64
import hmac
import http.client
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from .loopback import is_loopback

__all__ = ["Sender", "encoded", "signed"]

logger = logging.getLogger("django_authsignal")


def encoded(message: Mapping[str, Any]) -> bytes:
    """*message* as the body of a webhook: compact JSON in UTF-8."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def signed(body: bytes, secrets: Iterable[str], moment: float) -> str:
    """The value of ``X-Signature-V2`` for *body*, signed at *moment* (unix seconds) with every one of *secrets*."""
    t = str(int(moment))
    macs = [hmac.digest(secret.encode(), f"{t}.".encode() + body, "sha256") for secret in secrets]
    return ",".join([f"t={t}", *(f"v2={base64.b64encode(mac).decode().rstrip('=')}" for mac in macs)])


class Sender:
    """Posts to ``url``. Raises ValueError for an address that is not this machine's: others learn no secret.

    ``secrets`` are the active API keys, several during a rotation; they may be changed at any time.
    ``timeout`` is how many seconds an answer may let wait for itself.
    """

    def __init__(self, url: str, secrets: Iterable[str], clock: Callable[[], float], *, timeout: float = 5.0) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not is_loopback(parts.hostname or ""):
            raise ValueError(f"The sandbox sends webhooks to http URLs of this machine only, and {url!r} is none.")
        self.url, self.secrets, self.clock, self.timeout = url, tuple(secrets), clock, timeout
        self._host, self._port = parts.hostname or "", parts.port
        self._path = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"

    def post(self, message: Mapping[str, Any]) -> bool:
        """Send once, following no redirect; whether the answer was a 2xx. Every other end is logged, and no content."""
        body, name = encoded(message), message.get("type", "batch")
        headers = {"Content-Type": "application/json", "X-Signature-V2": signed(body, self.secrets, self.clock())}
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self.timeout)
        try:
            connection.request("POST", self._path, body, headers)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            logger.warning("the sandbox's webhook %s was not answered: %s", name, error)
            return False
        finally:
            connection.close()
        if not 200 <= status < 300:
            logger.warning("the sandbox's webhook %s was answered %d", name, status)
            return False
        return True
