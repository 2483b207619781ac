"""What odd deployments consist of: middleware, session-less caches, backends and browsers."""

from __future__ import annotations

import gzip
from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.core.cache.backends.base import BaseCache
from django.test import Client
from django.test.client import ClientHandler
from django.urls import set_script_prefix

__all__ = ["AnyBackend", "BrokenCache", "MountedClient", "ZippingClient", "carry_on", "settings_with"]


def settings_with(*middleware: str, last: str = "") -> list[str]:
    """The bank's middleware behind *middleware*, and before the *last* one."""
    return [*middleware, *settings.MIDDLEWARE, *filter(None, [last])]


def carry_on(payment: Any, before: Any) -> list[Any]:
    """Every step of *payment*, whatever the one before was answered; all answers. *before* is told which comes."""
    token = str(payment.browser.get("/transfer/").context["csrf_token"])
    before("start")
    form = {"amount": "5000", "payee": "Landlord", "csrfmiddlewaretoken": token}
    payment.page = payment.browser.post("/transfer/", form)
    answers = [payment.page]
    if payment.page.status_code == 302:  # to the login page: there is nothing to carry on with
        return answers
    for step in ("come_back", "send_again"):
        before(step)
        answers.append(getattr(payment, step)())
    return answers


class BrokenCache(BaseCache):
    """A cache whose server is gone."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        raise ConnectionError("the cache is gone")

    add = set = touch = delete = clear = has_key = incr = get


class AnyBackend(ModelBackend):
    """Asks no password, and lets inactive people in: whatever a project's own backend may do."""

    def authenticate(self, request: Any, username: str | None = None, **credentials: Any) -> Any:
        return super().get_user(username) if username else None

    def user_can_authenticate(self, user: Any) -> bool:
        return True


class ZippingClient(Client):
    """A browser that takes compressed pages."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, headers={"Accept-Encoding": "gzip"})
        self.unzipped = 0

    def request(self, **request: Any) -> Any:
        response = super().request(**request)
        if response.get("Content-Encoding") == "gzip":
            response.content = gzip.decompress(response.content)
            self.unzipped += 1
        return response


class MountedHandler(ClientHandler):
    """As the handlers of real servers do, and the test client's does not: reversed URLs carry the prefix."""

    def __call__(self, environ: dict[str, Any]) -> Any:
        set_script_prefix(environ["SCRIPT_NAME"] or settings.FORCE_SCRIPT_NAME)
        return super().__call__(environ)


class MountedClient(Client):
    """A browser before a proxy that has the bank below *prefix*, and takes it off the paths that it passes on."""

    def __init__(self, prefix: str, *, is_told: bool, **options: Any) -> None:
        super().__init__(**options, SCRIPT_NAME=prefix if is_told else "")
        self.handler = MountedHandler(options.get("enforce_csrf_checks", False))
        self._prefix = prefix

    def generic(self, method: str, path: str, *args: Any, **kwargs: Any) -> Any:
        if not str(path).startswith(self._prefix + "/"):
            raise AssertionError(f"{path} lies outside {self._prefix}")
        return super().generic(method, str(path).removeprefix(self._prefix), *args, **kwargs)
