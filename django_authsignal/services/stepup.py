"""Decide whether one request may go on: window, look, cap, ask.

The order of writes is the promise: a row is committed before the service hears of it, and a spend is committed
before the view runs. Whatever crashes in between, nothing goes on unapproved and nothing goes on twice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import Error
from django.forms.utils import pretty_name
from django.http import HttpRequest
from django.utils import timezone

from django_authsignal import connection, sessions, signals
from django_authsignal.bearers import Bearer
from django_authsignal.claims import Claim
from django_authsignal.models import ActionEvent, TrackedAction
from django_authsignal.policy import ANSWERED_BY_GATE, StepUpPolicy
from django_authsignal.services import asking
from django_authsignal.services.completion import Result, validate
from django_authsignal.services.decision import Decision, Outcome
from django_authsignal.services.question import Bind, Question, is_authenticated, is_signed_in, question
from django_authsignal.sessions import Window
from django_authsignal.statuses import GRANTING, LIVE, SKEW, Status

__all__ = ["fitting_window", "require", "unfinished", "watch"]

logger = logging.getLogger("django_authsignal")


def require(
    request: HttpRequest,
    policy: StepUpPolicy,
    bind: Bind = None,
    bearer: Bearer | None = None,
    *,
    of_login: bool = False,
) -> Decision:
    """Decide about *request* under a resolved *policy*; spends an approval if there is one that fits.

    Raises RuntimeError inside an open transaction and ImproperlyConfigured for settings that cannot work; every fault
    of the service or the database is a decision that does not open.
    """
    if policy.report_only:
        return watch(request, policy, bind, bearer, of_login=of_login)
    try:
        if not is_signed_in(request):
            # An inactive user whom a backend lets in is not sent to log in: that page would only lead back here.
            outcome = Outcome.BLOCKED if is_authenticated(request) else Outcome.LOGIN
            return Decision(outcome=outcome, action_code=policy.action, bearer=bearer)
        if request.method in ANSWERED_BY_GATE:
            return Decision(outcome=Outcome.INVALID, action_code=policy.action)
        if bearer is None and _in_window(request, policy):
            return Decision(outcome=Outcome.ALLOWED, action_code=policy.action, reason="window")
        asked = question(request, policy, bind, bearer, of_login=of_login)
        return _from_rows(asked) or asking.ask(asked)
    except ValidationError as error:
        return Decision(outcome=Outcome.INVALID, action_code=policy.action, details=tuple(_messages(error)))
    except Error:
        logger.exception("action %r could not be decided", policy.action)
        return Decision(
            outcome=Outcome.UNAVAILABLE,
            action_code=policy.action,
            reason="database",
            retry_after=asking.RETRY_SECONDS,
        )


def _messages(error: ValidationError) -> Iterator[str]:
    """What was wrong, each with the name of its field where it has one."""
    if not hasattr(error, "error_dict"):
        yield from error.messages
        return
    for field, messages in error.message_dict.items():
        name = "" if field == NON_FIELD_ERRORS else f"{pretty_name(field)}: "
        yield from (f"{name}{message}" for message in messages)


def unfinished(decision: Decision) -> None:
    """Note that the request went on but its view raised: the approval stays spent (K7)."""
    rows = TrackedAction.objects.current().filter(action=decision.action_code)
    try:
        if decision.key and (row := rows.filter(idempotency_key=decision.key).first()):
            row.note(ActionEvent.Kind.UNFINISHED)
    except Error:  # the view's own error is the one to tell
        logger.exception("action %r: that its view did not finish could not be recorded", decision.action_code)


def watch(
    request: HttpRequest,
    policy: StepUpPolicy,
    bind: Bind = None,
    bearer: Bearer | None = None,
    *,
    of_login: bool = False,
) -> Decision:
    """Track and record, stop nothing, whatever goes wrong: report-only mode and the audit trail."""
    try:
        if is_signed_in(request):
            asking.observe(question(request, policy, bind, bearer, of_login=of_login))
    except Exception:  # to watch must never stop a request, whatever is wrong
        logger.exception("report-only: action %r could not be tracked", policy.action)
    return Decision(outcome=Outcome.ALLOWED, action_code=policy.action, reason="report_only")


def _in_window(request: HttpRequest, policy: StepUpPolicy) -> bool:
    """Whether this session holds a window for *this* policy; with ``recheck``, one whose row still says so."""
    window = fitting_window(request, policy)
    return window is not None and (not policy.recheck or _still_granted(request.user.pk, window.row_pk))


def fitting_window(request: HttpRequest, policy: StepUpPolicy) -> Window | None:
    """This session's window for the action, if its age, outcome and method satisfy *policy*. No query, no effect."""
    if policy.max_age is None:
        return None
    window = sessions.current_window(request, policy.action, connection.environment())
    if window is None or not -SKEW.total_seconds() <= window.age < policy.max_age:
        return None
    if window.outcome != "challenge":
        return window if policy.minimum == "allow" else None
    return window if policy.accepts(window.verification_method) else None


def _still_granted(user_pk: Any, row_pk: int) -> bool:
    """Whether the row that opened the window still says so; a revocation changes its remote state (T16)."""
    rows = TrackedAction.objects.current()
    return rows.filter(pk=row_pk, user_id=user_pk, status=Status.SPENT, remote_state__in=GRANTING).exists()


def _from_rows(asked: Question) -> Decision | None:
    """What the rows already say: spent before, approved, or a challenge still pending. None: the service is asked."""
    claim = asked.claim
    rows = TrackedAction.objects.look(claim, spent=asked.of_login)
    if asked.of_login and any(_is_passed_login(row, claim) for row in rows):
        return asked.decided(Outcome.ALLOWED, reason="passed")
    named = next((row for row in rows if row.idempotency_key == claim.key), None)
    if named and named.binding not in claim.bindings:
        named.note(ActionEvent.Kind.MISMATCH)
    elif named and named.status == Status.SPENT:
        return asked.decided(Outcome.ALREADY_USED, named)
    live = next((row for row in rows if row.status in LIVE and row.binding in claim.bindings), None)
    if live is None:
        return None
    fresh = live.is_fresh(timezone.now())
    if not fresh or not live.fits(claim):
        live.end(Status.VOID, "changed" if fresh else "expired")
        return None
    if live.status == Status.PENDING and asked.bearer and asked.bearer.token:
        result = validate(live, asked.bearer.token)
        if result is not Result.APPROVED:
            return _not_passed(asked, live, result)
    return _spend(asked, live) if live.status == Status.APPROVED else asking.resume(asked, live)


def _is_passed_login(row: TrackedAction, claim: Claim) -> bool:
    """Whether *row* is this very login's step-up, spent by another request of the session a moment ago."""
    granted = row.remote_state in GRANTING
    return row.status == Status.SPENT and granted and row.fits(claim)


def _not_passed(asked: Question, row: TrackedAction, result: Result) -> Decision | None:
    """The token that a caller without a session brought did not pass the challenge."""
    match result:
        case Result.PENDING:
            return asking.resume(asked, row)
        case Result.REFUSED:
            return asked.decided(Outcome.BLOCKED, row, reason="challenge")
        case Result.UNAVAILABLE:
            return asked.decided(Outcome.UNAVAILABLE, row, retry_after=asking.RETRY_SECONDS)
        case Result.ERROR:
            return asked.decided(Outcome.UPSTREAM_ERROR, row)
    return None


def _spend(asked: Question, row: TrackedAction) -> Decision | None:
    policy = asked.policy
    if not policy.accepts(row.verification_method):
        row.end(Status.REFUSED, "verification_method")
        signals.announce(signals.step_up_refused, row)
        return asked.decided(Outcome.BLOCKED, row, reason="verification_method")
    if not row.spend(asked.claim):
        if TrackedAction.objects.current().filter(pk=row.pk, status=Status.SPENT).exists():
            # Somebody else was first; of a login, that lets every request of it pass.
            outcome = Outcome.ALLOWED if asked.of_login else Outcome.ALREADY_USED
            return asked.decided(outcome, row, reason="passed" if asked.of_login else "")
        row.end(Status.VOID, "withdrawn")
        return None
    return asking.grant(asked, row, "challenge")
