from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.auth import get_user_model

from .models import Account, Transfer


class TransferForm(forms.ModelForm):
    class Meta:
        model = Transfer
        fields = ["payee", "amount", "reference"]
        widgets = {"payee": forms.TextInput({"autocomplete": "off"})}

    def __init__(self, *args: Any, account: Account, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"] = forms.DecimalField(
            min_value=Decimal("0.01"),
            max_value=account.balance,
            max_digits=12,
            decimal_places=2,
            error_messages={"max_value": "You have $%(limit_value)s, not more."},
        )


class ProfileForm(forms.ModelForm):
    class Meta:
        model = get_user_model()
        fields = ["first_name", "email"]
        labels = {"first_name": "Display name"}
