"""A bank that asks nothing of its user model, and the history in its admin."""

from __future__ import annotations

from decimal import Decimal

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template import RequestContext, Template
from django.urls import include, path

from django_authsignal.admin import AuthsignalHistoryInline
from django_authsignal.decorators import step_up_required
from example_project.bank.api import Transfers


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(Template("{% csrf_token %}").render(RequestContext(request)))


def terms(request: HttpRequest) -> dict[str, object]:
    return {"amount": Decimal(request.POST["amount"]), "payee": request.POST["payee"]}


@login_required
@step_up_required("withdrawFunds", bind=terms, methods=["POST"])
def transfer(request: HttpRequest) -> HttpResponse:
    if request.method == "GET":
        return page(request)
    request.user.account.pay(**terms(request))
    return redirect("transfer")


class PersonAdmin(admin.ModelAdmin):
    fields = [get_user_model().USERNAME_FIELD]
    inlines = [AuthsignalHistoryInline]


admin.site.register(get_user_model(), PersonAdmin)

urlpatterns = [
    path("transfer/", transfer, name="transfer"),
    path("statement/", step_up_required("viewStatement", max_age=300)(page), name="statement"),
    path("api/transfers/", Transfers.as_view(), name="api-transfers"),
    path("sign-in/", LoginView.as_view(template_name="bank/sign_in.html"), name="login"),
    path("step-up/", include("django_authsignal.urls")),
    path("admin/", admin.site.urls),
]
