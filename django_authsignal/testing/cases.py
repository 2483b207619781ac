"""The kit for ``django.test.TestCase``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest import TestCase, TestResult

from .kit import Authsignal

if TYPE_CHECKING:
    from django.test import SimpleTestCase as Case
else:
    Case = object

__all__ = ["AuthsignalTestMixin"]


class AuthsignalTestMixin(Case):
    """Gives each test its own ``self.authsignal``. Name it before TestCase in the list of bases."""

    authsignal: Authsignal

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        order = cls.__mro__
        if TestCase in order and order.index(TestCase) < order.index(AuthsignalTestMixin):
            raise TypeError(f"{cls.__name__}: name AuthsignalTestMixin before TestCase, or it does nothing.")

    # Round the whole test rather than in setUp(), which a subclass may override and forget to call.
    def run(self, result: TestResult | None = None) -> TestResult | None:
        """One test, its setUp() and tearDown(), with an Authsignal of its own."""
        with Authsignal() as self.authsignal:
            return super().run(result)

    def debug(self) -> None:
        """``run()`` without collecting errors."""
        with Authsignal() as self.authsignal:
            super().debug()
