"""Ask the service about one question, and read its answer: the only place where an answer becomes a decision.

Each arm says in words why it opens or refuses; what is not named here refuses.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone

from django_authsignal import attributes, connection, sessions, signals
from django_authsignal.client import (
    AuthsignalError,
    Client,
    State,
    Tracked,
    Unavailable,
    UnexpectedAnswer,
)
from django_authsignal.client.sealed import Payload
from django_authsignal.conf import app_settings
from django_authsignal.models import ActionEvent, TrackedAction
from django_authsignal.services import alarms
from django_authsignal.services.decision import Decision, Outcome
from django_authsignal.services.question import Question
from django_authsignal.statuses import Status
from django_authsignal.values import wire

__all__ = ["ask", "grant", "observe", "resume", "told", "track"]

logger = logging.getLogger("django_authsignal")

MOST_LIVE = 5
MOST_UNPASSED_PER_HOUR = 20
MOST_BYPASSES_PER_HOUR = 5
THROTTLE_SECONDS = 600
RETRY_SECONDS = 10
REPORT_ONLY_SECONDS = 1.0
"""The whole delay that watching may add to a request, an outage included."""

Facts = Mapping[str, Any]


def ask(question: Question) -> Decision:
    """Commit a row, track it, and decide by the answer."""
    if _has_enough(question):
        return question.decided(Outcome.THROTTLED, retry_after=THROTTLE_SECONDS)
    client, payload = connection.get_client(), told(question)
    row = TrackedAction.objects.begin(question.claim, enforced=True)
    try:
        answer = track(question, row, payload, client)
    except Unavailable as error:
        return _unavailable(question, row, error)
    except AuthsignalError as error:
        return _anomaly(question, row, error)
    signals.announce(signals.action_tracked, row)
    match answer.state:
        case State.ALLOW:
            return _allow(question, row, answer)
        case State.CHALLENGE_REQUIRED:
            return _challenge(question, row, answer)
        case State.BLOCK:
            return _refuse(question, row, Outcome.BLOCKED, "block", _facts(answer))
        case State.REVIEW_REQUIRED:
            return _refuse(question, row, Outcome.UNDER_REVIEW, "review", _facts(answer))
    # A fresh key cannot have been passed or judged already (T1).
    return _anomaly(question, row, f"first answer {answer.state}")


def _has_enough(question: Question) -> bool:
    """Whether the user has as many open, or lately unfinished, challenges as anybody may have (T49)."""
    live, unpassed = TrackedAction.objects.challenge_counts(question.claim.user_pk, timezone.now())
    return live >= MOST_LIVE or unpassed >= MOST_UNPASSED_PER_HOUR


def resume(question: Question, row: TrackedAction) -> Decision | None:
    """The same challenge again. None when the service no longer wants it passed: ask anew."""
    url = "" if question.bearer else sessions.recall_hosted_url(question.request, str(row.idempotency_key))
    if not url:
        try:
            answer = track(question, row, told(question), connection.get_client())
        except Unavailable as error:
            alarms.outage(row, error)
            return question.decided(Outcome.UNAVAILABLE, row, retry_after=_retry_after(error))
        except AuthsignalError as error:
            alarms.alarm(row, error)
            return question.decided(Outcome.UPSTREAM_ERROR, row)
        url = connection.hosted_page(answer.url)
        if answer.state is not State.CHALLENGE_REQUIRED or not url:
            row.end(Status.VOID, "superseded")
            return None
        _remember(question, row, url)
    if question.claim.return_path not in ("", row.return_path):
        row.retarget(question.claim.return_path)
    return question.decided(Outcome.CHALLENGE, row, url=url, expires_at=row.expires_at)


def observe(question: Question) -> None:
    """Report-only: track and record. Raises what goes wrong on our side; the service's faults are recorded."""
    client, payload = connection.get_client(REPORT_ONLY_SECONDS), told(question)
    row = TrackedAction.objects.begin(question.claim, enforced=False)
    try:
        answer = track(question, row, payload, client)
    except AuthsignalError as error:
        logger.warning("report-only: %s", error)
        row.end(Status.VOID, "unavailable")
        return
    row.end(Status.VOID, "report_only", _facts(answer))
    signals.announce(signals.action_tracked, row)


def told(question: Question) -> Payload:
    """Everything that a track call says but the key and where to come back to, without a printable form (T65).

    Made before a row is begun, so that what cannot be said leaves no trace. Raises TypeError or ValueError for values
    of the policy's own functions that JSON cannot hold.
    """
    request, custom = question.request, question.policy.custom
    known = Payload(attributes.track_attributes(request))
    own = (custom(request) if callable(custom) else custom) or {}
    return Payload(known, custom=wire({**known.get("custom", {}), **own, **question.values}))


def track(question: Question, row: TrackedAction, payload: Mapping[str, Any], client: Client) -> Tracked:
    """One track call for *row*; its answer is about this very key, or it is an UnexpectedAnswer."""
    back = connection.site_url(question.request) + reverse("authsignal:return", args=[row.idempotency_key])
    named = Payload({"redirectUrl": back, **payload}, idempotencyKey=str(row.idempotency_key))
    answer = client.track_action(row.authsignal_user_id, row.action, named)
    if answer.idempotency_key != str(row.idempotency_key):
        raise UnexpectedAnswer("POST", "/users/{}/actions/{}", "the answer is about another idempotency key")
    return answer


def _allow(question: Question, row: TrackedAction, answer: Tracked) -> Decision:
    """ALLOW is not one thing: it is also the answer for a user who has no authenticator at all (T11)."""
    policy, facts = question.policy, _facts(answer)
    if not answer.is_enrolled:
        if policy.for_unenrolled == "allow":
            allowed = row.allow({**facts, "reason": "unenrolled"})
            return _bypass(question, row, "unenrolled") if allowed else _lost(question, row)
        outcome = Outcome.ENROL if policy.for_unenrolled == "enrol" else Outcome.BLOCKED
        return _refuse(question, row, outcome, "unenrolled", facts)
    if policy.minimum == "challenge":
        logger.error("action %r demands a challenge, but its rules at Authsignal answered ALLOW", row.action)
        return _refuse(question, row, Outcome.BLOCKED, "minimum", facts)
    if not row.allow(facts):
        return _lost(question, row)
    return grant(question, row, "allow")


def grant(question: Question, row: TrackedAction, outcome: str) -> Decision:
    """The row is spent and its request goes on; only here does a window open. *outcome* is 'allow' or 'challenge'."""
    signals.announce(signals.step_up_spent, row)
    if question.policy.max_age is not None and not question.bearer:
        sessions.open_window(
            question.request,
            row.action,
            row.environment,
            outcome=outcome,
            verification_method=row.verification_method,
            row_pk=row.pk,
        )
    return question.decided(Outcome.ALLOWED, row, reason=outcome)


def _challenge(question: Question, row: TrackedAction, answer: Tracked) -> Decision:
    url = connection.hosted_page(answer.url)
    if not url:
        return _anomaly(question, row, "the hosted page is on a host that is not allowed")
    if _has_enough(question):  # by now: others were answered while the service was asked about this one
        row.end(Status.VOID, "throttled")
        return question.decided(Outcome.THROTTLED, retry_after=THROTTLE_SECONDS)
    expires_at = timezone.now() + app_settings.CHALLENGE_TTL
    if not row.challenge(_facts(answer), expires_at):
        return _join_winner(question, row)
    _remember(question, row, url)
    signals.announce(signals.step_up_challenged, row)
    return question.decided(Outcome.CHALLENGE, row, url=url, expires_at=expires_at)


def _remember(question: Question, row: TrackedAction, url: str) -> None:
    if row.expires_at and not question.bearer:
        sessions.remember_hosted_url(question.request, str(row.idempotency_key), url, row.expires_at)


def _join_winner(question: Question, row: TrackedAction) -> Decision:
    """Two first submits at once: the loser of the one live row shows the winner's challenge."""
    row.end(Status.VOID, "superseded")
    for winner in TrackedAction.objects.look(question.claim):
        if winner.status == Status.PENDING and (decision := resume(question, winner)):
            return decision
    return _lost(question, row)


def _lost(question: Question, row: TrackedAction) -> Decision:
    """Somebody ended the row while the service was asked: nothing is known to be allowed."""
    return question.decided(Outcome.UNAVAILABLE, row, retry_after=RETRY_SECONDS)


def _refuse(question: Question, row: TrackedAction, outcome: Outcome, reason: str, facts: Facts) -> Decision:
    row.end(Status.REFUSED, reason, facts)
    signals.announce(signals.step_up_refused, row)
    return question.decided(outcome, row, reason=reason)


def _unavailable(question: Question, row: TrackedAction, error: Unavailable) -> Decision:
    """The service cannot be asked. Only a policy that says so, and only while no connection is made, goes on (T40)."""
    may_open = question.policy.on_unavailable == "allow" and not error.sent
    row.end(Status.VOID, "unreachable" if may_open else "unavailable")
    # Counted after this row is committed, so that parallel requests cannot all see room for one more.
    since = timezone.now() - timedelta(hours=1)
    if may_open and TrackedAction.objects.ended_for("unreachable", row.user_id, since) <= MOST_BYPASSES_PER_HOUR:
        alarms.log_outage(row, error)
        return _bypass(question, row, "unavailable")
    alarms.outage(row, error)
    return question.decided(Outcome.UNAVAILABLE, row, reason="unavailable", retry_after=_retry_after(error))


def _bypass(question: Question, row: TrackedAction, reason: str) -> Decision:
    """Go on without an approval, because the policy says so: never silently, and never opening a window."""
    row.note(ActionEvent.Kind.BYPASSED, reason)
    logger.warning("action %r goes on without an approval: %s", row.action, reason)
    signals.announce(signals.step_up_bypassed, row, reason=reason)
    return question.decided(Outcome.ALLOWED, row, reason=reason)


def _anomaly(question: Question, row: TrackedAction, problem: AuthsignalError | str) -> Decision:
    """The service answered what it must not, or refused our call: nothing opens, somebody should look."""
    row.end(Status.VOID, "upstream_error")
    alarms.alarm(row, problem)
    return question.decided(Outcome.UPSTREAM_ERROR, row, reason="upstream_error")


def _facts(answer: Tracked) -> dict[str, Any]:
    """What a first answer says, as a row keeps it."""
    now: datetime = timezone.now()
    return {
        "answered_at": now,
        "remote_state": answer.state,
        "remote_state_at": now,
        "remote_state_source": "track",
        "is_enrolled": answer.is_enrolled,
        "rule_ids": [attributes.printable(rule, 64) for rule in answer.rule_ids],
    }


def _retry_after(error: Unavailable) -> int:
    return max(1, round(error.retry_after or RETRY_SECONDS))
