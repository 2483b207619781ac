"""What the service says later about an action, by webhook, sync or an operator's question: recorded as its word.

A report never grants. It may take back: a veto ends a row that is not spent yet, and shuts the window of one that is.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.utils import timezone

from django_authsignal import attributes, connection, signals
from django_authsignal.client import Event
from django_authsignal.conf import app_settings
from django_authsignal.models import ActionEvent, TrackedAction
from django_authsignal.querysets import TrackedActionQuerySet
from django_authsignal.statuses import HARMLESS, SKEW, Status

__all__ = ["Effect", "Report", "rows_of", "take"]

STATE_LIMIT = 32


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


def rows_of(authsignal_user_id: str, action: str, key: uuid.UUID) -> TrackedActionQuerySet:
    """The one row of this identity in our environment and tenant, or none."""
    return TrackedAction.objects.current().filter(
        idempotency_key=key,
        authsignal_user_id=authsignal_user_id,
        action=action,
        environment=connection.environment(),
        tenant=app_settings.TENANT_ID,
    )


def take(report: Report, source: str) -> Effect:
    """Record *report*, and take back what it vetoes. *source* is 'webhook', 'sync' or 'operator'."""
    rows = rows_of(report.authsignal_user_id, report.action, report.key)
    state = attributes.printable(report.state, STATE_LIMIT)
    if not state:
        return Effect.NOTHING
    now = timezone.now()
    # A time that cannot be would outlast every later word.
    news = rows.hear(state, report.at if report.at <= now + SKEW else now, source)
    if state not in HARMLESS and rows.end(Status.REFUSED, "revoked"):
        row = rows.get()
        row.note(ActionEvent.Kind.REVOKED, f"{source}: {state}")
        signals.announce(signals.step_up_refused, row)
        return Effect.REVOKED
    return Effect.RECORDED if news else Effect.NOTHING
