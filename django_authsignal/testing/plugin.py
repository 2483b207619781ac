"""The pytest plugin: one fixture. It imports Django and the kit only when a test asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .kit import Authsignal


@pytest.fixture
def authsignal(settings: Any) -> Authsignal:
    """An Authsignal in this process, for this test. Every user counts as enrolled until the test says otherwise.

    *settings* is pytest-django's: one stack of overrides, whatever order a test names its fixtures in.
    """
    from .kit import Authsignal

    kit = Authsignal()
    for name, value in kit.settings.items():
        setattr(settings, name, value)
    return kit
