"""What can be seen before a request comes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core import checks
from django.db import connections, router
from rest_framework.authentication import SessionAuthentication
from rest_framework.views import APIView

from django_authsignal.models import TrackedAction
from django_authsignal.protection import Route

from .mixin import StepUpAPIMixin
from .permission import StepUpPermission

__all__ = ["check"]


def check(routes: Iterable[Route]) -> list[checks.CheckMessage]:
    """E017 permissions inside a transaction, W017 sessions without REST framework's CSRF check."""
    found: list[checks.CheckMessage] = []
    for route in routes:
        view: Any = route.view
        view_class: type[Any] = getattr(view, "cls", object)
        if not issubclass(view_class, APIView):
            continue
        asks = any(map(_asks, view.initkwargs.get("permission_classes", view_class.permission_classes)))
        if asks and _is_atomic(view, view_class):
            text = f"The view at {route.pattern!r} has a step-up permission inside the transaction of ATOMIC_REQUESTS."
            hint = "There it only raises: use StepUpAPIMixin, or put @transaction.non_atomic_requests on the view."
            found.append(checks.Error(text, hint=hint, id="authsignal.E017"))
        known_by = view.initkwargs.get("authentication_classes", view_class.authentication_classes)
        if (asks or route.policies) and any(map(_replaces_csrf_check, known_by)):
            text = f"The view at {route.pattern!r} replaces the CSRF check of REST framework's session authentication."
            hint = "Another site could start challenges for its visitors: use SessionAuthentication as it is."
            found.append(checks.Warning(text, hint=hint, id="authsignal.W017"))
    return found


def _is_atomic(view: Any, view_class: type[APIView]) -> bool:
    """Whether permissions are asked inside a transaction on the database of our rows."""
    database = router.db_for_write(TrackedAction)
    outside = database in getattr(view, "_non_atomic_requests", ()) and not issubclass(view_class, StepUpAPIMixin)
    return bool(connections[database].settings_dict["ATOMIC_REQUESTS"]) and not outside


def _replaces_csrf_check(authentication: type[Any]) -> bool:
    own = getattr(authentication, "enforce_csrf", None)
    return issubclass(authentication, SessionAuthentication) and own is not SessionAuthentication.enforce_csrf


def _asks(permission: Any) -> bool:
    """Whether *permission* is one of ours, or composed of one by ``&``, ``|`` or ``~``."""
    if isinstance(permission, type):
        return issubclass(permission, StepUpPermission)
    return any(_asks(getattr(permission, operand, object)) for operand in ("op1_class", "op2_class"))
