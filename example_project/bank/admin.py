from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import User

from django_authsignal.admin import AuthsignalHistoryInline
from django_authsignal.contrib.admin import StepUpAdminMixin
from django_authsignal.policy import StepUpPolicy

from .models import Account, Transfer

GRANT_ADMIN = StepUpPolicy("grantAdmin")

admin.site.unregister(User)


@admin.register(User)
class UserAdmin(StepUpAdminMixin, DjangoUserAdmin):
    """Names and addresses change freely; who may enter the admin does not."""

    inlines = [AuthsignalHistoryInline]
    step_up_fields = {"is_staff": GRANT_ADMIN, "is_superuser": GRANT_ADMIN}


@admin.register(Account)
class AccountAdmin(StepUpAdminMixin, admin.ModelAdmin):
    list_display = ["user", "balance"]
    list_select_related = ["user"]
    step_up_delete = StepUpPolicy("closeAccount")


@admin.register(Transfer)
class TransferAdmin(StepUpAdminMixin, admin.ModelAdmin):
    list_display = ["created_at", "account", "payee", "amount", "reference"]
    list_select_related = ["account__user"]
    date_hierarchy = "created_at"
    step_up_delete = StepUpPolicy("deleteTransfer")
