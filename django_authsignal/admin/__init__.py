"""Django's admin: the history to be read, and what operators may do with it."""

from __future__ import annotations

from django_authsignal.admin.history import TrackedActionAdmin
from django_authsignal.admin.inlines import AuthsignalHistoryInline

__all__ = ["AuthsignalHistoryInline", "TrackedActionAdmin"]
