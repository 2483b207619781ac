"""Views that write down what reached them, outside the database: no rollback undoes it."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.decorators import method_decorator
from django.views import View

from django_authsignal.mixins import StepUpRequiredMixin
from django_authsignal.policy import StepUpPolicy
from django_authsignal.protection import step_up_exempt
from django_authsignal.shortcuts import (
    Proof,
    arequire_step_up,
    atrack,
    proof_of,
    require_step_up,
    step_up_status,
    track,
)

DONE: list[Any] = []
"""What each view that ran was given, oldest first."""
SEEN: list[Any] = []
"""What views learned by the way: proofs, window statuses."""


def given(request: HttpRequest) -> dict[str, Any]:
    """Everything that a view can read of its request."""
    files = {name: [(file.name, file.read()) for file in many] for name, many in request.FILES.lists()}
    is_json = request.content_type == "application/json"
    return {
        "method": request.method,
        "query": dict(request.GET.lists()),
        "form": {name: values for name, values in request.POST.lists() if name != "csrfmiddlewaretoken"},
        "files": files,
        "json": json.loads(request.body) if is_json else None,
    }


def act(request: HttpRequest, **kwargs: object) -> HttpResponse:
    DONE.append(given(request))
    return HttpResponse("done")


async def aact(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return act(request)


class Act(View):
    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        return act(request)


class ExemptAct(View):
    @method_decorator(step_up_exempt)
    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        return act(request)


class Mixed(StepUpRequiredMixin, Act):
    step_up = StepUpPolicy("act")


class AsyncMixed(StepUpRequiredMixin, View):
    step_up = StepUpPolicy("act")

    async def get(self, request: HttpRequest) -> HttpResponse:
        return act(request)

    post = put = delete = get


class Outer:
    class Inner(Act):
        """A view whose qualified name is longer than its name."""


def service(request: HttpRequest) -> HttpResponse:
    require_step_up(request, "act")
    return act(request)


async def aservice(request: HttpRequest) -> HttpResponse:
    await arequire_step_up(request, "act")
    return act(request)


@login_not_required
def poster(request: HttpRequest) -> HttpResponse:
    """For everybody."""
    return act(request)


@step_up_exempt
def exempted(request: HttpRequest) -> HttpResponse:
    return act(request)


def leave(request: HttpRequest) -> HttpResponse:
    """A logout of the project's own."""
    logout(request)
    return HttpResponse("bye")


def fail(request: HttpRequest) -> HttpResponse:
    act(request)
    raise ArithmeticError("after the deed")


def pay(proof: Proof | None, amount: str) -> None:
    """An operation that demands the proof: no proof, no operation."""
    if proof is None:
        raise ValueError("no proof")
    proof.must_cover("pay", amount=amount)
    DONE.append(amount)


def pay_here(request: HttpRequest) -> HttpResponse:
    """Pays on the proof that the surface before it left."""
    pay(proof_of(request), request.POST["amount"])
    return HttpResponse("paid")


class MixedPay(StepUpRequiredMixin, View):
    step_up = StepUpPolicy("pay", bind=["amount"])

    def post(self, request: HttpRequest) -> HttpResponse:
        return pay_here(request)


def asking_pay(request: HttpRequest, **policy: Any) -> HttpResponse:
    amount = request.POST["amount"]
    pay(require_step_up(request, "pay", bind={"amount": amount}, **policy), amount)
    return HttpResponse("paid")


def careless_pay(request: HttpRequest) -> HttpResponse:
    """Swallows every refusal, and still cannot pay."""
    proof = None
    with suppress(Exception):
        proof = require_step_up(request, "pay", bind={"amount": request.POST["amount"]})
    with suppress(Exception):
        pay(proof, request.POST["amount"])
    return HttpResponse("whatever")


def other_pay(request: HttpRequest) -> HttpResponse:
    """Asks about one amount and pays another."""
    proof = require_step_up(request, "pay", bind={"amount": request.POST["amount"]})
    pay(proof, request.POST["really"])
    return HttpResponse("paid")


def peek(request: HttpRequest) -> HttpResponse:
    """Says what proof it was given."""
    SEEN.append(proof_of(request))
    return act(request)


def status(request: HttpRequest) -> HttpResponse:
    """Says how its own window stands."""
    SEEN.append(step_up_status(request, "look"))
    return HttpResponse("seen")


def audited(request: HttpRequest) -> HttpResponse:
    track(request, "looked", custom={"page": request.path})
    return act(request)


async def aaudited(request: HttpRequest) -> HttpResponse:
    await atrack(request, "looked", custom={"page": request.path})
    return act(request)


def go(request: HttpRequest, status: int) -> HttpResponse:
    """Answers with this status and a Location."""
    response = HttpResponseRedirect("/plain/?next=1") if 300 <= status < 400 else HttpResponse("made")
    response.status_code, response["Location"] = status, "/plain/?next=1"
    response.set_cookie("kept", "yes")
    return response


class Forgetful:
    """A middleware of somebody else by which sessions lose our facts, on every page but the return."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        self._forget(request)
        return self.get_response(request)

    def _forget(self, request: HttpRequest) -> None:
        if not request.path.startswith("/step-up/return/"):
            request.session.pop("_authsignal", None)


class ForgetfulAlways(Forgetful):
    def _forget(self, request: HttpRequest) -> None:
        request.session.pop("_authsignal", None)
