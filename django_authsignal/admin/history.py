"""History in Django's admin: to be read, filtered, searched and exported. Nothing here changes a row (T67)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from django_authsignal import timeline
from django_authsignal.admin import showing
from django_authsignal.admin.filters import ReasonFilter, RecentValuesFilter, is_comparable
from django_authsignal.admin.paging import HistoryChangeList
from django_authsignal.admin.searching import MOST_PEOPLE, matching
from django_authsignal.models import ActionEvent, TrackedAction

if TYPE_CHECKING:
    from django_authsignal.admin.operations import Operations

    TrackedActionModelAdmin = admin.ModelAdmin[TrackedAction]
else:
    TrackedActionModelAdmin = admin.ModelAdmin

__all__ = ["TrackedActionAdmin"]

EXACT = ("status", "reason", "action", "verification_method", "user", "authsignal_user_id", "idempotency_key")
BOUNDS = ("gte", "gt", "lte", "lt")
LOOKUPS = {*EXACT, *(f"{column}__exact" for column in EXACT), *(f"created_at__{bound}" for bound in BOUNDS)}
"""What a query string may ask: no HMAC is to be guessed letter by letter, and each of these is an index range."""


@admin.register(TrackedAction)
class TrackedActionAdmin(TrackedActionModelAdmin):
    """Newest first, and for each row its story. The columns that identify a browser or a request are never shown.

    This module is imported whenever Django starts; what only some of its pages need is imported by them.
    """

    actions = None
    list_display = ["when", "standing", "who", "action", "details"]
    # Not remote_state and enforced: no index holds them, and the reason "report_only" tells what was not enforced.
    list_filter = [
        "status",
        ("reason", ReasonFilter),
        ("action", RecentValuesFilter),
        "created_at",
        ("verification_method", RecentValuesFilter),
    ]
    list_per_page = 50
    search_fields = ["idempotency_key"]
    search_help_text = gettext_lazy("The start of a user name, or exactly: a user's id, an Authsignal user id, a key.")
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()

    class Media:
        css = {"all": ["authsignal/admin.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: TrackedAction | None = None) -> bool:
        return False

    # has_delete_permission stays Django's: False would forbid deleting anything that takes a row with it.

    def get_urls(self) -> list[URLPattern]:
        """Pages for looking take no form of anybody's; the operators' pages are listed where they are made."""
        pages = [
            path("export/", self._page(self.export_view), name=self._url_name("export")),
            path("dashboard/", self._page(self.dashboard_view), name=self._url_name("dashboard")),
            *super().get_urls(),
        ]
        for page in pages:
            page.callback = require_safe(page.callback)
        operations = [
            path(f"<path:object_id>/{name}/", self._page(view), name=self._url_name(name))
            for name, view in self._operations.views().items()
        ]
        return operations + pages

    @cached_property
    def _operations(self) -> Operations:
        from django_authsignal.admin.operations import Operations

        return Operations(self)

    def _page(self, view: Callable[..., Any]) -> Callable[..., Any]:
        page = self.admin_site.admin_view(view)
        page.model_admin = self  # type: ignore[attr-defined]
        return page

    def _url_name(self, name: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{name}"

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> NoReturn:
        """History is not deleted by hand, row by row, whoever asks."""
        raise PermissionDenied

    def get_queryset(self, request: HttpRequest) -> QuerySet[TrackedAction]:
        return super().get_queryset(request).select_related("user")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[HistoryChangeList]:
        return HistoryChangeList

    def has_view_permission(self, request: HttpRequest, obj: TrackedAction | None = None) -> bool:
        """Only by the permission itself: nobody changes history, so a permission to change it means nothing."""
        return request.user.has_perm("authsignal.view_trackedaction")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup in LOOKUPS and is_comparable(lookup, value)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[TrackedAction], search_term: str
    ) -> tuple[QuerySet[TrackedAction], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        found, complete = matching(queryset, term)
        if not complete:
            note = ngettext(
                "More than %(count)d user name starts like this. Type more of it to see the actions of all.",
                "More than %(count)d user names start like this. Type more of it to see the actions of all.",
                MOST_PEOPLE,
            )
            self.message_user(request, note % {"count": MOST_PEOPLE}, messages.WARNING)
        return found, False

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """The list under the same filters and search, as CSV."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            rows = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return HttpResponseRedirect(f"../?{ERROR_FLAG}=1")
        from django_authsignal.admin.export import export

        return export(request, rows)

    def dashboard_view(self, request: HttpRequest) -> HttpResponse:
        """Figures of the last days."""
        from django_authsignal.admin.dashboard import dashboard

        return dashboard(self, request)

    def get_fieldsets(self, request: HttpRequest, obj: TrackedAction | None = None) -> list[Any]:
        return []  # the page tells a story instead

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: TrackedAction | None = None,
    ) -> HttpResponse:
        assert obj, "nothing can be added"
        events = list(obj.events.all())
        lifted = next((event for event in events if event.kind == ActionEvent.Kind.LIFTED), None)
        context.update(
            standing=timeline.standing(obj),
            badge=showing.badge(obj),
            story=timeline.story(obj, events),
            facts=showing.facts(obj),
            other_side=lifted and showing.other_side(obj, lifted.at),
            **self._operations.offers(request, obj, was_lifted=lifted is not None),
        )
        return super().render_change_form(request, context, add, change, form_url, obj)

    @admin.display(description=gettext_lazy("created at"))
    def when(self, row: TrackedAction) -> str:
        return showing.when(row)

    @admin.display(description=gettext_lazy("user"))
    def who(self, row: TrackedAction) -> str:
        return showing.who(row)

    @admin.display(description=gettext_lazy("status"))
    def standing(self, row: TrackedAction) -> SafeString:
        return showing.badge(row)

    @admin.display(description=gettext_lazy("details"), empty_value="")
    def details(self, row: TrackedAction) -> str:
        return showing.details(row)
