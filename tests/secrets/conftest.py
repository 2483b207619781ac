"""A bank that is told everything, under a secret that can be looked for."""

from __future__ import annotations

import threading

import pytest
from django.db.backends.signals import connection_created

from .site import SECRET, Network, told


@pytest.fixture
def network(authsignal, settings):
    authsignal.store.secret = settings.AUTHSIGNAL_SECRET = SECRET
    settings.ROOT_URLCONF = "tests.secrets.urls"
    settings.AUTHSIGNAL_ATTRIBUTES = told
    settings.AUTHSIGNAL_ADAPTER = Network(authsignal.store)
    authsignal.challenge("withdrawFunds")
    return settings.AUTHSIGNAL_ADAPTER


@pytest.fixture(autouse=True)
def _close_connections_of_other_threads():
    """Under ASGI, Django makes its debug page in a thread of its own, where printing a query runs it."""
    opened = []

    def keep(connection, **kwargs):
        if threading.current_thread() is not threading.main_thread():
            connection.inc_thread_sharing()
            opened.append(connection)

    connection_created.connect(keep)
    yield
    connection_created.disconnect(keep)
    for connection in opened:
        connection.close()
