"""The bank with the doors of tests/doors/urls.py beside its own pages."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import AsyncClient, Client

# The fixture that journeys have too.
from tests.journeys.conftest import clock as clock

from . import views


@pytest.fixture(autouse=True)
def _doors(authsignal, settings):
    settings.ROOT_URLCONF = "tests.doors.urls"
    views.SEEN.clear()


@pytest.fixture
def done():
    """What views did."""
    views.DONE.clear()
    return views.DONE


@pytest.fixture
def client(alice):
    """The browser in which Alice has just signed in."""
    return browser_of(alice)


@pytest.fixture
def aclient(alice):
    browser = AsyncClient()
    browser.force_login(alice)
    return browser


@pytest.fixture(params=["WSGI", "ASGI"])
def any_client(request):
    return request.getfixturevalue("client" if request.param == "WSGI" else "aclient")


@pytest.fixture
def sign_in_step(settings, authsignal):
    """Every login needs a step-up, which is a challenge."""
    settings.AUTHSIGNAL_SIGN_IN_ACTION = "signIn"
    authsignal.challenge("signIn")


@pytest.fixture
def atomic_requests():
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    yield
    connection.settings_dict["ATOMIC_REQUESTS"] = False


@pytest.fixture
def boss(db):
    """Somebody whom the admin lets in."""
    return get_user_model().objects.create_superuser("boss", "boss@bank.example", "boss")


def browser_of(user):
    browser = Client()
    browser.force_login(user)
    return browser
