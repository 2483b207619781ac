"""Webhooks as the service sends them, and as it never would."""

from __future__ import annotations

import json
import time
import uuid
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.test import Client

from django_authsignal.client.signature import HEADER, sign

PATH = "/step-up/webhook/"
TENANT = "7752d28e-e627-4b1b-bb81-b45d68d617bc"
START = datetime(2026, 1, 5, 12, tzinfo=UTC)
"""When what the events tell of began, by the service's clock."""
CODE = "code-157743"  # letters too: six digits turn up in digests by chance


def moment(seconds=0):
    """That many seconds after START, as the service writes it."""
    return (START + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def event(kind, data, **members):
    """One event, on its own."""
    return {
        "version": 1,
        "id": str(uuid.uuid4()),
        "source": "https://authsignal.com",
        "time": moment(),
        "tenantId": TENANT,
        "type": kind,
        "data": data,
        **members,
    }


def batch(*events):
    """The same events as the service sends its logs."""
    return {"records": [{("record" if name == "data" else name): one[name] for name in one} for one in events]}


def log(row, state, seconds=0, **members):
    """The service's log says that the action of *row* came into *state* then."""
    data = {
        "userId": row.authsignal_user_id,
        "actionCode": row.action,
        "idempotencyKey": str(row.idempotency_key),
        "createdAt": moment(),
        "updatedAt": moment(seconds),
        "state": state,
        "stateUpdatedAt": moment(seconds),
        "outcome": "CHALLENGE",
    }
    return event("action.log_created", data, **members)


def verify(row, **data):
    """The service asks whether a challenge may succeed."""
    known = {
        "userId": row.authsignal_user_id,
        "action": row.action,
        "idempotencyKey": str(row.idempotency_key),
        "verifiedAt": moment(),
        "state": "CHALLENGE_SUCCEEDED",
        "verificationMethod": "SMS",
    }
    return event("action.verify", {**known, **data})


def message(kind="email.created", **data):
    """A code on its way to its user."""
    known = {
        "to": "chris@example.com",
        "code": CODE,
        "userId": "b9f74d36",
        "actionCode": "accountRecovery",
        "idempotencyKey": "ba8c1a7c-775d-4dff-9abe-be798b7b8bb9",
        "verificationMethod": "EMAIL_OTP",
    }
    return event(kind, {**known, **data})


def authenticator(change, user_id, **data):
    known = {"userId": user_id, "verificationMethod": "SMS", "userAuthenticatorId": "a-1", "createdAt": moment()}
    return event(f"authenticator.{change}", {**known, "phoneNumber": "+64270000000", **data})


def signed(body, *, secret=None, at=None):
    """The header that a sender with *secret* makes for *body*, now or *at* unix time."""
    return sign(body, secret or settings.AUTHSIGNAL_SECRET, int(time.time() if at is None else at))


def encoded(value):
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def post(value, *, header=None, client=None, path=PATH):
    """Send *value*, an event, a batch or bytes, signed unless a *header* is given; '' sends none."""
    body = encoded(value)
    header = signed(body) if header is None else header
    sender = client or Client(enforce_csrf_checks=True)
    return sender.post(path, body, content_type="application/json", headers={HEADER: header} if header else {})
