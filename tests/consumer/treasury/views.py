"""One view of each kind: a function, JSON for fetch, a class, an async function, and one that asks in its middle."""

import json

from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views import View
from django.views.decorators.http import require_POST

from django_authsignal.decorators import step_up_required
from django_authsignal.mixins import StepUpRequiredMixin
from django_authsignal.policy import StepUpPolicy
from django_authsignal.shortcuts import require_step_up

from . import services
from .forms import TransferForm
from .models import Transfer


@login_required
@step_up_required("withdrawFunds", bind=("amount", "payee"), methods=["POST"])
def transfer(request: HttpRequest) -> HttpResponse:
    form = TransferForm(request.POST or None)
    if form.is_valid():
        form.save()
        return redirect("transfer")
    return render(request, "treasury/transfer.html", {"form": form})


@require_POST
@step_up_required("cancelTransfer", minimum="challenge")
def cancel(request: HttpRequest, pk: int) -> JsonResponse:
    found = get_object_or_404(Transfer, pk=pk)
    found.cancelled = True
    found.save()
    return JsonResponse({"cancelled": pk})


class Account(LoginRequiredMixin, StepUpRequiredMixin, View):
    step_up = StepUpPolicy("changeAccount", bind=("iban",), methods=["POST"])

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("the form")

    def post(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(request.POST["iban"])


@step_up_required("listMembers", max_age=300)
async def members(request: HttpRequest) -> HttpResponse:
    names = [name async for name in User.objects.values_list("username", flat=True)]
    return HttpResponse("\n".join(names), content_type="text/plain")


@login_required
@require_POST
def waive_fee(request: HttpRequest) -> JsonResponse:
    wish = json.loads(request.body)
    proof = require_step_up(request, "waiveFee", bind={"member": wish["member"], "amount": wish["amount"]})
    services.waive(proof, wish["member"], wish["amount"])
    return JsonResponse({"waived": wish["amount"]})
