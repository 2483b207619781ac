"""Ninety days of history that might have been, the same for every run: for tests, and for pictures of the admin."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.utils import timezone

from django_authsignal.models import TrackedAction
from django_authsignal.statuses import Status

WEEK = (1.0, 1.05, 1.1, 1.05, 0.95, 0.5, 0.4)
OUTAGE = (12, 11)
"""How many days ago the service was down."""
NEW_RULE = 25
"""How many days ago a rule for payees came into use: more challenges, more blocks."""
ACTIONS = ("withdrawFunds", "changeEmail", "addPayee", "exportStatement")
METHODS = ("PASSKEY", "PASSKEY", "AUTHENTICATOR_APP", "SMS")


def seed_history(days: int = 90, per_day: int = 40, seed: int = 1, user=None, now: datetime | None = None) -> int:
    """Insert about *per_day* rows for each of the last *days* days, today included; returns how many."""
    chance, now = random.Random(seed), now or timezone.now()
    rows = [
        make(chance, ago, at, now, user)
        for ago in range(days - 1, -1, -1)
        for at in moments(chance, now - timedelta(days=ago), round(per_day * (1 + (days - ago) / days / 2)), now)
    ]
    TrackedAction.objects.bulk_create(rows, batch_size=500)
    return len(rows)


def moments(chance: random.Random, day: datetime, count: int, now: datetime) -> Iterator[datetime]:
    """Moments of one day that have passed, most of them in the daytime."""
    midnight = day.replace(hour=0, minute=0, second=0, microsecond=0)
    for _ in range(round(count * WEEK[day.weekday()] * chance.uniform(0.85, 1.15))):
        at = midnight + timedelta(seconds=min(86_399, max(0, chance.gauss(13.5, 4) * 3600)))
        if at < now - timedelta(seconds=1):
            yield at


def make(chance: random.Random, ago: int, at: datetime, now: datetime, user) -> TrackedAction:
    answered, newer = at + timedelta(seconds=chance.uniform(0.1, 0.4)), ago < NEW_RULE
    action, draw = chance.choice(ACTIONS), chance.random()
    row = TrackedAction(
        user=user,
        authsignal_user_id=str(user.pk) if user else f"customer-{chance.randrange(500)}",
        environment="sandbox",
        action=action,
        idempotency_key=uuid.UUID(int=chance.getrandbits(128), version=4),
        method="POST",
        route=f"bank:{action}",
        binding=f"v1:{chance.getrandbits(64):x}",
        channel="v1:channel",
        auth_hash="v1:auth",
        is_enrolled=True,
        remote_state_source="track",
        created_at=at,
        answered_at=answered,
    )
    if ago in OUTAGE and draw < 0.45:
        return ended(row, "void", "unavailable", at + timedelta(seconds=8))
    if draw < 0.03 + 0.04 * newer:
        row.remote_state, row.rule_ids = "BLOCK", ["block-new-payee" if newer else "block-anonymous-proxy"]
        return ended(row, "refused", "block", answered)
    if draw < 0.09:
        row.remote_state, row.is_enrolled = "ALLOW", False
        return ended(row, "refused", "unenrolled", answered)
    if draw < (0.6 if newer else 0.68):
        row.remote_state, row.rule_ids = "ALLOW", ["allow-small-amounts"] * (draw < 0.4)
        row.status, row.spent_at = Status.SPENT, answered
        return row
    return challenged(row, chance, now, newer)


def challenged(row: TrackedAction, chance: random.Random, now: datetime, newer: bool) -> TrackedAction:
    rules = ["challenge-large-amounts", "challenge-new-device"] + ["challenge-new-payee"] * (2 * newer)
    row.remote_state, row.rule_ids = "CHALLENGE_REQUIRED", [chance.choice(rules)]
    row.expires_at = row.answered_at + timedelta(seconds=600)
    draw, seconds = chance.random(), chance.lognormvariate(3.1 if newer else 3.4, 0.5)
    passed = row.answered_at + timedelta(seconds=seconds)
    if passed > now:
        row.status = Status.PENDING
    elif draw < 0.05:
        row.remote_state = "CHALLENGE_FAILED"
        return ended(row, "refused", "challenge", passed)
    elif draw < 0.13:
        return ended(row, "void", "expired", row.expires_at)
    else:
        row.remote_state, row.remote_state_source, row.remote_state_at = "CHALLENGE_SUCCEEDED", "validate", passed
        row.verification_method = chance.choice(METHODS)
        row.status, row.approved_at, row.spent_at = Status.SPENT, passed, passed + timedelta(seconds=1.2)
    return row


def ended(row: TrackedAction, status: str, reason: str, at: datetime) -> TrackedAction:
    row.status, row.reason, row.ended_at = status, reason, at
    return row
