"""The pytest plugin: one fixture, and a guard. It imports Django and the kit only where the project uses them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .kit import Authsignal


@pytest.fixture
def authsignal(request: pytest.FixtureRequest) -> Authsignal:
    """An Authsignal in this process, for this test. Every user counts as enrolled until the test says otherwise."""
    if not request.config.pluginmanager.has_plugin("django"):
        pytest.fail("The authsignal fixture needs pytest-django; without it, use `with Authsignal() as authsignal:`.")
    from django.conf import settings as project

    if not project.configured:  # where pytest-django's own fixture would skip the test
        pytest.fail("The authsignal fixture needs Django's settings: name them, as by DJANGO_SETTINGS_MODULE.")
    from .kit import Authsignal

    kit = Authsignal()
    # pytest-django's fixture: one stack of overrides, whatever order a test names its fixtures in.
    settings: Any = request.getfixturevalue("settings")
    for name, value in kit.settings.items():
        setattr(settings, name, value)
    return kit


def pytest_collection_finish(session: pytest.Session) -> None:
    """Keep tests without the fixture off the network too, in a project whose Django has loaded the app by now."""
    django = sys.modules.get("django.apps")
    if django and django.apps.ready and django.apps.is_installed("django_authsignal"):
        from .guard import guard_tests

        session.config.add_cleanup(guard_tests())


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Begin with a client of its own: a circuit breaker that another test has opened would answer for the guard."""
    if connection := sys.modules.get("django_authsignal.connection"):
        connection.get_client.cache_clear()
