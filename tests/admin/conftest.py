"""Rows of history, and the people who may look at them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from django_authsignal.models import TrackedAction
from django_authsignal.statuses import Status

from .steps import ACTION, CHALLENGED, HMACS, RETURN_PATH, staff


@pytest.fixture
def make_row(alice):
    """A row that began ten minutes ago; times are seconds after that."""

    def make(**fields):
        start = timezone.now() - timedelta(minutes=10)
        times = {
            name: start + timedelta(seconds=value)
            for name, value in fields.items()
            if name.endswith("_at") and isinstance(value, int)
        }
        known = {"user": alice, "authsignal_user_id": str(alice.pk), "environment": "sandbox", "action": "transfer"}
        asked = {"method": "POST", "route": "transfer/", "return_path": RETURN_PATH, "created_at": start}
        return TrackedAction.objects.create(**{**known, **asked, **HMACS, **fields, **times})

    return make


@pytest.fixture
def pending(make_row):
    return make_row(status=Status.PENDING, answered_at=1, expires_at=3600, **CHALLENGED)


@pytest.fixture
def viewer(db):
    """The browser of a colleague who may look, and nothing else."""
    return staff("viewer", "view")


@pytest.fixture
def operator(db):
    """The browser of a colleague who may also do what operators do."""
    return staff("operator", "view", "refresh", "unblock")


@pytest.fixture(params=["superuser", "viewer"])
def reader(request, admin_client, viewer):
    return admin_client if request.param == "superuser" else viewer


@pytest.fixture
def blocked(bank, alice):
    """A transfer of alice's that Authsignal blocked; her browser is `.browser`."""
    bank.authsignal.block(ACTION)
    browser = bank.sign_in(alice)
    assert bank.transfer(browser).status_code == 403
    row = TrackedAction.objects.get()
    assert (row.status, row.reason) == (Status.REFUSED, "block")
    row.browser = browser
    return row
