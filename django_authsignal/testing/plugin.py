"""The pytest plugin: one fixture. It imports Django and the kit only when a test asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .kit import Authsignal


@pytest.fixture
def authsignal() -> Iterator[Authsignal]:
    """An Authsignal in this process, for this test. Every user counts as enrolled until the test says otherwise."""
    from .kit import Authsignal

    with Authsignal() as kit:
        yield kit
