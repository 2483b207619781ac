from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms

from .models import Transfer

if TYPE_CHECKING:
    TransferModelForm = forms.ModelForm[Transfer]
else:
    TransferModelForm = forms.ModelForm


class TransferForm(TransferModelForm):
    class Meta:
        model = Transfer
        fields = ["amount", "payee"]
