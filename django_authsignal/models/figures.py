"""Figures per day, so that a dashboard reads a few hundred rows and not millions."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

__all__ = ["DailyFigure"]


class DailyFigure(models.Model):
    """One number about one day (UTC) in one environment. ``authsignal_sync`` keeps them."""

    class Name(models.TextChoices):
        """What was counted or measured."""

        OUTCOME = "outcome", _("decisions")
        """Enforced decisions; the label is the outcome: "allowed", "verified", "pending", or why not."""
        CHALLENGES = "challenges", _("challenges")
        """The label is "started" or "passed"."""
        MEDIAN_SECONDS = "median_seconds", _("median time to verify, in seconds")
        RULE = "rule", _("rules that matched")
        """The label is the rule's id."""
        OUTAGES = "outages", _("actions that Authsignal could not be asked about")

    environment = models.CharField(_("environment"), max_length=8)
    day = models.DateField(_("day"))
    name = models.CharField(_("name"), max_length=16, choices=Name.choices)
    label = models.CharField(_("label"), max_length=64, blank=True)
    value = models.FloatField(_("value"))
    as_of = models.DateTimeField(_("as of"))

    class Meta:
        verbose_name = _("daily figure")
        verbose_name_plural = _("daily figures")
        constraints = [
            models.UniqueConstraint(fields=["environment", "day", "name", "label"], name="authsignal_daily_figure")
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.name} {self.label}".rstrip()
