"""The pages of the bank. Three of them ask for a step-up, each in another way."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.views import View

from django_authsignal.decorators import step_up_required
from django_authsignal.mixins import StepUpRequiredMixin
from django_authsignal.policy import StepUpPolicy

from .forms import ProfileForm, TransferForm
from .models import InsufficientFundsError


@login_required
def home(request: HttpRequest) -> HttpResponse:
    return render(request, "bank/home.html", {"transfers": request.user.account.transfers.all()[:5]})


def transfer_terms(request: HttpRequest) -> dict[str, object]:
    """What the customer approves: shown to them, sent to Authsignal's rules, and held fixed until the money moves."""
    form = TransferForm(request.POST, account=request.user.account)
    if not form.is_valid():
        raise ValidationError(form.errors.as_data())
    return form.cleaned_data


@login_required
@step_up_required("withdrawFunds", bind=transfer_terms, methods=["POST"])
def transfer(request: HttpRequest) -> HttpResponse:
    """A single use: each approval pays one transfer, of this amount to this payee."""
    form = TransferForm(request.POST or None, account=request.user.account)
    if not form.is_valid():
        return render(request, "bank/transfer.html", {"form": form})
    try:
        paid = request.user.account.pay(**form.cleaned_data)
    except InsufficientFundsError:
        messages.error(request, "Your balance is too low for this transfer.")
    else:
        messages.success(request, f"You sent ${paid.amount:,.2f} to {paid.payee}.")
    return redirect("home")


@step_up_required("viewStatement", max_age=300)
def statement(request: HttpRequest) -> HttpResponse:
    """A window: once approved, the page stays open to this session for five minutes."""
    return render(request, "bank/statement.html", {"transfers": request.user.account.transfers.all()})


class Profile(StepUpRequiredMixin, View):
    """A class-based view, and an async one: looking is free, changing asks for a step-up."""

    step_up = StepUpPolicy("changeProfile", methods=["POST"])

    async def get(self, request: HttpRequest) -> HttpResponse:
        return self.page(ProfileForm(instance=await request.auser()))

    async def post(self, request: HttpRequest) -> HttpResponse:
        form = ProfileForm(request.POST, instance=await request.auser())
        if not await sync_to_async(form.is_valid)():
            return self.page(form)
        await sync_to_async(form.save)()
        messages.success(request, "Your profile is changed.")
        return redirect("profile")

    def page(self, form: ProfileForm) -> HttpResponse:
        # Django renders a TemplateResponse outside the event loop, where templates may query.
        return TemplateResponse(self.request, "bank/profile.html", {"form": form})
