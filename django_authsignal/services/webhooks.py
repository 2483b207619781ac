"""Webhooks: verified before anything else is done with them, recorded once, and never a grant."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db import router
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from django_authsignal import attributes, signals
from django_authsignal.client import Event, UnexpectedAnswer, webhooks
from django_authsignal.client.signature import verify
from django_authsignal.conf import app_settings
from django_authsignal.models import TrackedAction, WebhookEvent
from django_authsignal.prepared import insert_once
from django_authsignal.querysets import committed
from django_authsignal.services.reports import Effect, Report, rows_of, take
from django_authsignal.services.users import find_user
from django_authsignal.statuses import LIVE, Status

__all__ = ["Answer", "deliver", "open_delivery"]

logger = logging.getLogger("django_authsignal")

ABOUT_ACTIONS = frozenset({"action.log_created"})
ABOUT_AUTHENTICATORS = {f"authenticator.{change}": change for change in ("created", "updated", "deleted")}
MESSAGES = frozenset({"email.created", "sms.created", "push.created"})
VERIFY = "action.verify"
ASKING = MESSAGES | {VERIFY}
"""Types that are not recorded: the service waits for our answer, and asks once."""
TOGETHER = 100
"""How many events share a transaction: the rows that it locks must not be locked for long."""


class Answer(StrEnum):
    """What the service is told."""

    ACCEPTED = "accepted"
    VETOED = "vetoed"
    """action.verify: the challenge must not succeed, as nobody waits for it any more."""
    NOT_SENT = "not_sent"
    """A message that nobody passed on."""


@sensitive_variables("body")
def open_delivery(body: bytes, header: str | None, now: datetime) -> tuple[Event, ...]:
    """The events of a genuine *body*, without a single query.

    Raises InvalidSignature, and UnexpectedAnswer for a body that is no webhook or is another tenant's.
    """
    secrets = (app_settings.SECRET, *app_settings.SECRET_FALLBACKS)
    verify(body, header, secrets, now.timestamp(), app_settings.WEBHOOK_TOLERANCE)
    delivery = webhooks.read(body)
    tenant = app_settings.TENANT_ID
    if tenant and any(event.tenant_id != tenant for event in delivery.events):
        raise UnexpectedAnswer("POST", "webhook", "the event is another tenant's")
    if delivery.unreadable:
        logger.error("%d records of a webhook are no events and were left out", delivery.unreadable)
    return delivery.events


def deliver(events: tuple[Event, ...]) -> Answer:
    """Act on *events*, each at most once. Raises ``django.db.Error`` when that cannot be recorded now."""
    for event, user in _record([event for event in events if event.type not in ASKING]):
        signals.webhook_received.send_robust(sender=Event, event=event)
        if user is not None:
            _announce_enrolment(event, user)
    answers = [_verify(event) if event.type == VERIFY else _pass_on(event) for event in events if event.type in ASKING]
    return next((answer for answer in answers if answer is not Answer.ACCEPTED), Answer.ACCEPTED)


def _record(events: list[Event]) -> Iterator[tuple[Event, Any | None]]:
    """Record those of *events* that are new, with their effects; each with the user whose authenticators it is about.

    A batch shares a few transactions: hundreds of them would take longer than a sender likes to wait. All of them lock
    in the same order, events before rows, so that batches that overlap wait for each other and never for ever.
    """
    fresh = events if len(events) == 1 else sorted(_not_known(events), key=lambda event: event.id)
    database = router.db_for_write(WebhookEvent)
    for start in range(0, len(fresh), TOGETHER):
        with committed(database):
            new = [event for event in fresh[start : start + TOGETHER] if insert_once(_record_of(event), database)]
            for event in sorted(new, key=lambda event: event.text("idempotencyKey")):
                _take(event, database)
            recorded = [(event, _user_of(event)) for event in new]
        yield from recorded


def _not_known(events: list[Event]) -> list[Event]:
    """The events of a batch that are not recorded yet: one query for a batch that is sent again."""
    known = set(
        WebhookEvent.objects.using(router.db_for_write(WebhookEvent))
        .filter(event_id__in={event.id for event in events})
        .values_list("event_id", "tenant")
    )
    return [event for event in events if (event.id, event.tenant_id) not in known]


def _record_of(event: Event) -> WebhookEvent:
    return WebhookEvent(
        tenant=event.tenant_id,
        event_id=event.id,
        type=event.type,
        occurred_at=event.time,
        received_at=timezone.now(),
    )


def _take(event: Event, database: str) -> None:
    """The effect of *event*, in the transaction that records it (T56)."""
    report = Report.of(event) if event.type in ABOUT_ACTIONS else None
    if report and take(report, "webhook") is Effect.REVOKED:
        recorded = WebhookEvent.objects.using(database).filter(event_id=event.id, tenant=event.tenant_id)
        recorded.update(outcome=WebhookEvent.Outcome.REVOKED)


def _user_of(event: Event) -> Any | None:
    return find_user(event.text("userId")) if event.type in ABOUT_AUTHENTICATORS else None


def _announce_enrolment(event: Event, user: Any) -> None:
    signals.enrolment_changed.send_robust(
        sender=type(user),
        user=user,
        change=ABOUT_AUTHENTICATORS[event.type],
        verification_method=attributes.printable(event.text("verificationMethod"), 32),
        source="webhook",
    )


def _verify(event: Event) -> Answer:
    """Whether a challenge may succeed now. Reads one row and writes nothing: the answer is a veto, never a grant (T58).

    An action that is not here passes, as does one that only records something (a visit to the settings page, or what
    report-only watches): nothing here waits for it.
    """
    report = Report.of(event)
    row = rows_of(report.authsignal_user_id, report.action, report.key).first() if report else None
    signals.webhook_received.send_robust(sender=Event, event=event)
    if row is None or not row.enforced or not _has_ended(row):
        return Answer.ACCEPTED
    logger.warning("action %r: a challenge was passed that nobody waits for any more (%s)", row.action, row.status)
    return Answer.VETOED


def _has_ended(row: TrackedAction) -> bool:
    """Whether *row* came to nothing, or is live and its time has passed."""
    return row.status in (Status.REFUSED, Status.VOID) or (row.status in LIVE and not row.is_fresh(timezone.now()))


def _pass_on(event: Event) -> Answer:
    """A code on its way to its user: held in memory only, until a receiver says that it has sent it (T59)."""
    replies = [reply for _receiver, reply in signals.webhook_received.send_robust(sender=Event, event=event)]
    failed = any(isinstance(reply, Exception) for reply in replies)
    if True in replies and not failed:
        return Answer.ACCEPTED
    reason = "a receiver failed" if failed else "no receiver of webhook_received returned True"
    logger.error("a webhook %s was not passed on: %s", event.type, reason)
    return Answer.NOT_SENT
