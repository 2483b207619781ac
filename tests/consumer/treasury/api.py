from typing import Any

from rest_framework.authentication import SessionAuthentication, TokenAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from django_authsignal.contrib.rest_framework import StepUpAPIMixin
from django_authsignal.policy import StepUpPolicy

from .models import Transfer


class Transfers(StepUpAPIMixin, APIView):
    authentication_classes = [TokenAuthentication, SessionAuthentication]
    permission_classes = [IsAuthenticated]
    step_up = StepUpPolicy("withdrawFunds", bind=("amount", "payee"))

    def post(self, request: Request) -> Response:
        sent: Any = request.data
        made = Transfer.objects.create(payee=sent["payee"], amount=sent["amount"])
        return Response({"id": made.pk}, status=201)
