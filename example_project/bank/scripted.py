"""Pages whose requests a script sends: a form with a file, fetch, htmx. The gate is the same decorator."""

from __future__ import annotations

import csv
import hashlib
import json
from decimal import Decimal

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render

from django_authsignal.binding import content_of
from django_authsignal.decorators import step_up_required

from .forms import TransferForm
from .models import InsufficientFundsError
from .views import transfer_terms


def payments_in(request: HttpRequest) -> list[TransferForm]:
    """The lines of the uploaded file, each as a valid form. Raises ValidationError."""
    upload = request.FILES.get("file")
    if upload is None:
        raise ValidationError("Choose a file.")
    try:
        rows = list(csv.DictReader(upload.read().decode().splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValidationError("This is no CSV file in UTF-8.") from error
    finally:
        upload.seek(0)
    forms = [TransferForm(row, account=request.user.account) for row in rows]
    for line, form in enumerate(forms, start=2):
        if not form.is_valid():
            raise ValidationError(f"Line {line} is no payment: payee,amount,reference")
    return forms


def payments_terms(request: HttpRequest) -> dict[str, object]:
    """Approved are the number of payments and their sum, and with them the file to its last byte."""
    amounts: list[Decimal] = [form.cleaned_data["amount"] for form in payments_in(request)]
    return {"payments": len(amounts), "amount": sum(amounts), "_content": content_of(request)}


@login_required
@step_up_required("payFromFile", bind=payments_terms, methods=["POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """A form with a file. With the script the file is not asked for again, without it visibly."""
    if request.method != "POST":
        return render(request, "bank/upload.html")
    forms, upload = payments_in(request), request.FILES["file"]
    try:
        with transaction.atomic():
            for form in forms:
                request.user.account.pay(**form.cleaned_data)
    except InsufficientFundsError:
        messages.error(request, "Your balance is too low for these payments. None was sent.")
    else:
        digest = hashlib.sha256(upload.read()).hexdigest()
        messages.success(request, f"You sent {len(forms)} payments from {upload.name} (SHA-256 {digest}).")
    return redirect("upload")


def fetch(request: HttpRequest) -> HttpResponse:
    """The page whose script sends JSON."""
    return render(request, "bank/fetch.html")


def payment_terms(request: HttpRequest) -> dict[str, object]:
    """The terms as the view will read them: what the rules see and what is paid are the same cleaned values."""
    try:
        form = TransferForm(json.loads(request.body), account=request.user.account)
    except (ValueError, AttributeError) as error:
        raise ValidationError("This is no JSON.") from error
    if not form.is_valid():
        raise ValidationError(form.errors.as_data())
    return form.cleaned_data


@step_up_required("withdrawFunds", bind=payment_terms, methods=["POST"])
def quick_payment(request: HttpRequest) -> JsonResponse:
    """JSON in, JSON out."""
    try:
        paid = request.user.account.pay(**payment_terms(request))
    except InsufficientFundsError:
        return JsonResponse({"error": "Your balance is too low."}, status=409)
    return JsonResponse({"paid": paid.amount, "payee": paid.payee})


@login_required
@step_up_required("withdrawFunds", bind=transfer_terms, methods=["POST"])
def htmx(request: HttpRequest) -> HttpResponse:
    """A form that htmx sends; the answer replaces the list of transfers."""
    context = {"transfers": request.user.account.transfers.all()[:5]}
    if request.method != "POST":
        return render(request, "bank/htmx.html", context)
    form = TransferForm(request.POST, account=request.user.account)
    try:
        context["paid"] = form.is_valid() and request.user.account.pay(**form.cleaned_data)
    except InsufficientFundsError:
        context["problem"] = "Your balance is too low."
    return render(request, "bank/paid.html", context)
