"""The database cannot even say whose session a request has: that is an outage too, and nobody is let on."""

from __future__ import annotations

import uuid

import pytest
from django.contrib.auth import get_user_model

from django_authsignal.models import TrackedAction
from tests.gated import broken_database
from tests.gated import gated as gated

TABLES = ["django_session", get_user_model()._meta.db_table]
MANAGE = "/step-up/manage/"
every_table = pytest.mark.parametrize("table", TABLES)


@every_table
def test_gate(gated, authsignal, table):  # F20
    gated()
    with broken_database("SELECT", f'FROM "{table}"'):
        answer = gated.post()
    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    assert (gated.runs, authsignal.requests, TrackedAction.objects.count()) == (0, [], 0)
    assert gated.post().content == b"done"


@every_table
def test_view_that_is_only_watched_goes_on(gated, authsignal, table):  # F20
    gated(mode="report_only")
    with broken_database("SELECT", f'FROM "{table}"'):
        assert gated.post().content == b"done"
    assert authsignal.requests == []


@every_table
@pytest.mark.parametrize(
    "path", [f"/step-up/return/{uuid.UUID(int=7)}/?token=x", "/step-up/enrol/", "/step-up/manage/"]
)
def test_our_own_pages(gated, authsignal, table, path):  # F20
    with broken_database("SELECT", f'FROM "{table}"'):
        answer = gated.client.get(path)
    assert (answer.status_code, "Reload this page in a moment" in answer.text) == (503, path != MANAGE)
    assert authsignal.requests == []
