from __future__ import annotations

from django.contrib import admin

from .models import Account, Transfer


@admin.register(Account)
class AccountAdmin(admin.ModelAdmin):
    list_display = ["user", "balance"]
    list_select_related = ["user"]


@admin.register(Transfer)
class TransferAdmin(admin.ModelAdmin):
    list_display = ["created_at", "account", "payee", "amount", "reference"]
    list_select_related = ["account__user"]
    date_hierarchy = "created_at"
