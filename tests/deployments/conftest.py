"""Deployments that nobody wishes for: hostile headers, odd settings, and what a server loses or changes under way."""

from __future__ import annotations

import pytest
from django.core.cache import cache

# Fixtures that journeys have too.
from tests.journeys.conftest import clock as clock
from tests.journeys.conftest import done as done

from .journey import JOURNEYS


@pytest.fixture(params=JOURNEYS)
def journey(request):
    """A whole way through the bank: `journey(bank, alice, customer)`."""
    return JOURNEYS[request.param]


@pytest.fixture
def customer(bank, alice):
    """The browser in which Alice has just signed in, and of which the CSRF check is asked too."""
    cache.clear()
    return bank.sign_in(alice, enforce_csrf_checks=True)
