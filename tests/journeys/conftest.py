"""The bank with the views of tests/journeys/urls.py beside its own."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.core.cache import cache

from . import views
from .steps import Edge


@pytest.fixture(autouse=True)
def _more_views(authsignal, settings):  # in this order, so that the kit's own settings lie below the test's
    settings.ROOT_URLCONF = "tests.journeys.urls"
    cache.clear()


@pytest.fixture
def done():
    """What the views of tests/journeys/views.py did."""
    views.DONE.clear()
    return views.DONE


@pytest.fixture
def clock(time_machine):
    """Time stands still until the test shifts it: `clock.shift(301)`."""
    time_machine.move_to(datetime.now(UTC), tick=False)
    return time_machine


@pytest.fixture
def edge(authsignal, settings):
    """The network's edge: `edge.during("/validate", something)` happens while the service is being asked."""
    settings.AUTHSIGNAL_ADAPTER = Edge(authsignal.store)
    return settings.AUTHSIGNAL_ADAPTER
