"""The bank, whose transfer is an async view."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import include, path

from django_authsignal.decorators import step_up_required
from example_project.bank.forms import TransferForm
from example_project.bank.views import transfer_terms


def page(request: HttpRequest) -> HttpResponse:
    return render(request, "bank/transfer.html", {"form": TransferForm(account=request.user.account)})


def pay(request: HttpRequest) -> HttpResponse:
    request.user.account.pay(**transfer_terms(request))
    return redirect("home")


@login_required
@step_up_required("withdrawFunds", bind=transfer_terms, methods=["POST"])
async def transfer(request: HttpRequest) -> HttpResponse:
    return await sync_to_async(pay if request.method == "POST" else page)(request)


urlpatterns = [
    path("transfer/", transfer, name="transfer"),
    path("", include("example_project.urls")),
]
