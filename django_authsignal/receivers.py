"""Facts that Django's own signals tell."""

from __future__ import annotations

import logging
from typing import Any

from django.db import Error, router, transaction
from django.http import HttpRequest

from django_authsignal import sessions
from django_authsignal.models import TrackedAction
from django_authsignal.statuses import Status

__all__ = ["note_login", "void_deleted_users_actions", "void_sessions_actions"]

logger = logging.getLogger("django_authsignal")


def note_login(sender: object, request: HttpRequest | None, user: Any, **kwargs: Any) -> None:
    """A login starts a new channel: what an earlier holder of this session began or planted is worth nothing (T20)."""
    if request is not None and hasattr(request, "session") and hasattr(user, "get_session_auth_hash"):
        sessions.record_login(request, user)


def void_sessions_actions(sender: object, request: HttpRequest | None, user: Any, **kwargs: Any) -> None:
    """A logout ends what its session had open; nobody can use it any more, and ``action.verify`` is told so."""
    if user is None or request is None or not hasattr(request, "session"):
        return
    if channels := sessions.channels(request):
        rows = TrackedAction.objects.current().filter(user_id=user.pk, channel__in=channels)
        try:
            with transaction.atomic(using=rows.db):  # a failure must not break a transaction around the logout
                rows.end(Status.VOID, "logged_out")
        except Error:  # the session goes anyway, and the rows are worth nothing without it
            logger.exception("a logout could not end the session's open actions")


def void_deleted_users_actions(sender: object, instance: Any, using: str, **kwargs: Any) -> None:
    """A user who is deleted leaves nothing open behind (T69); what is recorded stays, without the user.

    A copy that is deleted from another database than the users' own is no deletion.
    """
    if using == router.db_for_write(type(instance)):
        TrackedAction.objects.current().filter(user_id=instance.pk).end(Status.VOID, "account_deleted")
