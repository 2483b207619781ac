"""Webhooks: verified before anything else is done with them, recorded once, and never a grant."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db import IntegrityError, router
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from django_authsignal import attributes, signals
from django_authsignal.client import Event, UnexpectedAnswer, webhooks
from django_authsignal.client.signature import verify
from django_authsignal.conf import app_settings
from django_authsignal.models import TrackedAction, WebhookEvent
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
    fresh = events if len(events) == 1 else _not_known(events)
    refusals = [answer for event in fresh if (answer := _act(event)) is not Answer.ACCEPTED]
    return refusals[0] if refusals else Answer.ACCEPTED


def _not_known(events: Iterable[Event]) -> list[Event]:
    """The events of a batch that are not recorded yet: one query for a batch that is sent again."""
    by_id = {event.id: event for event in events if event.type not in MESSAGES}
    known = (
        WebhookEvent.objects.using(router.db_for_write(WebhookEvent))
        .filter(event_id__in=list(by_id))
        .values_list("event_id", "tenant")
    )
    seen = set(known)
    return [event for event in events if (event.id, event.tenant_id) not in seen]


def _act(event: Event) -> Answer:
    if event.type == VERIFY:
        return _verify(event)
    if event.type in MESSAGES:
        return _pass_on(event)
    try:
        user = _record(event)
    except IntegrityError:
        return Answer.ACCEPTED  # recorded before
    signals.webhook_received.send_robust(sender=Event, event=event)
    if user is not None:
        signals.enrolment_changed.send_robust(
            sender=type(user),
            user=user,
            change=ABOUT_AUTHENTICATORS[event.type],
            verification_method=attributes.printable(event.text("verificationMethod"), 32),
        )
    return Answer.ACCEPTED


def _record(event: Event) -> Any | None:
    """Record *event* and its effect together; the user whose authenticators it is about, if it is.

    Raises IntegrityError for an event that was recorded before (T56), after one query.
    """
    database = router.db_for_write(WebhookEvent)
    record = WebhookEvent(
        tenant=event.tenant_id,
        event_id=event.id,
        type=event.type,
        occurred_at=event.time,
        received_at=timezone.now(),
    )
    report = Report.of(event) if event.type in ABOUT_ACTIONS else None
    with committed(database):
        record.save(force_insert=True, using=database)
        if report and take(report, "webhook") is Effect.REVOKED:
            record.outcome = WebhookEvent.Outcome.REVOKED
            record.save(update_fields=["outcome"], using=database)
        return find_user(event.text("userId")) if event.type in ABOUT_AUTHENTICATORS else None


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
    """A code on its way to its user: held in memory only, until a receiver has sent it (T59)."""
    replies = signals.webhook_received.send_robust(sender=Event, event=event)
    if replies and not any(isinstance(reply, Exception) for _receiver, reply in replies):
        return Answer.ACCEPTED
    reason = "its receiver failed" if replies else "no receiver of webhook_received is connected"
    logger.error("a webhook %s was not passed on: %s", event.type, reason)
    return Answer.NOT_SENT
