"""A project's own engine: sessions in cookies, under a name that does not say so."""

from __future__ import annotations

from django.contrib.sessions.backends import signed_cookies


class SessionStore(signed_cookies.SessionStore):
    """What Django's does."""
