"""Long work as plain functions, for a queue to run: arguments and results are what JSON can hold.

Workers find a task by the path of its function, so give each one a home in a module of your own::

    @task  # Django's; or Celery's @shared_task
    def sync_authsignal():
        return tasks.sync(hours=24)

Each may run twice, or beside itself, and raises what went wrong, so that the queue can try again.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model

from django_authsignal.client import Unauthorized, Unavailable
from django_authsignal.conf import app_settings
from django_authsignal.services import erasure, retention, rollup, users
from django_authsignal.services.sync import Span, Summary, reconcile

__all__ = ["enrol_phone", "forget", "prune", "refresh_figures", "sync"]

Counts = dict[str, int]


def sync(hours: int = 24) -> Counts:
    """Reconcile the history with the service and compute the dashboard's figures: the summary of ``authsignal_sync``.

    Raises Unauthorized, Unavailable when some rows got no answer, and ``django.db.Error``; what is done is kept.
    """
    summary = Summary()
    try:
        reconcile(Span.of(hours), summary)
    except (Unauthorized, Unavailable):
        rollup.refresh()  # the figures tell of outages too
        raise
    days = rollup.refresh()
    if summary.unanswered:
        raise Unavailable("GET", "/users/{}/actions", True, detail=f"rows without an answer: {summary.unanswered}")
    return {**asdict(summary), "days": days}


def prune(days: int | None = None) -> Counts:
    """Delete history that is older than *days* (default ``AUTHSIGNAL_RETENTION_DAYS``): how much that was."""
    age = timedelta(days=app_settings.RETENTION_DAYS if days is None else days)
    return asdict(retention.prune(age))


def refresh_figures() -> int:
    """Compute the figures of the dashboard alone, without asking the service: of how many days that was."""
    return rollup.refresh()


def enrol_phone(user_pk: Any, phone_number: str, verification_method: str = "SMS") -> bool:
    """Enrol a number (E.164) that the project has verified; False when the service had it already.

    Raises ``DoesNotExist`` for a user who is gone, and AuthsignalError.
    """
    user = get_user_model()._default_manager.get(pk=user_pk)
    return users.enrol_phone(user, phone_number, verification_method)


def forget(authsignal_user_id: str) -> dict[str, Any]:
    """Delete the user at the service and erase the person here, as ``authsignal_forget`` does: what was erased.

    The id and not the user, who may be deleted by the time that this is run. Raises AuthsignalError, and then nothing
    is erased yet.
    """
    return asdict(erasure.forget(authsignal_user_id))
