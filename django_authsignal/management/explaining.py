"""One tracked action, explained to somebody who answers the phone: why, what stands now, what the user can do."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from django_authsignal import timeline
from django_authsignal.attributes import printable
from django_authsignal.client import Action, State
from django_authsignal.management.service import Service
from django_authsignal.models import ActionEvent, TrackedAction
from django_authsignal.services.reports import is_ours
from django_authsignal.statuses import HARMLESS, Status

__all__ = ["Explanation", "Rule", "explain", "stamp"]

LONGEST_NAME = 80
LONGEST_DESCRIPTION = 200
MOST_RULES = 20

DECISIONS: dict[str, str] = {
    State.ALLOW: "Authsignal allowed it without a challenge",
    State.CHALLENGE_REQUIRED: "Authsignal demanded a challenge",
    State.BLOCK: "Authsignal blocked it",
    State.REVIEW_REQUIRED: "Authsignal put it on hold until somebody reviews it",
}

AGAIN = "Send the request again: Authsignal decides anew."
LIFT = "An operator with that permission can lift the block into a new challenge in the admin."
NOTHING_GONE = "Nothing: the account is gone."
OUTAGE = "Send the request again. manage.py authsignal_check tells whether Authsignal can be reached."
NEXT = {
    "block": f"Sending it again changes nothing while the rule at Authsignal stands. {LIFT}",
    "review": f"Somebody decides at Authsignal; then send the request again. {LIFT}",
    "unenrolled": "Sign in, set up an authenticator within five minutes, then send the request again.",
    "minimum": "Nothing the user can do: let the rules at Authsignal demand a challenge for this action.",
    "verification_method": "Send the request again and pass with a method that the page accepts.",
    "throttled": "Finish or leave the open challenges, wait ten minutes, then send the request again.",
    "superseded": "Look at the newer action for the same request: it took this one's place.",
    "revoked": "Ask why at Authsignal: somebody or a rule there changed the action. Then send the request again.",
    "logged_out": "Sign in and send the request again.",
    "account_deleted": NOTHING_GONE,
    "forgotten": NOTHING_GONE,
    "lost": OUTAGE,
    "unavailable": OUTAGE,
    "unreachable": OUTAGE,
    "upstream_error": "For the site's developers: the timeline and the log say what was wrong with the answer.",
    "enrolment": "Nothing: a visit to the set-up page is only recorded.",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule at Authsignal that matched; the name is '' when Authsignal could not be asked for it."""

    id: str
    name: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer to "why?" for one row."""

    row: TrackedAction
    decision: str
    rules: tuple[Rule, ...]
    standing: str
    next_step: str
    remote_state: str
    """What Authsignal says now; '' when that is not known."""
    note: str
    """Why it is not known, or that it is not what this site has heard."""
    story: tuple[timeline.Entry, ...]


def explain(row: TrackedAction, service: Service) -> Explanation:
    """Explain *row*, whose events are prefetched. Changes nothing, here or there."""
    word, note = _word_of(row, service)
    events = list(row.events.all())
    return Explanation(
        row=row,
        decision=decision(row),
        rules=_rules(row, word),
        standing=_standing(row),
        next_step=next_step(row, {event.kind for event in events}),
        remote_state=word.state if word else "",
        note=_difference(row, word) if word else note,
        story=tuple(timeline.story(row, events)),
    )


def _word_of(row: TrackedAction, service: Service) -> tuple[Action | None, str]:
    if service.silence:
        return None, ""  # it was said once, about the person
    if not is_ours(row):
        return None, f"not asked: it was tracked with another tenant or environment ({row.environment})"
    key = str(row.idempotency_key)
    return service.ask(lambda client: client.get_action(row.authsignal_user_id, row.action, key))


def _difference(row: TrackedAction, word: Action) -> str:
    if word.state == row.remote_state:
        return ""
    heard = f"last heard {row.remote_state}" if row.remote_state else "has no answer recorded"
    return f"Authsignal says {word.state} by now, and this site {heard}: manage.py authsignal_sync records it."


def decision(row: TrackedAction) -> str:
    """What Authsignal said when it was first asked."""
    if row.answered_at is None:
        return "No answer of Authsignal is recorded, so nothing was allowed by it"
    state = timeline.first_answer(row)
    said = DECISIONS.get(state, f"Authsignal answered {state}".rstrip())
    return said if row.enforced else f"{said}; only watched, nothing was stopped"


def _standing(row: TrackedAction) -> str:
    """As in the admin, but with the time as everywhere else in this output."""
    text = timeline.standing(row)
    return text.replace(timeline.moment(row.expires_at), stamp(row.expires_at)) if row.expires_at else text


def next_step(row: TrackedAction, kinds: Collection[str]) -> str:
    """What the user, or who helps them, can do. *kinds* are those of the row's events."""
    if not row.enforced and row.reason != "enrolment":
        return "Nothing: it was only watched."
    if ActionEvent.Kind.BYPASSED in kinds:
        return "Nothing: the request went on without verification, as its policy allows."
    if timeline.has_run_out(row) or row.status == Status.CREATED:
        return AGAIN
    until = stamp(row.expires_at) if row.expires_at else ""
    if row.status == Status.PENDING:
        return f"Open the page again and pass the challenge before {until}."
    if row.status == Status.APPROVED:
        return f"Send the very same request again, in the same browser and without signing out, before {until}."
    if row.status == Status.SPENT:
        if row.remote_state and row.remote_state not in HARMLESS:
            return "It went on, but Authsignal has taken it back since: the next request is decided anew."
        return "Nothing: it went on. The same request sent once more is decided anew."
    return NEXT.get(row.reason, AGAIN)


def stamp(at: datetime) -> str:
    """*at* in the site's time zone, to the second."""
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M:%S")


def _rules(row: TrackedAction, word: Action | None) -> tuple[Rule, ...]:
    """Those that Authsignal names now, in its order of priority; else the ids of the first answer."""
    named = word.get("rules") if word else None
    rules = [_rule(one) for one in named if isinstance(one, Mapping)] if isinstance(named, list) else []
    return tuple(rules or [Rule(str(one)) for one in row.rule_ids])[:MOST_RULES]


def _rule(wire: Mapping[str, Any]) -> Rule:
    def text(name: str, limit: int) -> str:
        value = wire.get(name)
        return printable(value, limit) if isinstance(value, str) else ""

    return Rule(text("ruleId", LONGEST_NAME), text("name", LONGEST_NAME), text("description", LONGEST_DESCRIPTION))
