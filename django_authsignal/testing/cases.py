"""The kit for ``django.test.TestCase``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .kit import Authsignal

if TYPE_CHECKING:
    from django.test import SimpleTestCase as Case
else:
    Case = object

__all__ = ["AuthsignalTestMixin"]


class AuthsignalTestMixin(Case):
    """Gives each test its own ``self.authsignal``. Name it before TestCase in the list of bases."""

    authsignal: Authsignal

    def setUp(self) -> None:
        super().setUp()
        self.authsignal = self.enterContext(Authsignal())
