"""Decide about what a view turns out to do, for views whose inside is not ours to change.

The view runs up to an operation that needs a step-up and is left there, before anything is written. Then, outside any
transaction, the gate decides; then the view runs for good. It is the operations that refuse what nobody decided,
whoever calls them: no decision, no operation (T37); and what came up while the decision was made is no part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import wraps
from typing import Any, NamedTuple

from django.core.exceptions import PermissionDenied
from django.core.handlers.base import BaseHandler
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from django_authsignal.binding import content_of, named_key
from django_authsignal.decorators import outside_transactions, step_up_required
from django_authsignal.models import TrackedAction
from django_authsignal.policy import StepUpPolicy

__all__ = ["Needs", "asking", "cover", "decided", "only_decided", "require"]

Needs = tuple[Iterable[StepUpPolicy | None], Callable[[], Mapping[str, object]]]
"""The policies of an operation, and the values that tell what it is about to do. Among them are its ``_objects``: for
each a tuple of its primary key, or None of a new one, and what is told of it."""

View = Callable[..., HttpResponseBase]

MARK = "_step_up_decided"
"""The attribute of a request that holds what has been decided about it."""


class Decided(NamedTuple):
    """Under which policies, and about which objects; None: about whatever it comes to."""

    policies: list[StepUpPolicy]
    objects: frozenset[tuple[object, ...]] | None = None


class UndecidedError(PermissionDenied):
    """A view reached an operation that nothing has decided yet."""

    def __init__(self, policies: list[StepUpPolicy], values: Mapping[str, Any]) -> None:
        super().__init__(_("This cannot be done here without verification."))
        self.policies = policies
        self.values = values


def require(request: HttpRequest, policies: Iterable[StepUpPolicy | None], tell: Callable[[], Any]) -> None:
    """Leave the view unless *request* has been decided under all *policies*, and about all that is told now."""
    needed = [policy for policy in policies if policy]
    known: Decided = getattr(request, MARK, Decided([]))
    if any(policy not in known.policies for policy in needed):
        raise UndecidedError(needed, tell())
    if needed and known.objects is not None and not known.objects.issuperset((told := tell())["_objects"]):
        raise UndecidedError(needed, told)


def only_decided(request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
    """Of *queryset* the rows that have been decided about, once they have: one that is new is none of them."""
    known: Decided | None = getattr(request, MARK, None)
    if known is None or known.objects is None:
        return queryset
    return queryset.filter(pk__in=[key for key, *_ in known.objects])


def cover(request: HttpRequest, policies: list[StepUpPolicy]) -> None:
    """Note that *request* has been decided under these *policies*, and will be under no other."""
    setattr(request, MARK, Decided(policies))


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
        only_watched = all(policy.resolved().report_only for policy in policies)
        objects = None if only_watched else frozenset(values["_objects"])

        @wraps(view)
        def approved(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            setattr(request, MARK, Decided(policies, objects))
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
