"""The words of the history: why an action ended, and texts and times as they are shown."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from django_authsignal.models import TrackedAction

__all__ = ["REASONS", "moment", "plain", "reason_of"]

REASONS: dict[str, str | Promise] = {
    "block": gettext_lazy("a rule at Authsignal blocks it"),
    "review": gettext_lazy("Authsignal wants somebody to review it first"),
    "unenrolled": gettext_lazy("the user had no authenticator"),
    "minimum": gettext_lazy("the view demands a challenge, but the rules at Authsignal allowed it without one"),
    "verification_method": gettext_lazy("the view does not accept the way the user verified"),
    "challenge": gettext_lazy("the challenge was not passed"),
    "stale": gettext_lazy("the success that was shown is older than this action"),
    "expired": gettext_lazy("it was too old when the request came again"),
    "changed": gettext_lazy("the user's login or the site's settings changed before the request came again"),
    "throttled": gettext_lazy("too many challenges of this user were open"),
    "superseded": gettext_lazy("another action took its place"),
    "withdrawn": gettext_lazy("the approval was withdrawn before it was used"),
    "revoked": gettext_lazy("Authsignal took it back"),
    "logged_out": gettext_lazy("the user signed out before it was used"),
    "account_deleted": gettext_lazy("the user's account was deleted"),
    "forgotten": gettext_lazy("the user's data were erased"),
    "lost": gettext_lazy("Authsignal's answer never arrived, so nothing was allowed"),
    "unavailable": gettext_lazy("Authsignal gave no answer"),
    "unreachable": gettext_lazy("Authsignal could not be reached"),
    "upstream_error": gettext_lazy("Authsignal gave an answer that cannot be right"),
    "report_only": gettext_lazy("only watched, nothing was stopped"),
    "enrolment": gettext_lazy("recorded only because the user went to set up an authenticator"),
}


def plain(text: object) -> str:
    """*text* on one line, with control and direction-changing characters shown as escapes (T71)."""
    text = str(text)
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def moment(at: datetime) -> str:
    """*at* in the reader's time zone and language."""
    return date_format(timezone.localtime(at), "DATETIME_FORMAT")


def reason_of(row: TrackedAction) -> str:
    """Why the row ended, in words; '' for a row that has no reason."""
    return str(REASONS.get(row.reason) or plain(row.reason))
