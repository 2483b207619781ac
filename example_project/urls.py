from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("example_project.bank.urls")),
    path("step-up/", include("django_authsignal.urls")),
    path("admin/", admin.site.urls),
]
