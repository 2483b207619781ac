"""The example bank as tests see it: its customers' browsers, and the ledger of what was really paid."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.test import Client

from example_project.bank.models import Transfer


class Bank:
    def __init__(self, authsignal: Any) -> None:
        self.authsignal = authsignal

    def sign_in(self, user: Any, **options: Any) -> Client:
        """A browser of its own, in which *user* has just signed in."""
        client = Client(**options)
        client.force_login(user)
        return client

    def transfer(self, client: Client, amount: object = 5000, payee: str = "Landlord", **extra: Any) -> Any:
        return client.post("/transfer/", {"amount": str(amount), "payee": payee, **extra})

    @property
    def ledger(self) -> list[tuple[str, Decimal]]:
        """What was paid, oldest first."""
        return [(row.payee, row.amount) for row in Transfer.objects.order_by("pk")]
