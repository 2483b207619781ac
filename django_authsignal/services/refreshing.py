"""An operator asks the service how one action stands. The answer is recorded as its word; it never grants."""

from __future__ import annotations

import logging
from typing import Any

from django.db import router
from django.utils import timezone

from django_authsignal import connection
from django_authsignal.client import State
from django_authsignal.models import ActionEvent, TrackedAction
from django_authsignal.querysets import committed
from django_authsignal.services.reports import Report, take

__all__ = ["refresh"]

logger = logging.getLogger("django_authsignal")


def refresh(row: TrackedAction, operator: Any) -> State:
    """Record what the service says of *row*, which is ours, now.

    Raises AuthsignalError when it says nothing, and RuntimeError inside an open transaction.
    """
    answer = connection.get_client().get_action(row.authsignal_user_id, row.action, str(row.idempotency_key))
    at = answer.state_updated_at or timezone.now()
    report = Report(row.authsignal_user_id, row.action, row.idempotency_key, answer.state, at)
    with committed(router.db_for_write(TrackedAction)):
        take(report, "operator")
        row.note(ActionEvent.Kind.REFRESHED, f"operator {operator.pk}: {answer.state}")
    logger.info("operator %s asked about action %r %s", operator.pk, row.action, row.idempotency_key)
    return answer.state
