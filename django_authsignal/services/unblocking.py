"""An operator lifts a block into a new challenge. Nothing is approved: the same person, in the same browser and login,
may send the same request again and must then pass a challenge (T67, A39).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import router, transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from django_authsignal import attributes, connection, signals
from django_authsignal.claims import Claim
from django_authsignal.client import Action, AuthsignalError, State, Tracked, Unavailable, UnexpectedAnswer
from django_authsignal.conf import app_settings
from django_authsignal.models import ActionEvent, TrackedAction
from django_authsignal.services import alarms, asking
from django_authsignal.services.reports import LIFT, is_ours
from django_authsignal.statuses import LIVE, SKEW, Status

__all__ = ["Lift", "Result", "lift", "obstacle"]

logger = logging.getLogger("django_authsignal")

BLOCKED = ("block", "review")
"""The reasons of refusals that are the service's own decision."""
FIRST_ANSWERS = (State.BLOCK, State.REVIEW_REQUIRED, State.CHALLENGE_REQUIRED, State.ALLOW)
MOST_AGE = timedelta(hours=24)


class Result(StrEnum):
    """How it went: LIFTED, or why not."""

    LIFTED = "lifted"
    NOT_BLOCKED = "not_blocked"
    TOO_OLD = "too_old"
    NO_USER = "no_user"
    OWN = "own"
    """Nobody lifts a block of their own."""
    ELSEWHERE = "elsewhere"
    """Tracked with another environment or tenant."""
    ALREADY = "already"
    BUSY = "busy"
    """The user has a challenge or an approval for this very request, or as many others as anybody may have."""
    UNENROLLED = "unenrolled"
    """The user has nothing to pass a challenge with."""
    UNAVAILABLE = "unavailable"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Lift:
    """How it went, and the new row if there is one."""

    result: Result
    row: TrackedAction | None = None


def obstacle(row: TrackedAction, operator: Any) -> Result | None:
    """What keeps *operator* from lifting *row*, as far as the row itself can tell."""
    user = row.user
    if row.status != Status.REFUSED or row.reason not in BLOCKED or not row.enforced:
        return Result.NOT_BLOCKED
    if row.created_at < timezone.now() - MOST_AGE:
        return Result.TOO_OLD
    if user is None or not getattr(user, "is_active", True):
        return Result.NO_USER
    if user.pk == operator.pk:
        return Result.OWN
    return None if is_ours(row) else Result.ELSEWHERE


def lift(row: TrackedAction, operator: Any, why: str, site_url: str) -> Lift:
    """Track *row*'s action anew and, if the service makes a challenge of it, let that wait for the user.

    *site_url* is our own origin: the hosted page leads back there. Raises RuntimeError inside an open transaction.
    """
    if found := obstacle(row, operator) or _taken(row):
        return Lift(found)
    new = TrackedAction.objects.begin(_claim(row), enforced=True)
    result = _attempt(row, new, f"operator {operator.pk}: {why}", site_url)
    logger.warning("operator %s lifts the block of %r %s: %s", operator.pk, row.action, row.idempotency_key, result)
    return Lift(result, new)


def _taken(row: TrackedAction) -> Result | None:
    """Whether this was done before, or the user has a live row for the same request: there can be only one."""
    if _lifts(row).exists():
        return Result.ALREADY
    rows = TrackedAction.objects.current().filter(user=row.user, channel=row.channel, action=row.action)
    live = rows.filter(route=row.route, binding=row.binding, status__in=LIVE, enforced=True)
    now = timezone.now()
    live.filter(expires_at__lte=now).end(Status.VOID, "expired")
    open_ones, _unpassed = TrackedAction.objects.challenge_counts(row.user_id, now)
    return Result.BUSY if live.exists() or open_ones >= asking.MOST_LIVE else None


def _lifts(row: TrackedAction) -> QuerySet[ActionEvent]:
    events = ActionEvent.objects.using(router.db_for_write(ActionEvent))
    return events.filter(action=row, kind=ActionEvent.Kind.LIFTED)


def _claim(row: TrackedAction) -> Claim:
    """What only the blocked request itself can claim again."""
    return Claim(
        user_pk=row.user_id,
        authsignal_user_id=row.authsignal_user_id,
        tenant=row.tenant,
        environment=row.environment,
        action=row.action,
        route=row.route,
        method=row.method,
        bindings=(row.binding,),
        channels=(row.channel,),
        auth_hashes=(row.auth_hash,),
    )


def _attempt(row: TrackedAction, new: TrackedAction, note: str, site_url: str) -> Result:
    """Whatever goes wrong ends *new*: nothing opens."""
    try:
        answer = _track(new, site_url)
        if answer.state not in FIRST_ANSWERS:  # a fresh key cannot have been passed or judged already (T1)
            return _anomaly(new, f"first answer {answer.state}")
        if not answer.is_enrolled:
            new.end(Status.REFUSED, "unenrolled", _facts(answer, answer.state, None))
            return Result.UNENROLLED
        changed = _demand_challenge(new)
    except Unavailable as error:
        new.end(Status.VOID, "unavailable")
        new.note(ActionEvent.Kind.OUTAGE, str(error))
        return Result.UNAVAILABLE
    except AuthsignalError as error:
        return _anomaly(new, error)
    if changed.state is not State.CHALLENGE_REQUIRED:
        return _anomaly(new, f"asked for a challenge, answered {changed.state}")
    return _open(row, new, _facts(answer, changed.state, changed.state_updated_at), note)


def _track(new: TrackedAction, site_url: str) -> Tracked:
    """The service hears nothing of the operator's own browser; the user's tells it more when it comes."""
    back = site_url + reverse("authsignal:return", args=[new.idempotency_key])
    payload = {"idempotencyKey": str(new.idempotency_key), "redirectUrl": back}
    answer = connection.get_client().track_action(new.authsignal_user_id, new.action, payload)
    if answer.idempotency_key != str(new.idempotency_key):
        raise UnexpectedAnswer("POST", "/users/{}/actions/{}", "the answer is about another idempotency key")
    return answer


def _demand_challenge(new: TrackedAction) -> Action:
    """Also of what the rules would allow by now: lifting a block never lets anything through."""
    client, key = connection.get_client(), str(new.idempotency_key)
    return client.update_action(new.authsignal_user_id, new.action, key, State.CHALLENGE_REQUIRED)


def _open(row: TrackedAction, new: TrackedAction, facts: Mapping[str, Any], note: str) -> Result:
    """*new* waits for the user. Of two operators at once, one wins."""
    waits = new.challenge(facts, timezone.now() + app_settings.CHALLENGE_TTL)
    with transaction.atomic(using=router.db_for_write(TrackedAction)):
        # On every database, an UPDATE makes the other one wait.
        TrackedAction.objects.current().filter(pk=row.pk).update(reason=row.reason)
        first = not _lifts(row).exists()
        if waits and first:
            row.note(ActionEvent.Kind.LIFTED, note)
    if not waits or not first:
        new.end(Status.VOID, "superseded")
        return Result.BUSY if first else Result.ALREADY
    new.note(ActionEvent.Kind.LIFTED, note)
    signals.announce(signals.step_up_challenged, new)
    return Result.LIFTED


def _anomaly(new: TrackedAction, problem: AuthsignalError | str) -> Result:
    new.end(Status.VOID, "upstream_error")
    alarms.alarm(new, problem)
    return Result.ERROR


def _facts(answer: Tracked, state: State, at: datetime | None) -> dict[str, Any]:
    now = timezone.now()
    return {
        "answered_at": now,
        "remote_state": state,
        "remote_state_at": at if at and at <= now + SKEW else now,
        "remote_state_source": LIFT,
        "is_enrolled": answer.is_enrolled,
        "rule_ids": [attributes.printable(rule, 64) for rule in answer.rule_ids],
    }
