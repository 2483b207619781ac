"""The story of one tracked action in words, for the people who look after the site.

The row's own timestamps tell how it went; ``ActionEvent`` adds what they cannot. Both are merged by time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from django_authsignal.client import State
from django_authsignal.models import ActionEvent, TrackedAction
from django_authsignal.statuses import HARMLESS, LIVE, Status
from django_authsignal.timeline.words import REASONS, moment, plain, reason_of

__all__ = ["Entry", "answer_of", "first_answer", "has_run_out", "standing", "status_of", "story", "tone_of"]

ANSWERS: dict[str, str | Promise] = {
    "": gettext_lazy("Authsignal answered"),
    State.ALLOW: gettext_lazy("Authsignal allowed it"),
    State.CHALLENGE_REQUIRED: gettext_lazy("Authsignal asked for a challenge"),
    State.BLOCK: gettext_lazy("Authsignal blocked it"),
    State.REVIEW_REQUIRED: gettext_lazy("Authsignal asked for a review"),
}
FIRST_ANSWERS = {
    "block": State.BLOCK,
    "review": State.REVIEW_REQUIRED,
    "unenrolled": State.ALLOW,
    "minimum": State.ALLOW,
}
"""What the service must have answered first when a row ended for this reason."""

LATER_WORDS: dict[str, str | Promise] = {
    "webhook": gettext_lazy("Told by webhook."),
    "sync": gettext_lazy("Found by the regular comparison."),
    "operator": gettext_lazy("Answered when an operator asked."),
}
"""Where the service's later word came from."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened."""

    at: datetime
    title: str | Promise
    lines: tuple[str, ...] = ()
    tone: str = "plain"
    """How it looks: 'good' (it may go on), 'bad' (it may not), 'note' (worth a look) or 'plain'."""


def has_run_out(row: TrackedAction) -> bool:
    """Whether a row still waits although its time has passed: it ends when a request next meets it."""
    return row.status in LIVE and row.expires_at is not None and row.expires_at <= timezone.now()


def status_of(row: TrackedAction) -> str:
    """The status as a reader understands it: what waits in vain has expired."""
    return pgettext("status of an action", "expired") if has_run_out(row) else str(Status(row.status).label)


def tone_of(row: TrackedAction) -> str:
    """How the status looks, as an ``Entry.tone``; the word beside it says the same."""
    if row.status == Status.REFUSED or (row.status == Status.SPENT and row.reason):
        return "bad"
    if has_run_out(row):
        return "plain"
    return {Status.SPENT: "good", Status.APPROVED: "good", Status.PENDING: "note"}.get(Status(row.status), "plain")


def standing(row: TrackedAction) -> str:
    """One sentence on where the action stands now."""
    until = moment(row.expires_at) if row.expires_at else ""
    if has_run_out(row):
        pending = row.status == Status.PENDING
        return _("The challenge was not passed in time.") if pending else _("Approved, but not used in time.")
    match row.status:
        case Status.CREATED:
            return _("Authsignal was asked, but no answer is recorded.")
        case Status.PENDING:
            return _("Waiting until %(time)s for the user to pass the challenge.") % {"time": until}
        case Status.APPROVED:
            return _("Approved. Waiting until %(time)s to be used once.") % {"time": until}
        case Status.REFUSED:
            return _("Refused: %(reason)s.") % {"reason": reason_of(row)}
        case Status.VOID:
            return _("Ended: %(reason)s.") % {"reason": reason_of(row)}
    if row.reason:
        return _("The request went on without verification: %(reason)s.") % {"reason": reason_of(row)}
    return _("Spent: the request was let through, once.")


def story(row: TrackedAction, events: Iterable[ActionEvent]) -> list[Entry]:
    """Everything that happened to *row*, oldest first."""
    events = list(events)
    # Of the two rows that an operator's lift is noted on, the new one is the challenge.
    lifted = row.expires_at is not None and any(event.kind == ActionEvent.Kind.LIFTED for event in events)
    order, placed = row.created_at, []
    for step in _steps(row, lifted):
        # A step's time may be the service's: a clock that is behind ours must not put it before what led to it.
        order = max(order, step.at)
        placed.append((order, step))
    placed += [(entry.at, entry) for entry in _later(row)]
    placed += [(event.at, _noted(event)) for event in events]
    return [entry for _order, entry in sorted(placed, key=lambda pair: pair[0])]


def _steps(row: TrackedAction, lifted: bool) -> Iterator[Entry]:
    """What the row's timestamps tell, in the order in which it must have happened."""
    request = _("%(method)s %(route)s") % {"method": plain(row.method), "route": plain(row.route)}
    watched = () if row.enforced else (_("Not enforced: the answer stops nothing."),)
    began = _("An operator asked for it in place of a block") if lifted else _("The gate met the request")
    yield Entry(row.created_at, began, (request, *watched))
    if row.answered_at:
        yield from _answered(row, row.answered_at, lifted)
    if row.approved_at:
        method = plain(row.verification_method) or _("a method that Authsignal did not name")
        passed = _("Verified with %(method)s.") % {"method": method}
        yield Entry(row.approved_at, _("The user passed the challenge"), (passed,), "good")
    if row.spent_at:
        yield _spent(row, row.spent_at)
    if row.ended_at:
        refused = row.status == Status.REFUSED
        title = _("Refused") if refused else _("Ended")
        yield Entry(row.ended_at, title, (_sentence(reason_of(row)),), "bad" if refused else "plain")
    if has_run_out(row) and row.expires_at:
        yield Entry(row.expires_at, _("Time ran out"), (standing(row),), "bad")


def _answered(row: TrackedAction, at: datetime, lifted: bool) -> Iterator[Entry]:
    state = first_answer(row)
    lines = [_("The user has an authenticator.") if row.is_enrolled else _("The user has no authenticator.")]
    if row.rule_ids:
        lines.append(_("Rules: %(rules)s.") % {"rules": plain(", ".join(map(str, row.rule_ids)))})
    yield Entry(at, answer_of(row), tuple(lines))
    if state == State.CHALLENGE_REQUIRED and row.enforced:
        shown = _("The user was shown the way to Authsignal's page.")
        yield Entry(at, _("The challenge began"), (_("The user is to send the request again.") if lifted else shown,))


def first_answer(row: TrackedAction) -> str:
    """What the service said when it was asked: later words have replaced it in ``remote_state``. '' if unknown."""
    if row.answered_at is None:
        return ""
    if row.remote_state_source == "track":
        return row.remote_state
    if row.expires_at:
        return State.CHALLENGE_REQUIRED
    return State.ALLOW if row.spent_at else FIRST_ANSWERS.get(row.reason, "")


def answer_of(row: TrackedAction) -> str:
    """The service's first answer in words."""
    state = first_answer(row)
    return str(ANSWERS.get(state) or _("Authsignal answered %(state)s") % {"state": plain(state)})


def _later(row: TrackedAction) -> Iterator[Entry]:
    source = LATER_WORDS.get(row.remote_state_source)
    if source and row.remote_state_at:
        title = _("Authsignal says %(state)s") % {"state": plain(row.remote_state)}
        tone = "plain" if row.remote_state in HARMLESS else "bad"
        yield Entry(row.remote_state_at, title, (str(source),), tone)


def _spent(row: TrackedAction, at: datetime) -> Entry:
    if row.approved_at:
        return Entry(at, _("The approval was spent"), (_("The request came again and went on, once."),), "good")
    if row.reason:
        return Entry(at, _("The request went on without verification"), (_sentence(reason_of(row)),), "bad")
    return Entry(at, _("The request went on"), (_("No challenge was needed."),), "good")


def _noted(event: ActionEvent) -> Entry:
    lines = (_sentence(str(REASONS.get(event.detail) or plain(event.detail))),) if event.detail else ()
    return Entry(event.at, capfirst(str(ActionEvent.Kind(event.kind).label)), lines, "note")


def _sentence(text: str) -> str:
    return capfirst(text if text.endswith((".", "!", "?", "。")) else _("%(sentence)s.") % {"sentence": text})
