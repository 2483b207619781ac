"""The bank, and a payment as a sync and as an async view: both trip over a field "trip"."""

from __future__ import annotations

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


gate: Any = step_up_required("withdrawFunds", methods=["POST"])
urlpatterns = [path("pay/", gate(pay)), path("pay/async/", gate(apay)), *bank]
