"""The bank as a master process loads it before it forks its workers: nothing is left to import, and its client has an
open connection to the service. With each track call the service is told which process it is."""

from __future__ import annotations

import os
from typing import Any

from django.http import HttpRequest
from django.urls import get_resolver


def attributes(request: HttpRequest) -> dict[str, Any]:
    """For AUTHSIGNAL_ATTRIBUTES."""
    return {"custom": {"process": f"pid-{os.getpid()}."}}


def load() -> Any:
    """The application, for gunicorn."""
    from django_authsignal.connection import get_client
    from tests.rig.wsgi import application

    assert get_resolver().url_patterns
    get_client().get_user("before-the-fork")
    return application


def preloading(arguments: list[str]) -> list[str]:
    """The same gunicorn with this application, loaded before it forks."""
    return [*arguments[:-1], "--preload", f"{__name__}:load()"]
