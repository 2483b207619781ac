"""Webhooks that were received: that they were, and what they did. Never what they said."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_authsignal.client.wire import ID_LIMIT

__all__ = ["WebhookEvent"]


class WebhookEvent(models.Model):
    """One event of the service, recorded once, in the transaction of its effect (T56)."""

    class Outcome(models.TextChoices):
        """What the event did."""

        RECORDED = "recorded", _("recorded")
        REVOKED = "revoked", _("took an unfinished action back")

    tenant = models.CharField(_("tenant"), max_length=ID_LIMIT, blank=True)
    event_id = models.CharField(_("event id"), max_length=ID_LIMIT)
    type = models.CharField(_("type"), max_length=ID_LIMIT)
    occurred_at = models.DateTimeField(_("occurred at"))
    received_at = models.DateTimeField(_("received at"))
    outcome = models.CharField(_("outcome"), max_length=8, choices=Outcome.choices, default=Outcome.RECORDED)

    class Meta:
        verbose_name = _("webhook event")
        verbose_name_plural = _("webhook events")
        constraints = [models.UniqueConstraint(fields=["event_id", "tenant"], name="authsignal_event_once")]

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"
