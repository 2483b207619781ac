"""History in Django's admin: to be read, filtered and searched. Nothing here changes a row (T67)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from django_authsignal import timeline
from django_authsignal.models import TrackedAction

if TYPE_CHECKING:
    TrackedActionModelAdmin = admin.ModelAdmin[TrackedAction]
else:
    TrackedActionModelAdmin = admin.ModelAdmin

__all__ = ["TrackedActionAdmin"]

RECENT_ROWS = 5000


class RecentValuesFilter(admin.AllValuesFieldListFilter):
    """The values of the newest rows: to look for those of millions would cost seconds a page."""

    def __init__(
        self, field: Any, request: HttpRequest, params: Any, model: Any, model_admin: Any, field_path: str
    ) -> None:
        super().__init__(field, request, params, model, model_admin, field_path)
        newest = model_admin.get_queryset(request).order_by("-pk").values_list(field_path, flat=True)[:RECENT_ROWS]
        self.lookup_choices: Any = sorted(filter(None, set(newest)))

    def choices(self, changelist: Any) -> Iterator[Any]:
        for choice in super().choices(changelist):
            yield {**choice, "display": timeline.plain(choice["display"])}


@admin.register(TrackedAction)
class TrackedActionAdmin(TrackedActionModelAdmin):
    """Newest first, and for each row its story. The columns that identify a browser or a request are never shown."""

    actions = None
    list_display = ["when", "who", "action", "standing", "why", "remote_state", "verified_with"]
    list_filter = [
        "status",
        ("remote_state", RecentValuesFilter),
        ("action", RecentValuesFilter),
        "created_at",
        ("verification_method", RecentValuesFilter),
        "enforced",
    ]
    list_per_page = 50
    list_select_related = ["user"]
    ordering = ["-pk"]
    search_fields = ["idempotency_key"]
    search_help_text = gettext_lazy("The start of a user name, or exactly: a user's id, an Authsignal user id, a key.")
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False
    sortable_by = ()

    readable_columns = frozenset(
        ["status", "remote_state", "action", "created_at", "verification_method", "enforced"]
        + ["user", "authsignal_user_id", "idempotency_key"]
    )
    """What a query string may ask about: the HMACs must not be guessed letter by letter."""

    class Media:
        css = {"all": ["authsignal/admin.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: TrackedAction | None = None) -> bool:
        return False

    # has_delete_permission stays Django's: False would forbid deleting anything that takes a row with it.

    def get_urls(self) -> list[URLPattern]:
        """Every page is for looking: no form of anybody's reaches one."""
        urls = super().get_urls()
        for url in urls:
            url.callback = require_safe(url.callback)
        return urls

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> NoReturn:
        """History is not deleted by hand, row by row, whoever asks."""
        raise PermissionDenied

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        named = lookup.split("__")[0] in self.readable_columns
        return named and super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[TrackedAction], search_term: str
    ) -> tuple[QuerySet[TrackedAction], bool]:
        """Exact matches and the start of a user name: what an index can find among millions of rows."""
        term = search_term.strip()
        return (queryset.filter(_matching(term)) if term else queryset), False

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
        if obj is not None:
            context.update(
                standing=timeline.standing(obj),
                tone=timeline.tone_of(obj),
                status=timeline.status_of(obj),
                story=timeline.story(obj, obj.events.all()),
                facts=_facts(obj),
            )
        return super().render_change_form(request, context, add, change, form_url, obj)

    @admin.display(description=gettext_lazy("created at"))
    def when(self, row: TrackedAction) -> str:
        return date_format(localtime(row.created_at), "SHORT_DATETIME_FORMAT")

    @admin.display(description=gettext_lazy("user"))
    def who(self, row: TrackedAction) -> str:
        return _who(row)

    @admin.display(description=gettext_lazy("status"))
    def standing(self, row: TrackedAction) -> SafeString:
        return format_html(
            '<span class="authsignal-status authsignal-{}">{}</span>', timeline.tone_of(row), timeline.status_of(row)
        )

    @admin.display(description=gettext_lazy("verified with"), empty_value="")
    def verified_with(self, row: TrackedAction) -> str:
        return timeline.plain(row.verification_method)

    @admin.display(description=gettext_lazy("reason"), empty_value="")
    def why(self, row: TrackedAction) -> str:
        return timeline.reason_of(row)


def _matching(term: str) -> Q:
    users = get_user_model()
    people = Q(**{f"{users.USERNAME_FIELD}__startswith": term})
    found = Q(authsignal_user_id=term)
    with suppress(ValidationError):
        people |= Q(pk=users._meta.pk.to_python(term))
    with suppress(ValueError):
        found |= Q(idempotency_key=uuid.UUID(term))
    return found | Q(user__in=users._default_manager.filter(people).values("pk"))


def _who(row: TrackedAction) -> str:
    if row.user is None:
        return _("%(id)s (no account any more)") % {"id": timeline.plain(row.authsignal_user_id)}
    return timeline.plain(row.user.get_username())


def _facts(row: TrackedAction) -> list[tuple[str, str]]:
    """Label and text of what the row holds, without what is empty."""
    facts = [
        (_("User"), _who(row)),
        (_("Authsignal user id"), row.authsignal_user_id),
        (_("Action"), row.action),
        (_("Idempotency key"), row.idempotency_key),
        (_("Request"), f"{row.method} {row.route}"),
        (_("IP address"), row.ip_address),
        (_("Enforced"), _("yes") if row.enforced else _("no")),
        (_("Remote state"), row.remote_state),
        (_("Remote state at"), row.remote_state_at and timeline.moment(row.remote_state_at)),
        (_("Remote state source"), row.remote_state_source),
        (_("Verified with"), row.verification_method),
        (_("Rules"), ", ".join(map(str, row.rule_ids))),
        (_("Expires at"), row.expires_at and timeline.moment(row.expires_at)),
        (_("Environment"), row.environment),
        (_("Tenant"), row.tenant),
    ]
    return [(label, timeline.plain(value)) for label, value in facts if value]
