from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path
from rest_framework.authtoken.views import obtain_auth_token
from rest_framework_simplejwt.views import token_obtain_pair

from . import api, scripted, views

urlpatterns = [
    path("", views.home, name="home"),
    path("transfer/", views.transfer, name="transfer"),
    path("statement/", views.statement, name="statement"),
    path("profile/", login_required(views.Profile.as_view()), name="profile"),
    path("upload/", scripted.upload, name="upload"),
    path("fetch/", login_required(scripted.fetch), name="fetch"),
    path("fetch/payments/", scripted.quick_payment, name="quick-payment"),
    path("htmx/", scripted.htmx, name="htmx"),
    path("api/transfers/", api.Transfers.as_view(), name="api-transfers"),
    path("api/token/", obtain_auth_token),
    path("api/jwt/", token_obtain_pair),
    path("sign-in/", LoginView.as_view(template_name="bank/sign_in.html"), name="login"),
    path("sign-out/", LogoutView.as_view(), name="logout"),
]
