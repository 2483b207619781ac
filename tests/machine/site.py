"""A site with one route for each kind of policy. Its views note what they do, and pay from the bank's accounts."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import include, path

from django_authsignal.decorators import step_up_required
from django_authsignal.shortcuts import require_step_up

SUBMIT = "X-Submit"
"""The header by which the machine numbers its requests. No approval is bound to headers."""


@dataclass(frozen=True)
class Effect:
    """Something that a view did, and why it was let."""

    submit: int
    user_pk: Any
    path: str
    content: tuple[str, ...]
    reason: str
    key: uuid.UUID | None
    at: float


EFFECTS: list[Effect] = []


@dataclass(frozen=True)
class Route:
    """What the machine must know of a route to judge its effects."""

    action: str
    policy: Mapping[str, Any] = field(default_factory=dict)
    narrow: bool = False
    """Approvals are for amount and payee only; else for everything that is sent."""
    service: bool = False
    """Asks from inside the view."""
    is_async: bool = False

    @property
    def max_age(self) -> int | None:
        return self.policy.get("max_age")

    def content(self, sent: Mapping[str, str]) -> tuple[str, ...]:
        """What an approval for a request with these fields is for."""
        names = ("amount", "payee") if self.narrow else ("amount", "payee", "memo")
        return tuple(sent.get(name, "") for name in names)

    def accepts(self, method: str) -> bool:
        methods = self.policy.get("verification_methods")
        return methods is None or method in methods


def amount_and_payee(request: HttpRequest) -> dict[str, object]:
    sent = fields_of(request)
    return {"amount": Decimal(sent["amount"]), "payee": sent["payee"]}


PAY = {"methods": ["POST"], "bind": ("amount", "payee")}
ROUTES = {
    "/pay/": Route("pay", PAY),
    "/pay/twin/": Route("pay", PAY),
    "/pay/all/": Route("pay", {"methods": ["POST"]}),
    "/pay/narrow/": Route("pay", {"methods": ["POST"], "bind": amount_and_payee}, narrow=True),
    "/pay/async/": Route("pay", PAY, is_async=True),
    "/pay/inside/": Route("pay", narrow=True, service=True),
    "/pay/passkey/": Route("pay", {**PAY, "verification_methods": ["PASSKEY"]}),
    "/pay/challenged/": Route("pay", {**PAY, "minimum": "challenge"}),
    "/pay/outage/": Route("pay", {**PAY, "on_unavailable": "allow"}),
    "/pay/unenrolled/": Route("pay", {**PAY, "unenrolled": "allow"}),
    "/look/": Route("look", {"max_age": 300}),
    "/look/short/": Route("look", {"max_age": 60}),
    "/look/recheck/": Route("look", {"max_age": 300, "recheck": True}),
    "/look/challenged/": Route("look", {"max_age": 300, "minimum": "challenge"}),
    "/look/passkey/": Route("look", {"max_age": 300, "verification_methods": ["PASSKEY"]}),
}


def fields_of(request: HttpRequest) -> dict[str, str]:
    if request.content_type == "application/json":
        return dict(json.loads(request.body))
    return {**request.GET.dict(), **request.POST.dict()}


def act(request: HttpRequest) -> HttpResponse:
    """Do what was asked for, once, and note it. A page that is looked at pays nothing."""
    sent, proof = fields_of(request), request.step_up_proof
    EFFECTS.append(
        Effect(
            submit=int(request.headers[SUBMIT]),
            user_pk=request.user.pk,
            path=request.path,
            content=ROUTES[request.path].content(sent),
            reason=proof.reason,
            key=proof.key,
            at=time.time(),
        )
    )
    if request.method == "POST":
        request.user.account.pay(payee=sent["payee"], amount=Decimal(sent["amount"]), reference=request.headers[SUBMIT])
    return HttpResponse("done")


async def act_async(request: HttpRequest) -> HttpResponse:
    from asgiref.sync import sync_to_async

    return await sync_to_async(act)(request)


def act_inside(request: HttpRequest) -> HttpResponse:
    """The view that asks once it has looked at what was sent."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    request.step_up_proof = require_step_up(request, "pay", bind=amount_and_payee(request))
    return act(request)


def view_of(route: Route) -> Any:
    if route.service:
        return act_inside
    return step_up_required(route.action, **route.policy)(act_async if route.is_async else act)


urlpatterns = [path(where[1:], view_of(route)) for where, route in ROUTES.items()]
urlpatterns += [path("", include("example_project.urls"))]
