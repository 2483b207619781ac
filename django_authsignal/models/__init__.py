"""The package's tables: tracked actions and what happened to them, webhooks received, and figures per day."""

from __future__ import annotations

from django_authsignal.models.actions import METHOD_LIMIT, PATH_LIMIT, ROUTE_LIMIT, ActionEvent, TrackedAction
from django_authsignal.models.figures import DailyFigure
from django_authsignal.models.webhooks import WebhookEvent
from django_authsignal.statuses import Status

__all__ = [
    "METHOD_LIMIT",
    "PATH_LIMIT",
    "ROUTE_LIMIT",
    "ActionEvent",
    "DailyFigure",
    "Status",
    "TrackedAction",
    "WebhookEvent",
]
