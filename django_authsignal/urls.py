"""``path("step-up/", include("django_authsignal.urls"))``."""

from __future__ import annotations

from django.urls import path

from django_authsignal import views
from django_authsignal.webhook import webhook

app_name = "authsignal"

urlpatterns = [
    path("return/<uuid:key>/", views.returned, name="return"),
    path("status/<str:capability>/", views.step_up_status, name="status"),
    path("enrol/", views.enrol, name="enrol"),
    path("manage/", views.manage, name="manage"),
    path("unlock/", views.unlock, name="unlock"),
    path("webhook/", webhook, name="webhook"),
]
