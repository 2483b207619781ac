"""Facts that Django's own signals tell."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from django_authsignal import sessions

__all__ = ["note_login"]


def note_login(sender: object, request: HttpRequest | None, user: Any, **kwargs: Any) -> None:
    """A login starts a new channel: what an earlier holder of this session began or planted is worth nothing (T20)."""
    if request is not None and hasattr(request, "session") and hasattr(user, "get_session_auth_hash"):
        sessions.record_login(request, user)
