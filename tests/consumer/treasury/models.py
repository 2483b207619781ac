from django.db import models


class Transfer(models.Model):
    payee = models.CharField(max_length=100)
    amount = models.DecimalField(max_digits=9, decimal_places=2)
    cancelled = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.amount} to {self.payee}"


class Waiver(models.Model):
    member = models.CharField(max_length=100)
    amount = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.amount} for {self.member}"
