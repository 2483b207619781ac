"""Two tenants of Authsignal that a project's processes belong to in turn."""

from __future__ import annotations

from typing import Any

from django_authsignal.sandbox.rules import Rules
from django_authsignal.sandbox.store import Store
from django_authsignal.testing.adapter import ORIGIN, SandboxAdapter


class Tenants:
    """Each with a secret, users and actions of its own; their ids and rules are the same."""

    def __init__(self, settings: Any, rules: Rules) -> None:
        self._settings = settings
        self.stores = {name: Store(rules, secret=f"sandbox_{name}", origin=ORIGIN) for name in ("first", "second")}

    def be(self, name: str) -> Store:
        """The process that serves the next requests is that tenant's."""
        store = self.stores[name]
        self._settings.AUTHSIGNAL_ADAPTER = SandboxAdapter(store)
        self._settings.AUTHSIGNAL_SECRET = store.secret
        self._settings.AUTHSIGNAL_TENANT_ID = store.tenant_id
        return store

    def asked(self, name: str) -> int:
        """How often that tenant was asked something."""
        return len(self.stores[name].journal.requests)
