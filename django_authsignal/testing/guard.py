"""No test reaches the network by accident: it fails, and says which call it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings
from django.test import override_settings
from requests.adapters import BaseAdapter

from django_authsignal.client.connections import DeadlineAdapter
from django_authsignal.connection import is_loopback

__all__ = ["NetworkReachedError", "guard_tests", "no_network"]


class NetworkReachedError(BaseException):
    """Fails the test. Not an ``Exception``, so that nothing on its way to the test takes it for an outage."""

    @classmethod
    def by(cls, request: requests.PreparedRequest, advice: str) -> NetworkReachedError:
        """What *request* fails its test with."""
        return cls(f"This test would have reached the network: {request.method} {request.url}\n{advice}")


class NoNetwork(BaseAdapter):
    """Carries calls to this machine, such as to a sandbox on localhost, and no others.

    It keeps no connection: one adapter serves every client of a test run, whatever its URL, and after a fork.
    """

    def send(self, *args: Any, **options: Any) -> requests.Response:
        """What the client's own adapter answers. Raises NetworkReachedError for another machine."""
        adapter = _ThisMachine()
        try:
            return adapter.send(*args, **options)
        finally:
            adapter.close()

    def close(self) -> None:
        """There is nothing to close."""


class _ThisMachine(DeadlineAdapter):
    # Here, and not in send(), so that libraries which answer in its place, such as ``responses``, still do.
    def get_connection_with_tls_context(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> Any:
        if not is_loopback(urlsplit(request.url or "").hostname or ""):
            raise NetworkReachedError.by(
                request,
                "Let the test use the authsignal fixture, or AuthsignalTestMixin, which answer in its place.\n"
                "If it is meant to reach a server, set AUTHSIGNAL_ADAPTER = None for it.",
            )
        return super().get_connection_with_tls_context(request, *args, **options)


no_network = NoNetwork()
"""What ``AUTHSIGNAL_ADAPTER = "django_authsignal.testing.no_network"`` names, in the settings of any test run."""


def guard_tests() -> Callable[[], None]:
    """Make it the adapter, where the project has chosen none; the call that takes it away again."""
    guarded = override_settings(AUTHSIGNAL_ADAPTER=getattr(settings, "AUTHSIGNAL_ADAPTER", None) or no_network)
    guarded.enable()
    return guarded.disable
