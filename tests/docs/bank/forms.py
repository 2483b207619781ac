from django import forms


class TransferForm(forms.Form):
    payee = forms.CharField(max_length=80)
    amount = forms.DecimalField(min_value=0, max_digits=9, decimal_places=2)
