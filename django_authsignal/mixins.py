"""Class-based views."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.exceptions import ImproperlyConfigured
from django.http.response import HttpResponseBase
from django.views.generic import View

from django_authsignal.decorators import step_up_required
from django_authsignal.policy import StepUpPolicy

if TYPE_CHECKING:
    _View = View
else:
    _View = object

__all__ = ["StepUpRequiredMixin"]


class StepUpRequiredMixin(_View):
    """Put the gate before every request of a class-based view, sync or async.

    It wraps ``as_view()``, so it stands before any ``dispatch()`` and outside ``ATOMIC_REQUESTS``, and sends anonymous
    users to log in itself. Raises ImproperlyConfigured when ``step_up`` is no policy, and when a class names this
    mixin after a view, whose ``as_view()`` would then be the one that counts.
    """

    step_up: ClassVar[StepUpPolicy]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        before = cls.__mro__[: cls.__mro__.index(StepUpRequiredMixin)]
        if any(issubclass(base, View) and not issubclass(base, StepUpRequiredMixin) for base in before):
            raise ImproperlyConfigured(f"{cls.__name__} must name StepUpRequiredMixin before its view classes.")

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        """The protected view function."""
        policy = getattr(cls, "step_up", None)
        if not isinstance(policy, StepUpPolicy):
            raise ImproperlyConfigured(f"{cls.__name__} needs step_up = StepUpPolicy('actionCode').")
        return step_up_required(policy)(super().as_view(**initkwargs))
