"""The controller that a test holds: what the service decides, whether it can be reached, what it was asked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.test import override_settings

from django_authsignal.attributes import authsignal_user_id
from django_authsignal.connection import get_client
from django_authsignal.sandbox.journal import LoggedRequest
from django_authsignal.sandbox.rules import Outcome, Rules
from django_authsignal.sandbox.store import Store

from .adapter import ORIGIN, SandboxAdapter
from .webhooks import SignedWebhook, signed_webhook

__all__ = ["Authsignal"]

SECRET = "sandbox_test"  # noqa: S105  no secret: it opens nothing but this process's memory


class Authsignal:
    """An Authsignal in this process. Active, by overridden settings, while it is used as a context manager.

    Every action is allowed and every user has an SMS authenticator until the test says otherwise. A *user* is a
    Django user, or the text that Authsignal knows the user by.
    """

    def __init__(self) -> None:
        self.store = Store(Rules(enrol_everyone=True), secret=SECRET, origin=ORIGIN)
        self._adapter = SandboxAdapter(self.store)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings under which the package talks to this Authsignal and to nothing else."""
        return {
            "AUTHSIGNAL_SECRET": SECRET,
            "AUTHSIGNAL_API_URL": f"{ORIGIN}/v1",
            "AUTHSIGNAL_ADAPTER": self._adapter,
            "AUTHSIGNAL_ALLOW_SANDBOX": True,
            "AUTHSIGNAL_SITE_URL": getattr(settings, "AUTHSIGNAL_SITE_URL", "") or "http://testserver",
        }

    def __enter__(self) -> Self:
        self._overridden = override_settings(**self.settings)
        self._overridden.enable()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._overridden.disable()

    def allow(self, action: str) -> None:
        """Let *action* pass without a challenge."""
        self.store.force(action, Outcome.ALLOW)

    def challenge(self, action: str) -> None:
        """Ask for a challenge; a user who is not enrolled is still answered ALLOW, as the real service does."""
        self.store.force(action, Outcome.CHALLENGE)

    def block(self, action: str) -> None:
        """Refuse *action*, as a rule would."""
        self.store.force(action, Outcome.BLOCK)

    def review(self, action: str) -> None:
        """Have somebody look at *action* first: it is refused until then."""
        self.store.force(action, Outcome.REVIEW)

    def answer(self, action: str, state: str) -> None:
        """Answer *action* with any state at all, also one that no service should send."""
        self.store.force(action, str(state))

    def down(self) -> None:
        """Refuse every connection of the client, until ``up()``. The hosted pages stay reachable for the user."""
        self._adapter.is_down = True

    def up(self) -> None:
        """Be reachable again; the client's breaker, which may have opened meanwhile, starts anew too."""
        self._adapter.is_down = False
        get_client.cache_clear()

    def fail_next(self, status: int = 500, *, times: int = 1) -> None:
        """Answer the next *times* calls with an HTTP error of this status. The client repeats some calls once."""
        self.store.journal.fail_next(status, times=times)

    def unenrolled(self, user: Any) -> None:
        """Take every authenticator from *user*."""
        self.store.update_user(_user_id(user), {}, authenticators=())

    def enrol(self, user: Any, method: str = "SMS", **fields: str) -> None:
        """Give *user* an authenticator; *fields* are wire fields such as ``phoneNumber``."""
        self.store.enrol(_user_id(user), method, fields)

    def signed_webhook(
        self,
        event: str | Mapping[str, Any],
        data: Mapping[str, Any] | None = None,
        *,
        secret: str | None = None,
        at: datetime | None = None,
    ) -> SignedWebhook:
        """A webhook as Authsignal would send it, as arguments for a test client's ``post``::

            client.post(**authsignal.signed_webhook("sms.created", {"to": "+64270000000", "code": "123456"}))

        *event* is a type, or a whole event as a mapping, whose missing members (``id``, ``time``, ``tenantId``…) are
        filled in; or a batch, ``{"records": [...]}``, which is sent as it is. Post the same arguments twice for the
        same event again. *secret* signs it instead of the test's own, *at* is when, instead of now.
        Raises TypeError or ValueError for what could not be an event.
        """
        return signed_webhook(
            event, data, secret=SECRET if secret is None else secret, at=at, tenant_id=self.store.tenant_id
        )

    @property
    def requests(self) -> list[LoggedRequest]:
        """Every request that reached the API: ``method``, raw ``path``, ``query``, ``payload`` and ``status``."""
        return list(self.store.journal.requests)


def _user_id(user: Any) -> str:
    return user if isinstance(user, str) else authsignal_user_id(user)
