"""Rows of history, and the people who may look at them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from django_authsignal.models import TrackedAction
from django_authsignal.statuses import Status

from .steps import CHALLENGED, HMACS, RETURN_PATH


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
    user = get_user_model().objects.create_user("viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_trackedaction"))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture(params=["superuser", "viewer"])
def reader(request, admin_client, viewer):
    return admin_client if request.param == "superuser" else viewer
