from django.contrib.auth.views import LoginView
from django.urls import include, path
from treasury import api, views

urlpatterns = [
    path("login/", LoginView.as_view(), name="login"),
    path("transfer/", views.transfer, name="transfer"),
    path("transfers/<int:pk>/cancel/", views.cancel, name="cancel"),
    path("account/", views.Account.as_view(), name="account"),
    path("members/", views.members, name="members"),
    path("fees/", views.waive_fee, name="waive-fee"),
    path("api/transfers/", api.Transfers.as_view()),
]

urlpatterns += [path("step-up/", include("django_authsignal.urls"))]
