"""Async doors before a payment that takes its time, written to the bank's ledger."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from django_authsignal.decorators import step_up_required
from django_authsignal.shortcuts import arequire_step_up, atrack


async def pay(request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(float(request.POST["seconds"]))
    account = await sync_to_async(lambda: request.user.account)()
    await sync_to_async(account.pay)(payee=request.path, amount=Decimal(request.POST["amount"]))
    return HttpResponse("paid")


def slow_sync(request: HttpRequest) -> HttpResponse:
    """A sync view runs to its end in its thread, whoever has left."""
    time.sleep(float(request.POST["seconds"]))
    request.user.account.pay(payee=request.path, amount=Decimal(request.POST["amount"]))
    return HttpResponse("paid")


async def service(request: HttpRequest) -> HttpResponse:
    await arequire_step_up(request, "payService", bind={"amount": request.POST["amount"]})
    return await pay(request)


async def audited(request: HttpRequest) -> HttpResponse:
    await atrack(request, "looked")
    return HttpResponse("seen")


urlpatterns = [
    path("", include("example_project.urls")),
    path("decorated/", step_up_required("payDecorated")(pay), name="decorated"),
    path("area/", pay, name="area"),
    path("sync/decorated/", step_up_required("payDecorated")(slow_sync), name="sync-decorated"),
    path("sync/area/", slow_sync, name="sync-area"),
    path("service/", service, name="service"),
    path("audited/", audited, name="audited"),
]
