"""Read by mypy and pyright, never run: a comment `# error: CODE` says where they must complain, and only there.

CODE is mypy's for its first complaint of that line.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views import View

from django_authsignal.decorators import step_up_required
from django_authsignal.mixins import StepUpRequiredMixin
from django_authsignal.policy import StepUpPolicy
from django_authsignal.shortcuts import Proof, arequire_step_up, require_step_up


@step_up_required
def bare(request: HttpRequest, pk: int) -> HttpResponse:
    return HttpResponse(pk)


@step_up_required("pay", bind=("amount",), methods=["POST"])
def called(request: HttpRequest, pk: int, *, slug: str = "") -> HttpResponse:
    return HttpResponse(slug)


@step_up_required(StepUpPolicy("pay", max_age=60))
async def awaited(request: HttpRequest, pk: int) -> HttpResponse:
    return HttpResponse(pk)


@step_up_required()
async def bare_awaited(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def uses(request: HttpRequest) -> list[object]:
    one: HttpResponse = bare(request, 1)
    two: HttpResponse = called(request, pk=1, slug="x")
    three: Callable[[HttpRequest, int], HttpResponse] = bare
    four: Callable[[HttpRequest, int], Awaitable[HttpResponse]] = awaited
    bare(request, "1")  # error: arg-type
    bare(request)  # error: call-arg
    called(request, 1, "x")  # error: call-arg
    wrong: HttpResponse = awaited(request, 1)  # error: assignment
    return [one, two, three, four, wrong]


@step_up_required("pay", max_age="60")  # error: call-overload
def wrong_type(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@step_up_required("pay", max_agee=60)  # error: call-overload
def wrong_name(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


StepUpPolicy("pay", methods=5)  # error: arg-type
StepUpPolicy("pay", when=lambda request: request.method == "POST", custom={"a": 1})


class Page(StepUpRequiredMixin, View):
    step_up = StepUpPolicy("pay")

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()


class WrongPage(StepUpRequiredMixin, View):
    step_up = "pay"  # error: assignment


page: Callable[..., HttpResponseBase] = Page.as_view()


def service(request: HttpRequest) -> Proof:
    require_step_up(request, "pay", bind={"amount": 5})
    require_step_up(request, "pay", max_agee=60)  # error: call-arg
    return require_step_up(request, StepUpPolicy("pay"), minimum="challenge")


async def aservice(request: HttpRequest) -> Proof:
    await arequire_step_up(request, "pay", max_agee=60)  # error: call-arg
    return await arequire_step_up(request, "pay", bind={"amount": 5})
