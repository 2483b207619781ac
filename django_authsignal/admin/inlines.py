"""The newest actions of one user, for any admin of users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from django_authsignal.admin import showing
from django_authsignal.admin.paging import NEWEST_FIRST
from django_authsignal.models import TrackedAction
from django_authsignal.timeline import plain

if TYPE_CHECKING:
    HistoryInline = admin.TabularInline[TrackedAction, Any]
    FormSet = BaseInlineFormSet[TrackedAction, Any, Any]
else:
    HistoryInline = admin.TabularInline
    FormSet = BaseInlineFormSet

__all__ = ["AuthsignalHistoryInline"]

MOST_ROWS = 20


class NewestRows(FormSet):
    """Rows to look at. Nothing that a POST says reaches them: this set of forms is never bound and saves nothing."""

    def __init__(self, data: Any = None, files: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def get_queryset(self) -> QuerySet[TrackedAction]:
        if not hasattr(self, "_queryset"):
            self._queryset = super().get_queryset().order_by(*NEWEST_FIRST)[:MOST_ROWS]
        return self._queryset

    def is_valid(self) -> bool:
        return True

    def save(self, commit: bool = True) -> list[TrackedAction]:
        self.new_objects: list[Any] = []
        self.changed_objects: list[Any] = []
        self.deleted_objects: list[Any] = []
        return []

    def lines(self) -> list[dict[str, Any]]:
        """What the template shows of each row."""
        return [
            {
                "row": row,
                "when": showing.when(row),
                "action": plain(row.action),
                "badge": showing.badge(row),
                "details": showing.details(row),
            }
            for row in self.get_queryset()
        ]


class AuthsignalHistoryInline(HistoryInline):
    """The newest actions of a user, each with a link to its story; add it to ``inlines`` of any admin of users.

    Shown to whoever may view tracked actions. Costs one query.
    """

    model = TrackedAction
    fk_name = "user"
    formset = NewestRows
    template = "admin/authsignal/trackedaction/inline.html"
    verbose_name_plural = _("Newest tracked actions")
    fields = ()
    extra = max_num = 0
    can_delete = False

    class Media:
        css = {"all": ["authsignal/admin.css"]}

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
