"""What operators may do about one action: ask Authsignal about it, and lift a block into a new challenge.

Each has a permission of its own and is put on the action's record, in the admin's log and in the logger. Nothing here
approves: a challenge still has to be passed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import quote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from django_authsignal import connection
from django_authsignal.admin import showing
from django_authsignal.client import AuthsignalError, Rejected, Unauthorized, Unavailable
from django_authsignal.conf import app_settings
from django_authsignal.decorators import outside_transactions
from django_authsignal.models import TrackedAction
from django_authsignal.services.refreshing import refresh
from django_authsignal.services.reports import is_ours
from django_authsignal.services.unblocking import Result, lift, obstacle

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

__all__ = ["Operations"]

PRIMARY_KEY = re.compile(r"[0-9]{1,18}")
MAY_REFRESH = "authsignal.refresh_trackedaction"
MAY_LIFT = "authsignal.unblock_trackedaction"

RESULTS: dict[Result, str | Promise] = {
    Result.LIFTED: ngettext_lazy(
        "The block is lifted into a new challenge. The user has %(minutes)d minute to send the same request again "
        "and pass it.",
        "The block is lifted into a new challenge. The user has %(minutes)d minutes to send the same request again "
        "and pass it.",
        "minutes",
    ),
    Result.NOT_BLOCKED: gettext_lazy("Only what Authsignal blocked or wants reviewed can be lifted."),
    Result.TOO_OLD: gettext_lazy("This is older than 24 hours. The user should begin anew."),
    Result.NO_USER: gettext_lazy("The user's account is gone or not active."),
    Result.OWN: gettext_lazy("You cannot lift a block of your own."),
    Result.ELSEWHERE: gettext_lazy("This was tracked with another environment or tenant of Authsignal."),
    Result.ALREADY: gettext_lazy("This block was lifted before. It can be done once."),
    Result.BUSY: gettext_lazy(
        "The user already has a challenge or an approval for this very request, or too many others."
    ),
    Result.UNENROLLED: gettext_lazy("The user has no authenticator to pass a challenge with."),
    Result.UNAVAILABLE: gettext_lazy("Authsignal gave no answer. Nothing changed; try again later."),
    Result.ERROR: gettext_lazy("Authsignal gave an answer that cannot be right. Nothing was lifted."),
}


class LiftForm(forms.Form):
    """Why the block is lifted."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        help_text=gettext_lazy("Kept with the history: no personal data, please."),
        min_length=5,
        max_length=200,
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
    )


class Operations:
    """The operators' pages of a tracked action, in its admin."""

    def __init__(self, model_admin: ModelAdmin[TrackedAction]) -> None:
        self._admin = model_admin

    def views(self) -> dict[str, Callable[..., HttpResponse]]:
        """Each is a page of its own, by its name; what changes something takes a POST."""
        views = {
            "refresh": require_POST(self.refresh_view),
            "lift": require_http_methods(["GET", "POST"])(self.lift_view),
        }
        # Outside any transaction: what is decided here must not be rolled back by what comes later.
        return {name: outside_transactions(view) for name, view in views.items()}

    def offers(self, request: HttpRequest, row: TrackedAction, *, was_lifted: bool) -> dict[str, bool]:
        """What the page of *row* may offer to this operator."""
        return {
            "can_refresh": request.user.has_perm(MAY_REFRESH),
            "can_lift": request.user.has_perm(MAY_LIFT) and not was_lifted and obstacle(row, request.user) is None,
        }

    def refresh_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Record what Authsignal says of the action now."""
        row = self._row(request, object_id, MAY_REFRESH)
        if not is_ours(row):
            self._admin.message_user(request, str(RESULTS[Result.ELSEWHERE]), messages.ERROR)
            return self._back_to(row)
        try:
            state = refresh(row, request.user)
        except AuthsignalError as error:
            self._admin.message_user(request, _problem(error), messages.ERROR)
        else:
            self._admin.log_change(request, row, f"Refreshed from Authsignal: {state}")
            self._admin.message_user(request, _("Authsignal says: %(state)s.") % {"state": state}, messages.SUCCESS)
        return self._back_to(row)

    def lift_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for a reason, then lift the block into a new challenge."""
        row = self._row(request, object_id, MAY_LIFT)
        if found := obstacle(row, request.user):
            return self._tell(request, row, found)
        form = LiftForm(request.POST if request.method == "POST" else None)
        if not form.is_valid():
            return self._lift_page(request, row, form)
        why = form.cleaned_data["reason"]
        done = lift(row, request.user, why, connection.site_url(request))
        # Without the reason: it is on the action, and goes when the user's data are erased.
        for touched in filter(None, (row, done.row)):
            self._admin.log_change(request, touched, f"Lift into a new challenge: {done.result}")
        return self._tell(request, done.row if done.row and done.result is Result.LIFTED else row, done.result)

    def _lift_page(self, request: HttpRequest, row: TrackedAction, form: LiftForm) -> HttpResponse:
        context = {
            **self._admin.admin_site.each_context(request),
            "title": _("Lift the block into a new challenge"),
            "has_view_permission": True,
            "opts": self._admin.opts,
            "media": self._admin.media,
            "original": row,
            "facts": showing.facts(row),
            "form": form,
            "minutes": _minutes(),
        }
        request.current_app = self._admin.admin_site.name
        return TemplateResponse(request, "admin/authsignal/trackedaction/lift.html", context)

    def _row(self, request: HttpRequest, object_id: str, permission: str) -> TrackedAction:
        """The row as the primary has it, for an operator with *permission*."""
        rows = TrackedAction.objects.current().select_related("user")
        if not request.user.has_perm(permission) or not self._admin.has_view_permission(request):
            raise PermissionDenied
        row = rows.filter(pk=object_id).first() if PRIMARY_KEY.fullmatch(object_id) else None
        if row is None:
            raise Http404
        return row

    def _tell(self, request: HttpRequest, row: TrackedAction, result: Result) -> HttpResponse:
        level = messages.SUCCESS if result is Result.LIFTED else messages.ERROR
        self._admin.message_user(request, RESULTS[result] % {"minutes": _minutes()}, level)
        return self._back_to(row)

    def _back_to(self, row: TrackedAction) -> HttpResponse:
        name = f"{self._admin.admin_site.name}:{self._admin.opts.app_label}_{self._admin.opts.model_name}_change"
        return HttpResponseRedirect(reverse(name, args=[quote(row.pk)]))


def _minutes() -> int:
    return round(app_settings.CHALLENGE_TTL.total_seconds() / 60)


def _problem(error: AuthsignalError) -> str:
    match error:
        case Unavailable():
            return _("Authsignal gave no answer. Nothing changed; try again later.")
        case Unauthorized():
            return _("Authsignal does not accept this site's secret key.")
        case Rejected(status=404):
            return _("Authsignal does not know this action.")
    return _("Authsignal gave an answer that cannot be right. Nothing changed.")
