"""The bank, and a payment behind each door."""

from __future__ import annotations

import json
from decimal import Decimal

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from django_authsignal.decorators import step_up_required

ACTION = "withdrawFunds"
BIND = ("amount", "payee")


def pay(request: HttpRequest) -> HttpResponse:
    request.user.account.pay(payee=request.POST["payee"], amount=Decimal(request.POST["amount"]))
    return HttpResponse("paid")


async def pay_async(request: HttpRequest) -> HttpResponse:
    sent = json.loads(request.body)
    user = await request.auser()
    await sync_to_async(lambda: user.account.pay(payee=sent["payee"], amount=Decimal(sent["amount"])))()
    return HttpResponse("paid")


urlpatterns = [
    path("pay/sync/", step_up_required(ACTION, bind=BIND)(pay)),
    path("pay/async/", step_up_required(ACTION, bind=BIND)(pay_async)),
    path("", include("example_project.urls")),
]
