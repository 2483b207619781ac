"""One page behind different doors, each set up as its own documentation says: what ``benchmarks.granted`` opens."""

from __future__ import annotations

from typing import Any

from allauth.account.decorators import reauthentication_required
from allauth.account.internal.flows.reauthentication import reauthenticate_by_password
from django.contrib.auth import get_user_model, login
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django_otp import login as otp_login
from django_otp.decorators import otp_required
from django_otp.plugins.otp_static.models import StaticDevice

from django_authsignal.decorators import step_up_exempt, step_up_required


def page(request: HttpRequest, *args: Any) -> HttpResponse:
    return HttpResponse("the statement")


@step_up_exempt
def enter(request: HttpRequest, door: str) -> HttpResponse:
    """Sign in, and do what opens the *door* for a while; ours opens when it is asked the first time."""
    user = get_user_model().objects.get()
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    if door == "otp":
        otp_login(request, StaticDevice.objects.get())
    if door == "allauth":
        reauthenticate_by_password(request)
    return HttpResponse()


window = step_up_required("viewStatement", max_age=3600)(page)

urlpatterns = [
    path("enter/<door>/", enter),
    path("bare/", login_required(page)),
    path("ours/", window),
    path("decorator/", window),
    path("otp/", otp_required(page)),
    path("allauth/", reauthentication_required(page)),
    path("once/", step_up_required("challenge")(page)),
    path("step-up/", include("django_authsignal.urls")),
]
