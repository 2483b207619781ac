"""The same journeys over sockets, to a bank in processes of its own: effects are counted in its ledger."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from django.conf import settings
from django.db import connection
from django.test import Client

from example_project.bank.models import Transfer
from tests.rig.proofs import LONG

from .visits import Visit

CSRF = "c" * 32  # cookie and header must agree, and that is all
ORDER = {"amount": "5", "payee": "Landlord"}
once = pytest.mark.skipif(
    connection.vendor == "postgresql" and not LONG, reason="shown on SQLite; on PostgreSQL only at the long setting"
)
LONGEST = 30
"""Seconds after which an answer is not waited for any more."""


class Remote(Visit):
    """A customer of the bank at *url*, before a view of tests/faults/urls.py."""

    action = "withdrawFunds"

    def __init__(self, url: str, kit: Any, user: Any, door: str) -> None:
        super().__init__(kit, user, "sync")
        self.url, self.door = url, door
        self.session = signed_in(url, user)

    @property
    def effects(self) -> int:
        return Transfer.objects.filter(account__user=self.user).count()

    def submit(self, key: Any = None) -> Any:
        headers = {"Authsignal-Step-Up": str(key)} if key else {}
        body = {"data": ORDER} if self.door == "sync" else {"json": ORDER}
        return self.send("post", f"/pay/{self.door}/", headers=headers, **body)

    def send(self, verb: str, path: str, *args: Any, **kwargs: Any) -> Any:
        headers = {"Connection": "close", "X-CSRFToken": CSRF, **kwargs.pop("headers", {})}
        if media_type := kwargs.pop("content_type", ""):
            headers["Content-Type"] = media_type
        sent = {"headers": headers, "timeout": LONGEST, "allow_redirects": False}
        return self.session.request(verb, self.url + path, *args, **sent, **kwargs)


def signed_in(url: str, user: Any) -> requests.Session:
    """A browser in which *user* has just signed in to the bank at *url*."""
    browser = Client()
    browser.force_login(user)
    session = requests.Session()
    session.trust_env = False
    host = str(urlsplit(url).hostname)
    session.cookies.set("sessionid", browser.cookies[settings.SESSION_COOKIE_NAME].value, domain=host)
    session.cookies.set("csrftoken", CSRF, domain=host)
    return session
