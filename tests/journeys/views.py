"""Views that the bank does not have. What they do is outside the database, as a payment is: no rollback undoes it."""

from __future__ import annotations

import json
from contextlib import nullcontext, suppress
from decimal import Decimal

from django.contrib.auth import get_user_model
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict, RawPostDataException
from django.utils.decorators import method_decorator
from django.views import View

from django_authsignal.decorators import step_up_required
from django_authsignal.mixins import StepUpRequiredMixin
from django_authsignal.policy import StepUpPolicy
from django_authsignal.shortcuts import arequire_step_up, require_step_up

DONE: list[str] = []
"""Paths of the requests that a view carried out, oldest first."""


def act(request: HttpRequest, **kwargs: object) -> HttpResponse:
    DONE.append(request.path)
    return HttpResponse("done")


async def act_async(request: HttpRequest) -> HttpResponse:
    return act(request)


def scan(request: HttpRequest) -> HttpResponse:
    DONE.append(request.FILES["scan"].read().decode())
    return HttpResponse("stored")


def pay(request: HttpRequest) -> HttpResponse:
    """Trusts the gate, and reads whatever it is sent: as JSON, whatever the media type says, or else as a form."""
    try:
        sent = json.loads(request.body.decode(request.encoding or "utf-8"))
    except (ValueError, RawPostDataException):
        sent = request.POST or QueryDict(request.META["QUERY_STRING"])
    request.user.account.pay(payee=sent["payee"], amount=Decimal(str(sent["amount"])))
    return HttpResponse("paid")


def pay_and_fail(request: HttpRequest) -> HttpResponse:
    """Pay, write, and then trip: under ATOMIC_REQUESTS the write is rolled back, and the payment is not."""
    DONE.append(request.path)
    get_user_model().objects.filter(pk=request.user.pk).update(first_name="written")
    raise ArithmeticError("after the payment")


def clash(request: HttpRequest) -> HttpResponse:
    get_user_model().objects.create(username=request.user.username)
    return act(request)


class PayAndFail(StepUpRequiredMixin, View):
    step_up = StepUpPolicy("pay")

    def post(self, request: HttpRequest) -> HttpResponse:
        return pay_and_fail(request)


@method_decorator(step_up_required("pay"), name="dispatch")
class DispatchPayAndFail(View):
    def post(self, request: HttpRequest) -> HttpResponse:
        return pay_and_fail(request)


@method_decorator(step_up_required("pay"), name="post")
class PostPayAndFail(View):
    def post(self, request: HttpRequest) -> HttpResponse:
        return pay_and_fail(request)


def service(request: HttpRequest) -> HttpResponse:
    with transaction.atomic() if "atomic" in request.GET else nullcontext():
        require_step_up(request, "serve", bind={"amount": request.POST.get("amount", "1")})
        return act(request)


async def async_service(request: HttpRequest) -> HttpResponse:
    await arequire_step_up(request, "serve", bind={"amount": request.POST.get("amount", "1")})
    return act(request)


def careless_service(request: HttpRequest) -> HttpResponse:
    """Swallows the refusal, and still cannot pay: the payment needs the proof that the gate returns."""
    proof = None
    with suppress(Exception):
        proof = require_step_up(request, "serve")
    return act(request) if proof else HttpResponse("nothing done")
