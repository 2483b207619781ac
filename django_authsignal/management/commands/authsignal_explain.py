"""``manage.py authsignal_explain USER``: why was this person challenged or refused? In words, and changing nothing."""

from __future__ import annotations

import argparse
import json
import uuid
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.core.management.base import no_translations
from django.utils import timezone

from django_authsignal.management import command
from django_authsignal.management.database import explained
from django_authsignal.management.explaining import Explanation, Rule, explain, stamp
from django_authsignal.management.service import Service
from django_authsignal.management.standing import Enrolment, Room, enrolment_of, room_of
from django_authsignal.management.subjects import Subject, chosen, find_subject
from django_authsignal.services.asking import MOST_LIVE, MOST_UNPASSED_PER_HOUR
from django_authsignal.timeline import plain

MOST_ACTIONS = 100

EXIT_CODES = """\
exit codes:
  0  explained, from this site's own history where Authsignal could not be asked
  1  the settings, or the user's id at Authsignal, cannot work
  2  wrong usage
  3  no such user, or more than one
  4  nothing is recorded of this person, this action code or this key
  6  the database failed: run it again
"""


class Command(command.Command):
    help = "Explain why a person was challenged or refused: decision, rules, timeline, and what the user can do next."

    epilog = EXIT_CODES

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("user", nargs="?", metavar="USER", help="user name, or primary key")
        parser.add_argument("--authsignal-id", metavar="ID", help="in place of USER, for somebody who is gone")
        parser.add_argument("--action", metavar="CODE", help="only actions with this code")
        parser.add_argument("--key", type=uuid.UUID, help="only the action with this idempotency key")
        parser.add_argument("--limit", type=_limit, default=5, metavar="N", help="newest actions shown (default 5)")
        parser.add_argument("--local", action="store_true", help="do not ask Authsignal, only this site's history")
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of words")

    @no_translations
    @explained()
    def handle(
        self,
        *,
        user: str | None,
        authsignal_id: str | None,
        action: str | None,
        key: uuid.UUID | None,
        limit: int,
        local: bool,
        json: bool,
        **options: Any,
    ) -> None:
        subject = find_subject(user, authsignal_id)
        service = Service(local=local)
        enrolment = enrolment_of(subject.authsignal_user_id, service)
        room = None if subject.user_pk is None else room_of(subject.user_pk, timezone.now())
        if not json:
            self._print_subject(subject, enrolment, room)
        rows = chosen(subject, action, key)[:limit]
        explanations = [explain(row, service) for row in rows.prefetch_related("events")]
        if json:
            self.stdout.write(_as_json(subject, enrolment, room, explanations))
        else:
            for explanation in explanations:
                self._print_action(explanation)

    def _print_subject(self, subject: Subject, enrolment: Enrolment, room: Room | None) -> None:
        zone = timezone.get_current_timezone_name()
        self._line(f"{subject.typed} is {subject.authsignal_user_id!r} at Authsignal. Times are in {zone}.")
        self._fact("Authenticator", _enrolment_in_words(enrolment))
        if room:
            self._fact(
                "Challenges",
                f"{room.live} of at most {MOST_LIVE} open, "
                f"{room.unpassed} of at most {MOST_UNPASSED_PER_HOUR} in the last hour not passed",
            )
        if room and room.full_until:
            self._fact("Throttled", f"new challenges are refused (429) until {stamp(room.full_until)}")

    def _print_action(self, told: Explanation) -> None:
        row = told.row
        self._line("")
        self._line(f"{stamp(row.created_at)}  {row.action}  {row.idempotency_key}  ({row.environment})")
        self._fact("Decision", f"{told.decision}.")
        for rule in told.rules:
            self._fact("Rule", _rule_in_words(rule))
        if row.verification_method:
            self._fact("Verified with", row.verification_method)
        self._fact("Now", told.standing)
        if told.note:
            self._fact("At Authsignal", told.note)
        self._fact("Next", told.next_step)
        for number, entry in enumerate(told.story):
            happened = " ".join([f"{entry.title}.", *entry.lines])
            self._fact("" if number else "Timeline", f"{stamp(entry.at)}  {happened}")

    def _fact(self, name: str, text: str) -> None:
        self._line(f"  {name.ljust(14)} {text}")

    def _line(self, text: str) -> None:
        self.stdout.write(plain(text))  # whatever it holds, it cannot steer a terminal (T71)


def _enrolment_in_words(enrolment: Enrolment) -> str:
    if enrolment.enrolled is None:
        return f"not known: {enrolment.note}"
    if not enrolment.enrolled:
        return "none: the user has nothing to pass a challenge with"
    return ", ".join(enrolment.verification_methods) or "enrolled, but the methods are not known"


def _rule_in_words(rule: Rule) -> str:
    named = f"{rule.name} ({rule.id})" if rule.name and rule.id else rule.name or rule.id
    return f"{named}: {rule.description}" if rule.description else named


def _as_json(subject: Subject, enrolment: Enrolment, room: Room | None, told: list[Explanation]) -> str:
    person = {"authsignal_user_id": subject.authsignal_user_id, **asdict(enrolment), **(asdict(room) if room else {})}
    return json.dumps({"person": person, "actions": [_action(one) for one in told]}, indent=2, default=_iso)


def _action(told: Explanation) -> dict[str, Any]:
    row = told.row
    return {
        "action": row.action,
        "key": str(row.idempotency_key),
        "environment": row.environment,
        "created_at": row.created_at,
        "status": row.status,
        "reason": row.reason,
        "enforced": row.enforced,
        "verification_method": row.verification_method,
        "decision": told.decision,
        "rules": [asdict(rule) for rule in told.rules],
        "standing": told.standing,
        "next_step": told.next_step,
        "authsignal_state": told.remote_state,
        "note": told.note,
        "timeline": [{"at": entry.at, "title": str(entry.title), "lines": entry.lines} for entry in told.story],
    }


def _iso(value: datetime) -> str:
    return value.isoformat()


def _limit(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MOST_ACTIONS:
        raise argparse.ArgumentTypeError(f"must be from 1 to {MOST_ACTIONS}")
    return number
