"""The customers of the demo. Seeding twice changes nothing."""

from __future__ import annotations

from decimal import Decimal

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser

from .models import Account

OPENING_BALANCE = Decimal("25000.00")


def open_account(username: str, **fields: object) -> AbstractUser:
    """The user called *username* (password the same word), with an account; made if missing."""
    users = get_user_model()._default_manager
    user = users.filter(username=username).first()
    if user is None:
        user = users.create_user(username, f"{username}@bank.example", username, **fields)
    Account.objects.get_or_create(user=user, defaults={"balance": OPENING_BALANCE})
    return user
