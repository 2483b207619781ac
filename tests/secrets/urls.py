"""The bank, and a payment as a sync and as an async view: both trip over a field "trip"."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path

from django_authsignal.decorators import step_up_required
from example_project.urls import urlpatterns as bank


class OddError(Exception):
    """What nobody has thought of."""


def pay(request: HttpRequest) -> HttpResponse:
    if "trip" in request.POST:
        raise OddError("the view trips")
    return HttpResponse("paid")


async def apay(request: HttpRequest) -> HttpResponse:
    return pay(request)


def remit(request: HttpRequest) -> HttpResponse:
    if "trip" in json.loads(request.body):
        raise OddError("the view trips")
    return HttpResponse("remitted")


async def aremit(request: HttpRequest) -> HttpResponse:
    return remit(request)


def odd(request: HttpRequest) -> Any:
    """A bind function whose values cannot be bound, or cannot be sent."""
    sent = json.loads(request.body)
    return sent | {"odd": object() if sent["odd"] == "object" else float("inf")}


gate: Any = step_up_required("withdrawFunds", methods=["POST"])
named: Any = step_up_required("withdrawFunds", methods=["POST"], bind=["amount", "payee"])
watched: Any = step_up_required("withdrawFunds", mode="report_only", bind=["absent"])
urlpatterns = [
    path("pay/", gate(pay)),
    path("pay/async/", gate(apay)),
    path("remit/", named(remit)),
    path("remit/async/", named(aremit)),
    path("remit/odd/", step_up_required("withdrawFunds", bind=odd)(remit)),
    path("remit/watched/", watched(remit)),
    *bank,
]
