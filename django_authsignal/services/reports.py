"""What the service says later about an action, by webhook, sync or an operator's question: recorded as its word.

A report never grants. It may take back: a veto ends a row that is not spent yet, and shuts the window of one that is.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from django.db import router
from django.utils import timezone

from django_authsignal import attributes, connection, signals
from django_authsignal.client import Event
from django_authsignal.conf import app_settings
from django_authsignal.models import ActionEvent, TrackedAction
from django_authsignal.prepared import Given, PreparedUpdate
from django_authsignal.querysets import TrackedActionQuerySet
from django_authsignal.statuses import HARMLESS, SKEW, Status, Word

if TYPE_CHECKING:
    from django.db.models import Field

__all__ = ["LIFT", "Effect", "Report", "is_ours", "rows_of", "take"]

STATE_LIMIT = 32
LIFT = "lift"
"""The source of what the service said when an operator lifted a block."""


class Effect(StrEnum):
    """What a report changed here."""

    NOTHING = "nothing"
    """It is no news, or about an action that is not here: a webhook never makes a row (F28)."""
    RECORDED = "recorded"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Report:
    """One action, as the service says it stands."""

    authsignal_user_id: str
    action: str
    key: uuid.UUID
    state: str
    at: datetime
    """When it came into that state, by the service's clock."""

    @classmethod
    def of(cls, event: Event) -> Report | None:
        """The report in a webhook about an action; None when it names none of a kind that we could have tracked."""
        try:
            key = uuid.UUID(event.text("idempotencyKey"))
        except ValueError:
            return None
        action = event.text("actionCode") or event.text("action")
        at = event.moment("stateUpdatedAt") or event.time
        return cls(event.text("userId"), action, key, event.text("state"), at)


def is_ours(row: TrackedAction) -> bool:
    """Whether the service that this process speaks to is the one that *row* was tracked with (T48)."""
    return (row.environment, row.tenant) == (connection.environment(), app_settings.TENANT_ID)


def rows_of(authsignal_user_id: str, action: str, key: uuid.UUID) -> TrackedActionQuerySet:
    """The one row of this identity in our environment and tenant, or none."""
    return _rows(connection.environment(), app_settings.TENANT_ID, authsignal_user_id, action, key)


def _rows(environment: str, tenant: str, authsignal_user_id: Any, action: Any, key: Any) -> TrackedActionQuerySet:
    return TrackedAction.objects.current().filter(
        idempotency_key=key,
        authsignal_user_id=authsignal_user_id,
        action=action,
        environment=environment,
        tenant=tenant,
    )


def take(report: Report, source: str) -> Effect:
    """Record *report*, and take back what it vetoes. *source* is 'webhook', 'sync' or 'operator'.

    To be called in a transaction. What is taken back goes first: a row that is being spent meanwhile is spent or
    refused when its word is recorded, and a veto of a spent row shuts its window.
    """
    state = attributes.printable(report.state, STATE_LIMIT)
    if not state or state in HARMLESS:
        return Effect.RECORDED if state and _hear(report, state, source) else Effect.NOTHING
    # A veto ends an unfinished row whatever its time: no order of messages and no clock can hide it.
    rows = rows_of(report.authsignal_user_id, report.action, report.key)
    # Only a lift outweighs what was said before it: the block that it lifted.
    revoked = rows.exclude(remote_state_source=LIFT, remote_state_at__gt=report.at).end(Status.REFUSED, "revoked")
    news = _hear(report, state, source)
    if not revoked:
        return Effect.RECORDED if news else Effect.NOTHING
    row = rows.get()
    row.note(ActionEvent.Kind.REVOKED, f"{source}: {state}")
    signals.announce(signals.step_up_refused, row)
    return Effect.REVOKED


def _hear(report: Report, state: str, source: str) -> int:
    now = timezone.now()
    hearing = _hearing(connection.environment(), app_settings.TENANT_ID, router.db_for_write(TrackedAction))
    return hearing[Word.of(state)].run(
        authsignal_user_id=report.authsignal_user_id,
        action=report.action,
        idempotency_key=report.key,
        remote_state=state,
        # A time that cannot be would outlast every later word.
        remote_state_at=report.at if report.at <= now + SKEW else now,
        remote_state_source=source,
    )


@cache
def _hearing(environment: str, tenant: str, database: str) -> dict[Word, PreparedUpdate]:
    """The UPDATE that records a word of each kind."""

    def given(name: str) -> Given:
        return Given(name, cast("Field[Any, Any]", TrackedAction._meta.get_field(name)))

    rows = _rows(environment, tenant, given("authsignal_user_id"), given("action"), given("idempotency_key"))
    heard = {name: given(name) for name in ("remote_state", "remote_state_at", "remote_state_source")}
    news = {word: rows.not_heard(heard["remote_state"], heard["remote_state_at"], word) for word in Word}
    return {word: PreparedUpdate(each.using(database), **heard) for word, each in news.items()}
