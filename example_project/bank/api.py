"""The bank for programs: apps that sign in with a token, and the bank's own scripts with the session."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication, TokenAuthentication
from rest_framework.generics import ListCreateAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication

from django_authsignal.contrib.rest_framework import StepUpAPIMixin
from django_authsignal.policy import StepUpPolicy

from .models import InsufficientFundsError, Transfer


class TransferSerializer(serializers.ModelSerializer[Transfer]):
    class Meta:
        model = Transfer
        fields = ["id", "payee", "amount", "reference", "created_at"]
        extra_kwargs = {"amount": {"min_value": Decimal("0.01")}}

    def create(self, validated_data: dict[str, Any]) -> Transfer:
        try:
            paid: Transfer = self.context["request"].user.account.pay(**validated_data)
        except InsufficientFundsError as error:
            raise serializers.ValidationError({"amount": ["Your balance is too low for this transfer."]}) from error
        return paid


def transfer_terms(request: Request) -> dict[str, object]:
    """What the customer approves; an invalid transfer is answered 400 before anybody is asked."""
    serializer = TransferSerializer(data=request.data)
    serializer.is_valid(raise_exception=True)
    return {name: serializer.validated_data[name] for name in ("amount", "payee")}


class Transfers(StepUpAPIMixin, ListCreateAPIView):
    """Looking is free, paying asks for a step-up."""

    step_up = StepUpPolicy("withdrawFunds", bind=transfer_terms, methods=["POST"])
    serializer_class = TransferSerializer
    authentication_classes = [SessionAuthentication, TokenAuthentication, JWTAuthentication]
    permission_classes = [IsAuthenticated]

    def get_queryset(self) -> QuerySet[Transfer]:
        return self.request.user.account.transfers.all()
