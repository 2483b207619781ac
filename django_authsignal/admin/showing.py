"""How one row reads in the admin: in the list, beside a user, as facts, and with what it belongs to."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from django_authsignal import timeline
from django_authsignal.models import ActionEvent, TrackedAction

__all__ = ["badge", "details", "facts", "other_side", "when", "who"]

MOMENT = timedelta(minutes=1)
"""The two rows of a lift are noted one right after the other; this is plenty."""
REQUEST = ("authsignal_user_id", "channel", "action", "route", "binding")
"""What a block and the challenge in its place have in common."""


def when(row: TrackedAction) -> str:
    """When it began, in the reader's time zone."""
    return date_format(localtime(row.created_at), "SHORT_DATETIME_FORMAT")


def who(row: TrackedAction) -> str:
    """The user's name, or the id that is left of a user who is gone."""
    if row.user is None:
        return _("%(id)s (no account any more)") % {"id": timeline.plain(row.authsignal_user_id)}
    return timeline.plain(row.user.get_username())


def badge(row: TrackedAction) -> SafeString:
    """The status, coloured."""
    return format_html(
        '<span class="authsignal-status authsignal-{}">{}</span>', timeline.tone_of(row), timeline.status_of(row)
    )


def details(row: TrackedAction) -> str:
    """Why it ended, or how the user verified; '' for an action that simply went on or still waits.

    Of one that was only watched, also what would have happened: a roll-out is judged by it.
    """
    if row.reason == "report_only":
        return _("%(reason)s: %(answer)s") % {"reason": timeline.reason_of(row), "answer": timeline.answer_of(row)}
    method = timeline.plain(row.verification_method)
    return timeline.reason_of(row) or (method and _("verified with %(method)s") % {"method": method})


def facts(row: TrackedAction) -> list[tuple[str, str]]:
    """Label and text of what the row holds, without what is empty and without what identifies a browser."""
    known = [
        (_("User"), who(row)),
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
    return [(label, timeline.plain(value)) for label, value in known if value]


def other_side(row: TrackedAction, lifted_at: datetime) -> TrackedAction | None:
    """The other row of the lift that *row* notes at this time: of a block its challenge, of a challenge its block.

    None if it is gone. One query.
    """
    notes = ActionEvent.objects.filter(
        kind=ActionEvent.Kind.LIFTED,
        at__range=(lifted_at - MOMENT, lifted_at + MOMENT),
        action__expires_at__isnull=row.expires_at is not None,  # a challenge has its time, a block has none
        **{f"action__{name}": getattr(row, name) for name in REQUEST},
    )
    nearest = min(notes.select_related("action"), key=lambda note: abs(note.at - lifted_at), default=None)
    return nearest.action if nearest else None
