"""Decide about what a view turns out to do, for views whose inside is not ours to change.

The view runs up to an operation that needs a step-up and is left there, before anything is written. Then, outside any
transaction, the gate decides; then the view runs for good. It is the operations that refuse what nobody decided,
whoever calls them: no decision, no operation (T37).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.handlers.base import BaseHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from django_authsignal.binding import content_of, named_key
from django_authsignal.decorators import outside_transactions, step_up_required
from django_authsignal.models import TrackedAction
from django_authsignal.policy import StepUpPolicy

__all__ = ["Needs", "asking", "cover", "decided", "require"]

Needs = tuple[Iterable[StepUpPolicy | None], Callable[[], Mapping[str, object]]]
"""The policies of an operation, and the values that tell what it is about to do."""

View = Callable[..., HttpResponseBase]

MARK = "_step_up_decided"
"""The attribute of a request that holds the policies under which it has been decided."""


class UndecidedError(PermissionDenied):
    """A view reached an operation that nothing has decided yet."""

    def __init__(self, policies: list[StepUpPolicy], values: Mapping[str, object]) -> None:
        super().__init__(_("This cannot be done here without verification."))
        self.policies = policies
        self.values = values


def require(request: HttpRequest, policies: Iterable[StepUpPolicy | None], tell: Callable[[], Any]) -> None:
    """Leave the view unless *request* has been decided under all *policies*."""
    needed = [policy for policy in policies if policy]
    known = getattr(request, MARK, ())
    if any(policy not in known for policy in needed):
        raise UndecidedError(needed, tell())


def cover(request: HttpRequest, policies: list[StepUpPolicy]) -> None:
    """Note that *request* has been decided under these *policies*, and will be under no other."""
    setattr(request, MARK, policies)


def asking(needs: Callable[..., Needs], operation: Callable[..., Any]) -> Callable[..., Any]:
    """*operation* that refuses to run undecided; *needs* gets the same arguments, the request first."""

    @wraps(operation)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        require(request, *needs(request, *args, **kwargs))
        return operation(request, *args, **kwargs)

    return guarded


def decided(view: View) -> View:
    """*view* that, when it comes to an undecided operation, is rolled back, decided about, and run again."""

    @outside_transactions
    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return BaseHandler().make_view_atomic(view)(request, *args, **kwargs)
        except UndecidedError as error:
            if hasattr(request, MARK):
                raise  # too late to ask: something may have been done already
            policies, values = _in_turn(request, error.policies), error.values

        @wraps(view)
        def approved(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            cover(request, policies)
            return view(request, *args, **kwargs)

        gated: View = approved
        for policy in reversed(policies):
            gated = step_up_required(_telling(policy, values))(gated)
        return gated(request, *args, **kwargs)

    return wrapper


def _in_turn(request: HttpRequest, policies: list[StepUpPolicy]) -> list[StepUpPolicy]:
    """Each policy once, behind the one just approved first: no approval is spent before the last of them is there."""
    distinct = [policy for place, policy in enumerate(policies) if policy not in policies[:place]]
    key = named_key(request) if len(distinct) > 1 else None
    row = TrackedAction.objects.current().filter(idempotency_key=key).first() if key else None
    turn = next((place for place, policy in enumerate(distinct, 1) if row and policy.action == row.action), 0)
    return distinct[turn:] + distinct[:turn]


def _telling(policy: StepUpPolicy, values: Mapping[str, object]) -> StepUpPolicy:
    """*policy*, bound to all that the request carries and telling *values*, unless it binds in its own way."""
    policy = policy.resolved()
    if policy.bind is not None or policy.max_age is not None:
        return policy
    return replace(policy, bind=lambda request: {**values, "_content": content_of(request)})
