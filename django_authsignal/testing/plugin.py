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
    from .kit import Authsignal

    kit = Authsignal()
    # pytest-django's fixture: one stack of overrides, whatever order a test names its fixtures in.
    settings: Any = request.getfixturevalue("settings")
    for name, value in kit.settings.items():
        setattr(settings, name, value)
    return kit


def pytest_collection_finish(session: pytest.Session) -> None:
    """Keep tests without the fixture off the network too, in a project whose Django has loaded the app by now."""
    if "django_authsignal.apps" in sys.modules:
        from .guard import guard_tests

        session.config.add_cleanup(guard_tests())
