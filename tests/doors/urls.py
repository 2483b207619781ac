"""The bank, and beside it every kind of door: before the same deed, sync and async."""

from __future__ import annotations

from functools import partial

from django.contrib.auth.views import LoginView
from django.urls import include, path

from django_authsignal.decorators import step_up_required

from . import views
from .views import act

area = (
    [
        path("one/", act, name="one"),
        path("one/<int:pk>/", act, name="one-of-many"),
        path("two/", views.Act.as_view(), name="two"),
        path("async/", views.aact, name="async"),
        path("unnamed/", views.aact),
        path("poster/", views.poster, name="poster"),
        path("exempt/", views.exempted, name="exempt"),
        path("own/", step_up_required("act")(act), name="own"),
        path("own/mixin/", views.Mixed.as_view(), name="own-mixin"),
        path("own/posts/", step_up_required("act", methods=["POST"])(act), name="own-posts"),
        path("fail/", views.fail, name="fail"),
        path("pay/", views.pay_here, name="pay"),
        path("peek/", views.peek, name="peek"),
        path("status/", views.status, name="status"),
        path("leave/", views.leave, name="logout"),
        path("staff_logout/", act, name="staff_logout"),
        path("go/<int:status>/", views.go, name="go"),
        path("step-up/", include("django_authsignal.urls")),
        path("inner/", include(([path("one/", act, name="one")], "inner"))),
        path("accounts/sign-in/", LoginView.as_view(template_name="bank/sign_in.html"), name="sign-in"),
    ],
    "area",
)

urlpatterns = [
    path("", include("example_project.urls")),
    path("area/", include(area)),
    path("Area/", include((area[0], "Area"))),
    path("elsewhere/", include(area, namespace="elsewhere")),
    path("plain/", act, name="plain"),
    path("plain/async/", views.aact, name="plain-async"),
    path("plain/<slug:name>/", act, name="plain-named"),
    path("partial/", partial(act, of="something")),
    path("nested/", views.Outer.Inner.as_view()),
    path("exempt/class/", views.ExemptAct.as_view(), name="exempt-class"),
    path("decorated/", step_up_required("act")(act), name="decorated"),
    path("decorated/async/", step_up_required("act")(views.aact), name="decorated-async"),
    path("mixed/", views.Mixed.as_view(), name="mixed"),
    path("mixed/async/", views.AsyncMixed.as_view(), name="mixed-async"),
    path("service/", views.service, name="service"),
    path("service/async/", views.aservice, name="service-async"),
    path("fail/", step_up_required("act")(views.fail), name="fail"),
    path("pay/", step_up_required("pay", bind=["amount"])(views.pay_here), name="pay"),
    path("pay/mixin/", views.MixedPay.as_view(), name="pay-mixin"),
    path("pay/unless/", step_up_required("pay", bind=["amount"], when=lambda request: False)(views.pay_here)),
    path("pay/asking/", views.asking_pay, name="pay-asking"),
    path("pay/asking/watched/", views.asking_pay, {"mode": "report_only"}),
    path("pay/asking/unless/", views.asking_pay, {"when": lambda request: False}),
    path("pay/careless/", views.careless_pay, name="pay-careless"),
    path("pay/other/", views.other_pay, name="pay-other"),
    path("peek/", views.peek, name="peek"),
    path("look/", step_up_required("look", max_age=300)(views.status), name="look"),
    path("look/posts/", step_up_required("look", max_age=300, methods=["POST"])(act), name="look-posts"),
    path("look/café/<slug:name>/", step_up_required("look", max_age=300)(act), name="look-named"),
    path("once/", step_up_required("look")(act), name="once"),
    path("audited/", views.audited, name="audited"),
    path("audited/async/", views.aaudited, name="audited-async"),
    path("go/<int:status>/", views.go, name="go"),
    path("leave/", views.leave, name="account_logout"),
    path("all/", act, name="logout_all"),
    path(
        "open-sign-in/",
        LoginView.as_view(template_name="bank/sign_in.html", redirect_authenticated_user=True),
        name="open-sign-in",
    ),
]
