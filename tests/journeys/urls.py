"""The bank, and beside it one route per policy that the bank does not need."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required, permission_required
from django.urls import include, path
from django.views.decorators.cache import cache_page

from django_authsignal.decorators import step_up_required
from django_authsignal.policy import StepUpPolicy
from example_project.bank.api import Transfers

from . import views
from .views import act


def amount(request):
    return {"amount": int(request.POST["amount"])}


urlpatterns = [
    path("plain/", login_required(act)),
    path("act/", step_up_required("act")(act)),
    path("act/<int:pk>/", step_up_required("act")(act)),
    path("other/", step_up_required("act")(act)),
    path("twice/", step_up_required("act")(step_up_required("number")(act))),
    path("async/", step_up_required("act")(views.act_async)),
    path("scan/", step_up_required("scan")(views.scan)),
    path("pay/", step_up_required("withdrawFunds", bind=("amount", "payee"))(views.pay)),
    path("pay/api/", Transfers.as_view(step_up=StepUpPolicy("withdrawFunds", bind=("amount", "payee")))),
    path("names/", step_up_required("names", bind=("amount", "payee"))(act)),
    path("names/<payee>/", step_up_required("names", bind=("amount", "payee"))(act)),
    path("not-a-number/", step_up_required("number", bind=lambda request: {"amount": float("nan")})(act)),
    path("not-told/", step_up_required("number", custom=lambda request: {"limit": float("inf")})(act)),
    path("number/", step_up_required("number", bind=amount)(act)),
    path("window/", step_up_required("window", max_age=300)(act)),
    path("window/short/", step_up_required("window", max_age=60)(act)),
    path("window/challenged/", step_up_required("window", max_age=300, minimum="challenge")(act)),
    path("window/passkey/", step_up_required("window", max_age=300, verification_methods=["PASSKEY"])(act)),
    path("window/recheck/", step_up_required("window", max_age=300, recheck=True)(act)),
    path("window/bypass/", step_up_required("window", max_age=300, unenrolled="allow", on_unavailable="allow")(act)),
    path("passkey/", step_up_required("act", verification_methods=["PASSKEY"])(act)),
    path("minimum/", step_up_required("act", minimum="challenge")(act)),
    path("posts/", step_up_required("act", methods=["POST"])(act)),
    path("when/", step_up_required("act", when=lambda request: "risky" in request.GET)(act)),
    path("secret/", step_up_required("act", ask_again=["account"])(act)),
    path("watched/", step_up_required("act", mode="report_only")(act)),
    path("watched/not-a-number/", step_up_required("act", mode="report_only", custom={"limit": float("nan")})(act)),
    path("outage/", step_up_required("act", on_unavailable="allow")(act)),
    path("unenrolled/deny/", step_up_required("act", unenrolled="deny")(act)),
    path("unenrolled/allow/", step_up_required("act", unenrolled="allow")(act)),
    path("staff/", permission_required("auth.view_user", raise_exception=True)(step_up_required("act")(act))),
    path("cached/", cache_page(60)(step_up_required("window", max_age=300)(act))),
    path("fail/", step_up_required("pay")(views.pay_and_fail)),
    path("fail/mixin/", views.PayAndFail.as_view()),
    path("fail/dispatch/", views.DispatchPayAndFail.as_view()),
    path("fail/post/", views.PostPayAndFail.as_view()),
    path("clash/", step_up_required("pay")(views.clash)),
    path("service/", views.service),
    path("service/async/", views.async_service),
    path("service/careless/", views.careless_service),
    path("", include("example_project.urls")),
]
