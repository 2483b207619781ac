"""The gate before the handlers of an ``APIView``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
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

STANDARD_ACTIONS = ("list", "create", "retrieve", "update", "partial_update", "destroy")


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
    """By a view set's action, such as ``{"destroy": policy}``. None: nothing."""

    _unfinished: Decision | None = None
    """What let the handler run that has not returned."""

    @classmethod
    def as_view(cls, *args: Any, **initkwargs: Any) -> Any:
        """The view function, marked for checks and commands."""
        step_up = initkwargs.get("step_up", cls.step_up)
        by_action = initkwargs.get("step_up_actions", cls.step_up_actions)
        _refuse_contradictions(cls, step_up, args[0].values() if args else ())
        view: Any = outside_transactions(super().as_view(*args, **initkwargs))
        actions: Mapping[str, str] = getattr(view, "actions", {"": ""})
        before = [by_action.get(action, step_up) for action in actions.values()]
        if policies := tuple(policy for place, policy in enumerate(before) if policy and policy not in before[:place]):
            view.step_up_policy, view.step_up_policies = policies[0], policies
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


def _routed_actions(view: type[StepUpAPIMixin], bound: Collection[str]) -> set[str]:
    """What a router, ``@action``, or a binding by hand can lead to; a helper of that name is no action."""
    standard = {action for action in STANDARD_ACTIONS if callable(getattr(view, action, None))}
    return standard | {*bound} | {name for action in _extra_actions(view) for name in action.mapping.values()}


def _refuse_contradictions(view: type[StepUpAPIMixin], step_up: StepUpPolicy | None, bound: Collection[str]) -> None:
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
    changes = {action for action in ("update", "partial_update") if hasattr(view, action)}
    if step_up is None and len(changes) == 2 and len(changes & actions.keys()) == 1:
        text = "PUT and PATCH make the same change: name both update and partial_update (None leaves one open)."
        raise ImproperlyConfigured(f"{name}.step_up_actions: {text}")
