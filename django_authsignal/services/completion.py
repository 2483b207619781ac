"""The way back from the hosted page: the browser's return is a hint, the row and the service's answer decide (T2)."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.core import signing
from django.db import Error
from django.http import HttpRequest
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from django_authsignal import attributes, connection, sessions, signals
from django_authsignal.client import AuthsignalError, State, Unavailable, Validation
from django_authsignal.conf import app_settings
from django_authsignal.models import ActionEvent, TrackedAction
from django_authsignal.services import alarms
from django_authsignal.services.pages import own_page
from django_authsignal.services.question import is_signed_in
from django_authsignal.services.reports import is_ours
from django_authsignal.statuses import SKEW, Status

__all__ = ["Completion", "Result", "complete", "status", "status_capability", "validate"]

logger = logging.getLogger("django_authsignal")

TOKEN_LIMIT = 4096
STATUS_SALT = "django_authsignal.status"


class Result(StrEnum):
    """How a return ended."""

    APPROVED = "approved"
    PENDING = "pending"
    """Came back without passing: the challenge can be tried again."""
    REFUSED = "refused"
    EXPIRED = "expired"
    """Expired, foreign or unknown: one answer, so that keys cannot be probed (T35)."""
    UNAVAILABLE = "unavailable"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Completion:
    """How a return ended and where to go on."""

    result: Result
    path: str = ""
    """APPROVED: the page that the row remembers; '' for a request that only the first tab can send again."""
    retry_url: str = ""
    """PENDING: where the same challenge can be tried again."""


@sensitive_variables("token")
def complete(request: HttpRequest, key: uuid.UUID, token: str) -> Completion:
    """Approve the row *key* of this user and browser if the service says that its challenge was passed.

    Writes no session, and changes nothing on a repeated return.
    """
    try:
        if not is_signed_in(request):
            return Completion(Result.EXPIRED)
        row = TrackedAction.objects.returning(request.user.pk, sessions.channels(request), key)
        return _complete(request, row, token) if row else Completion(Result.EXPIRED)
    except Error:
        logger.exception("a return could not be completed")
        return Completion(Result.UNAVAILABLE)


@sensitive_variables("token")
def _complete(request: HttpRequest, row: TrackedAction, token: str) -> Completion:
    page = own_page(row.return_path)
    if row.status in (Status.APPROVED, Status.SPENT):
        return Completion(Result.APPROVED, page)
    same_login = row.auth_hash in sessions.auth_hashes(request.user)
    if row.status == Status.REFUSED:
        return Completion(Result.REFUSED)
    if row.status != Status.PENDING or not row.is_fresh(timezone.now()) or not is_ours(row) or not same_login:
        return Completion(Result.EXPIRED)
    result = validate(row, token) if token else Result.PENDING
    if result is Result.PENDING:
        hosted = sessions.recall_hosted_url(request, str(row.idempotency_key))
        return Completion(result, retry_url=page or hosted)
    return Completion(result, page if result is Result.APPROVED else "")


@sensitive_variables("token")
def validate(row: TrackedAction, token: str) -> Result:
    """Ask the service whether *token* passed the challenge of *row*, which is pending and fresh; approve it if so."""
    if len(token) > TOKEN_LIMIT:
        return Result.PENDING
    try:
        answer = connection.get_client().validate_challenge(token, user_id=row.authsignal_user_id, action=row.action)
    except Unavailable as error:
        alarms.outage(row, error)
        return Result.UNAVAILABLE
    except AuthsignalError as error:
        alarms.alarm(row, error)
        return Result.ERROR
    return _judge(row, answer)


def _judge(row: TrackedAction, answer: Validation) -> Result:
    """Only a genuine success, about this very row, approves it."""
    echoed = (answer.user_id, answer.action, answer.idempotency_key)
    if echoed != (row.authsignal_user_id, row.action, str(row.idempotency_key)):
        row.note(ActionEvent.Kind.NOT_VERIFIED, "the token is not this action's")
        return Result.PENDING
    now = timezone.now()
    passed_at = answer.state_updated_at or now
    if answer.is_valid is True and answer.state is State.CHALLENGE_SUCCEEDED:
        if passed_at < row.created_at - SKEW:
            return _refuse(row, answer, now, "stale")  # an old success under a new key (T1)
        return _approve(row, answer, now, min(now, passed_at))
    if answer.state is State.CHALLENGE_REQUIRED:
        row.note(ActionEvent.Kind.NOT_VERIFIED)
        return Result.PENDING
    return _refuse(row, answer, now, "challenge")


def _approve(row: TrackedAction, answer: Validation, now: datetime, approved_at: datetime) -> Result:
    if row.approve(_facts(answer, now), approved_at, app_settings.APPROVAL_TTL):
        signals.announce(signals.step_up_approved, row)
        return Result.APPROVED
    # A second load of the same return was first, or the row ended meanwhile.
    won = TrackedAction.objects.current().filter(pk=row.pk, status__in=(Status.APPROVED, Status.SPENT)).exists()
    return Result.APPROVED if won else Result.EXPIRED


def _refuse(row: TrackedAction, answer: Validation, now: datetime, reason: str) -> Result:
    if row.end(Status.REFUSED, reason, _facts(answer, now)):
        signals.announce(signals.step_up_refused, row)
    return Result.REFUSED


def _facts(answer: Validation, now: datetime) -> dict[str, object]:
    return {
        "remote_state": answer.state or "",
        "remote_state_at": answer.state_updated_at or now,
        "remote_state_source": "validate",
        "verification_method": attributes.printable(answer.verification_method or "", 32),
    }


def status_capability(key: uuid.UUID) -> str:
    """A signed, expiring permission to ask how the row *key* stands."""
    return signing.TimestampSigner(salt=STATUS_SALT).sign(str(key))


def status(capability: str) -> str | None:
    """One word on the row that *capability* names; None for a capability that is forged or too old."""
    lifetime = app_settings.CHALLENGE_TTL + app_settings.APPROVAL_TTL
    try:
        key = signing.TimestampSigner(salt=STATUS_SALT).unsign(capability, max_age=lifetime)
    except signing.BadSignature:
        return None
    try:
        row = TrackedAction.objects.current().filter(idempotency_key=key).first()
    except Error:
        logger.exception("a status could not be read")
        return Result.UNAVAILABLE
    if row is None or row.status == Status.VOID:
        return Result.EXPIRED
    if row.status in (Status.SPENT, Status.REFUSED):
        return row.status
    if row.status != Status.CREATED and not row.is_fresh(timezone.now()):
        return Result.EXPIRED
    return Result.APPROVED if row.status == Status.APPROVED else Result.PENDING
