"""A webhook as the service would send it, as the arguments of a test client's ``post``."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict

from django.urls import reverse
from django.utils import timezone

from django_authsignal.conf import app_settings
from django_authsignal.sandbox.records import timestamp
from django_authsignal.sandbox.sending import encoded, signed
from django_authsignal.sandbox.webhooks import SOURCE

__all__ = ["SignedWebhook", "signed_webhook"]


class SignedWebhook(TypedDict):
    """The arguments of ``post``: Django's Client and AsyncClient and DRF's APIClient take them alike."""

    path: str
    data: bytes
    content_type: str
    headers: dict[str, str]


def signed_webhook(
    event: str | Mapping[str, Any], data: Mapping[str, Any] | None, *, secret: str, at: datetime | None, tenant_id: str
) -> SignedWebhook:
    """See ``Authsignal.signed_webhook``; *tenant_id* is who the event comes from if the settings name no tenant."""
    moment = timezone.now() if at is None else at
    if timezone.is_naive(moment):
        raise ValueError(f"at={at!r} has no time zone; write datetime(…, tzinfo=UTC).")
    facts = {
        "version": 1,
        "id": str(uuid.uuid4()),
        "source": SOURCE,
        "time": timestamp(moment.timestamp()),
        "tenantId": app_settings.TENANT_ID or tenant_id,
    }
    body = encoded(_message(event, data, facts))
    return {
        "path": reverse("authsignal:webhook"),
        "data": body,
        "content_type": "application/json",
        "headers": {"X-Signature-V2": signed(body, [secret], moment.timestamp())},
    }


def _message(event: object, data: object, facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """The event or batch that is meant, with *facts* for the members that it does not have."""
    if not isinstance(data, Mapping | None):
        raise TypeError(f"The data of an event is a mapping, not {data!r}.")
    if isinstance(event, str) and event:
        return {**facts, "type": event, "data": dict(data or {})}
    if not isinstance(event, Mapping):
        raise TypeError(f'An event is a type such as "sms.created", or a mapping, not {event!r}.')
    if data is not None:
        raise TypeError("Give the data inside the event, or the event's type and the data.")
    if "records" in event:
        return event
    if "type" not in event:
        raise ValueError(f"{dict(event)!r} is no event: it has neither a type nor records.")
    return {**facts, "data": {}, **event}
