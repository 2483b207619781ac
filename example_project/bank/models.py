"""Accounts, and the ledger of what was really paid."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.db import models, transaction
from django.db.models.functions import Round


class InsufficientFundsError(Exception):
    """The account does not hold the amount."""


class Account(models.Model):
    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="account")
    balance = models.DecimalField(max_digits=12, decimal_places=2)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(balance__gte=0), name="balance_not_negative")]

    def __str__(self) -> str:
        return f"account of {self.user}"

    @transaction.atomic
    def pay(self, *, payee: str, amount: Decimal, reference: str = "") -> Transfer:
        """Move *amount* to *payee*, entirely or not at all. Raises InsufficientFundsError."""
        # One conditional UPDATE, so that two payments at a time cannot both spend the last money;
        # Round keeps whole cents where the database computes decimals as floats (SQLite).
        left = Round(models.F("balance") - amount, 2)
        if not type(self).objects.filter(pk=self.pk, balance__gte=amount).update(balance=left):
            raise InsufficientFundsError
        return self.transfers.create(payee=payee, amount=amount, reference=reference)


class Transfer(models.Model):
    """One executed payment: a row of the ledger."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="transfers")
    payee = models.CharField(max_length=80)
    amount = models.DecimalField(max_digits=12, decimal_places=2)
    reference = models.CharField(max_length=80, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.amount} to {self.payee}"
