"""The gate before the handlers of an ``APIView``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured
from django.db import connections, transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSetMixin

from django_authsignal import http
from django_authsignal.decorators import AREA, note_unfinished, outside_transactions, seal_if_told
from django_authsignal.policy import StepUpPolicy
from django_authsignal.services.decision import Decision
from django_authsignal.services.question import is_authenticated

from .asking import ask, finds_nobody, is_made_up, keep_body, negotiated_html

__all__ = ["StepUpAPIMixin"]

STANDARD_ACTIONS = {
    "list": "get",
    "create": "post",
    "retrieve": "get",
    "update": "put",
    "partial_update": "patch",
    "destroy": "delete",
}
"""The actions that a router knows by itself, and the methods that lead to them."""
SAFE = ("get", "head", "options", "trace")


class StepUpAPIMixin(APIView):
    """Put the gate before the handlers of an ``APIView`` or view set; name it first in the bases.

    Requests that no policy of its own stops are left to the area of ``AUTHSIGNAL_PROTECT`` that it stands in, which is
    asked in the same place.

    It decides outside ``ATOMIC_REQUESTS``: what comes before the decision, and the handler, run in a transaction each.
    Functions of a policy (``bind``, ``when``, ``custom``) get REST framework's request, so that a serializer can
    validate ``request.data`` before anything is tracked; those in ``AUTHSIGNAL_ACTIONS`` get Django's.

    ``as_view()`` raises ImproperlyConfigured for policies that protect nothing, or less than it seems.
    """

    step_up: StepUpPolicy | None = None
    """Before every handler but those of ``step_up_actions``. ``@action(step_up=…)`` sets it for one extra action."""
    step_up_actions: ClassVar[Mapping[str, StepUpPolicy | None]] = {}
    """By a view set's action, such as ``{"destroy": policy}``. None: nothing. Where one action that POST, PUT, PATCH
    or DELETE leads to has a policy and ``step_up`` is None, every other of them must be named."""

    _unfinished: Decision | None = None
    """What let the handler run that has not returned."""

    @classmethod
    def as_view(cls, *args: Any, **initkwargs: Any) -> Any:
        """The view function, marked for checks and commands."""
        step_up = initkwargs.get("step_up", cls.step_up)
        by_action = initkwargs.get("step_up_actions", cls.step_up_actions)
        view: Any = outside_transactions(super().as_view(*args, **initkwargs))
        actions: Mapping[str, str] = getattr(view, "actions", {})
        _refuse_contradictions(cls, step_up, by_action, actions)
        before = {method: by_action.get(action, step_up) for method, action in (actions or {"": ""}).items()}
        found = list(before.values())
        if policies := tuple(policy for place, policy in enumerate(found) if policy and policy not in found[:place]):
            view.step_up_policy, view.step_up_policies = policies[0], policies
        if actions and _is_foreseen(cls):
            served = initkwargs.get("http_method_names", cls.http_method_names)
            view.step_up_by_method = {name.upper(): before[name] for name in actions if name in served}
        view.step_up_asks_for_area = True
        return view

    def get_step_up_policy(self) -> StepUpPolicy | None:
        """What stands before the handler that is about to run; None: nothing."""
        return self.step_up_actions.get(getattr(self, "action", None) or "", self.step_up)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Wrap every handler, so that no subclass's ``initial()`` and no renderer gets round the gate."""
        keep_body(request)
        for method in self.http_method_names:
            if handler := getattr(self, method, None):
                setattr(self, method, partial(self._behind_the_gate, handler))
        try:
            with ExitStack() as self._transactions:
                self._begin()
                return super().dispatch(request, *args, **kwargs)
        finally:
            if self._unfinished:  # noted where no rollback takes the note away
                note_unfinished(request)

    def _begin(self) -> None:
        """Open what ``ATOMIC_REQUESTS`` promises; REST framework marks it for rollback when it answers an exception."""
        outside = getattr(self.dispatch, "_non_atomic_requests", ())
        for alias, database in connections.settings.items():
            if database["ATOMIC_REQUESTS"] and alias not in outside:
                self._transactions.enter_context(transaction.atomic(using=alias))

    def _behind_the_gate(
        self, handler: Callable[..., HttpResponseBase], request: Request, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        policy, area = self.get_step_up_policy(), _area_of(request)
        if policy is None and area is None:
            response = handler(request, *args, **kwargs)
            return response if _is_foreseen(type(self)) else http.seal(response)  # the next one may be asked about
        if is_made_up(request):
            # AdminRenderer shows a form's errors amid what get() returns: nothing, where that needs a step-up.
            is_free = not any(each.resolved().protects(str(request.method)) for each in (policy, area) if each)
            return handler(request, *args, **kwargs) if is_free else Response({})
        self._transactions.close()
        try:
            stopped, decision = ask(request, policy, as_page=negotiated_html(request))
        finally:
            self._begin()
        if stopped:
            if finds_nobody(stopped):
                self.permission_denied(request)
            return stopped
        self._unfinished = decision
        response = handler(request, *args, **kwargs)
        self._unfinished = None
        return seal_if_told(request._request, response)


def _is_foreseen(view: type[StepUpAPIMixin]) -> bool:
    """Whether the class tells what stands before each handler, not a method at each request."""
    return view.get_step_up_policy is StepUpAPIMixin.get_step_up_policy


def _area_of(request: Request) -> StepUpPolicy | None:
    """What the middleware left to this view's gate; nothing where nobody is signed in: the view lets anybody see."""
    area: StepUpPolicy | None = getattr(request._request, AREA, None)
    if area and not is_authenticated(request):
        delattr(request._request, AREA)
        return None
    return area


def _extra_actions(view: type[StepUpAPIMixin]) -> list[Any]:
    extra: list[Any] = view.get_extra_actions() if issubclass(view, ViewSetMixin) else []
    return extra


def _routed_actions(view: type[StepUpAPIMixin], bound: Mapping[str, str]) -> dict[str, set[str]]:
    """What a router, ``@action``, or a binding by hand can lead to, and by which methods; a helper is no action."""
    routed: dict[str, set[str]] = {}
    for action, method in STANDARD_ACTIONS.items():
        if callable(getattr(view, action, None)):
            routed.setdefault(action, set()).add(method)
    for mapping in (bound, *(extra.mapping for extra in _extra_actions(view))):
        for method, action in mapping.items():
            routed.setdefault(action, set()).add(method)
    return routed


def _forgotten(
    view: type[StepUpAPIMixin], actions: Mapping[str, StepUpPolicy | None], bound: Mapping[str, str]
) -> list[str]:
    """Actions that change something and are not named, where another of them is protected."""
    served = {*view.http_method_names}.difference(SAFE)
    writing = {action for action, methods in _routed_actions(view, bound).items() if methods & served}
    extra = [each for each in _extra_actions(view) if "step_up" in each.kwargs]
    named = {name: each.kwargs["step_up"] for each in extra for name in each.mapping.values()} | {**actions}
    return sorted(writing - named.keys()) if any(map(named.get, writing)) else []


def _refuse_contradictions(
    view: type[StepUpAPIMixin],
    step_up: StepUpPolicy | None,
    by_action: Mapping[str, StepUpPolicy | None],
    bound: Mapping[str, str],
) -> None:
    if not _is_foreseen(view):
        return
    name, actions = view.__name__, view.step_up_actions
    if not all(isinstance(policy, StepUpPolicy) for policy in (step_up, *actions.values()) if policy is not None):
        raise ImproperlyConfigured(f"{name}: step_up and the values of step_up_actions must be StepUpPolicy objects.")
    if step_up is None and not any(actions.values()):
        raise ImproperlyConfigured(f"{name} needs step_up = StepUpPolicy('actionCode') or step_up_actions.")
    if actions and not issubclass(view, ViewSetMixin):
        raise ImproperlyConfigured(f"{name}.step_up_actions is for view sets; {name} has no actions: use step_up.")
    if unknown := [action for action in actions if action not in _routed_actions(view, bound)]:
        raise ImproperlyConfigured(f"{name}.step_up_actions names {unknown[0]!r}, which is no action of {name}.")
    for action in _extra_actions(view):
        named = {*action.mapping.values()} & actions.keys()
        if step_up is None and named and len(named) < len({*action.mapping.values()}):
            text = f"{action.__name__} has several methods: name each of {', '.join(sorted(action.mapping.values()))}."
            raise ImproperlyConfigured(f"{name}.step_up_actions: {text}")
    if step_up is None and view.step_up is None and (forgotten := _forgotten(view, by_action, bound)):
        text = f"{', '.join(forgotten)} would stay open: name each, with a policy or with None, which leaves it open."
        raise ImproperlyConfigured(f"{name}.step_up_actions: {text}")
