"""The states a row can stand in, and which of them mean what."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum

from django.db import models
from django.utils.translation import pgettext_lazy

from django_authsignal.client import State

__all__ = ["GRANTING", "HARMLESS", "LIVE", "SKEW", "UNFINISHED", "Status", "Word"]

SKEW = timedelta(seconds=120)
"""How far two clocks may disagree before a time counts as impossible (T70)."""


class Status(models.TextChoices):
    """Where an action stands, in our own words."""

    CREATED = "created", pgettext_lazy("status of an action", "created")
    PENDING = "pending", pgettext_lazy("status of an action", "challenge pending")
    APPROVED = "approved", pgettext_lazy("status of an action", "approved")
    SPENT = "spent", pgettext_lazy("status of an action", "spent")
    REFUSED = "refused", pgettext_lazy("status of an action", "refused")
    VOID = "void", pgettext_lazy("status of an action", "void")


LIVE = (Status.PENDING, Status.APPROVED)
"""Rows that can still be spent; at most one for the same request."""
UNFINISHED = (Status.CREATED, *LIVE)

GRANTING = (State.ALLOW, State.CHALLENGE_SUCCEEDED)
"""What the service must have said last of a spent row for its window to count."""
HARMLESS = (*GRANTING, State.CHALLENGE_REQUIRED, State.REVIEW_SUCCEEDED)
"""What the service may say of an unfinished row without ending it; every other word, known or not, is a veto."""


class Word(Enum):
    """What the service's later word about an action amounts to."""

    GRANTS = "grants"
    OPEN = "open"
    """Neither: a challenge to be passed, a review that went well."""
    VETOES = "vetoes"

    @classmethod
    def of(cls, state: str) -> Word:
        """The kind of *state*, known or not."""
        return cls.GRANTS if state in GRANTING else cls.OPEN if state in HARMLESS else cls.VETOES
