"""The service's later word about rows that are here already."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from django_authsignal import signals
from django_authsignal.models import Status, TrackedAction
from tests.gated import gated as gated

from .events import post


@pytest.fixture(autouse=True)
def _service(authsignal):
    """The kit's secret, URL and sandbox."""


@pytest.fixture
def post_event(db):
    """`post_event(event_or_batch_or_bytes)` sends it, signed; the response."""
    return post


@pytest.fixture
def make_row(alice):
    """`make_row("approved", key=…)`: a row of Alice's in that status, asked a minute ago and fresh."""

    def make(status=Status.PENDING, **fields):
        now = timezone.now()
        facts = {"expires_at": now + timedelta(minutes=5), "remote_state": "CHALLENGE_REQUIRED"}
        if status in (Status.APPROVED, Status.SPENT):
            facts.update(approved_at=now, remote_state="CHALLENGE_SUCCEEDED")
        if status == Status.SPENT:
            facts["spent_at"] = now
        if status in (Status.REFUSED, Status.VOID):
            facts["ended_at"] = now
        known = {"user": alice, "authsignal_user_id": str(alice.pk), "environment": "sandbox", "action": "transfer"}
        asked = {"method": "POST", "route": "transfer/", "created_at": now - timedelta(minutes=1)}
        return TrackedAction.objects.create(status=status, **{**known, **asked, **facts, **fields})

    return make


@pytest.fixture
def listen():
    """`listen(signal, receiver)` connects them for this test."""
    connected = []

    def connect(signal, receiver):
        signal.connect(receiver, weak=False)
        connected.append((signal, receiver))

    yield connect
    for signal, receiver in connected:
        signal.disconnect(receiver)


@pytest.fixture
def heard(listen):
    """`heard(signal)` becomes the list of what that signal said."""

    def hear(signal):
        said = []
        listen(signal, lambda sender, signal, **what: said.append(what) or True)
        return said

    return hear


@pytest.fixture
def received(heard):
    """The events that a receiver of webhook_received was given, each as {"event": …}."""
    return heard(signals.webhook_received)


@pytest.fixture
def enrolments(heard):
    """What receivers of enrolment_changed were told."""
    return heard(signals.enrolment_changed)


@pytest.fixture
def atomic_requests():
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    yield
    connection.settings_dict["ATOMIC_REQUESTS"] = False


@pytest.fixture
def statements():
    """What went to the database; that transactions begin, which SQLite is told by a statement, is left out."""
    seen = []

    def note(execute, sql, params, many, context):
        if not sql.startswith(("BEGIN", "SAVEPOINT", "RELEASE")):
            seen.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield seen
