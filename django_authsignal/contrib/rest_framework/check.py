"""What can be seen before a request comes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core import checks
from django.db import connections, router
from rest_framework.views import APIView

from django_authsignal.models import TrackedAction
from django_authsignal.protection import Route

from .mixin import StepUpAPIMixin
from .permission import StepUpPermission

__all__ = ["check"]


def check(routes: Iterable[Route]) -> list[checks.CheckMessage]:
    """E017: a permission decides inside the transaction of ``ATOMIC_REQUESTS``, where it can only raise."""
    database = router.db_for_write(TrackedAction)
    if not connections[database].settings_dict["ATOMIC_REQUESTS"]:
        return []
    text = "The view at {!r} has a step-up permission inside the transaction of ATOMIC_REQUESTS, where it only raises."
    hint = "Use StepUpAPIMixin instead, or put @transaction.non_atomic_requests on the view."
    return [
        checks.Error(text.format(route.pattern), hint=hint, id="authsignal.E017")
        for route in routes
        if _asks_inside(route.view, database)
    ]


def _asks_inside(view: Any, database: str) -> bool:
    view_class: type[Any] = getattr(view, "cls", object)
    if not issubclass(view_class, APIView):
        return False
    outside = database in getattr(view, "_non_atomic_requests", ()) and not issubclass(view_class, StepUpAPIMixin)
    return not outside and any(map(_asks, view.initkwargs.get("permission_classes", view_class.permission_classes)))


def _asks(permission: Any) -> bool:
    """Whether *permission* is one of ours, or composed of one by ``&``, ``|`` or ``~``."""
    if isinstance(permission, type):
        return issubclass(permission, StepUpPermission)
    return any(_asks(getattr(permission, operand, object)) for operand in ("op1_class", "op2_class"))
