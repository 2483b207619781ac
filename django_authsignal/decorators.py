"""The gate: one check, two wrappers. Every other surface reuses it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, Unpack, cast, overload

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.core.handlers.base import BaseHandler
from django.db import connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from django_authsignal import http
from django_authsignal.bearers import Bearer
from django_authsignal.binding import drop_key
from django_authsignal.policy import PolicyArguments, StepUpPolicy, policy_of
from django_authsignal.protection import step_up_exempt
from django_authsignal.services import stepup
from django_authsignal.services.decision import Decision
from django_authsignal.services.proof import Proof

__all__ = [
    "AREA",
    "exempt",
    "gate",
    "is_let_on",
    "let_on",
    "note_unfinished",
    "outside_transactions",
    "seal_if_told",
    "step_up_exempt",
    "step_up_required",
]

P = ParamSpec("P")
R = TypeVar("R", bound=HttpResponseBase)
T = TypeVar("T")
V = TypeVar("V", bound=Callable[..., Any])

Answer = tuple[HttpResponse | None, Decision | None]
NOT_ASKED: Answer = (None, None)

SEALED = "_authsignal_sealed"
"""The attribute of a request whose answer no cache may keep."""

AREA = "_authsignal_area"
"""The attribute of a request by which the middleware leaves its area to the view's own gate."""


@overload
def step_up_required(action: Callable[P, T], /) -> Callable[P, T]: ...
@overload
def step_up_required(
    action: str | StepUpPolicy | None = None, **arguments: Unpack[PolicyArguments]
) -> Callable[[Callable[P, T]], Callable[P, T]]: ...
def step_up_required(action: Any = None, **arguments: Any) -> Any:
    """Let a request reach the view only when Authsignal, asked about this user and this very request, says so.

    Works bare (the view's name is the action code), with an action code and the arguments of ``StepUpPolicy``, or with
    a policy; on sync and async function views. Anonymous users are sent to log in. The decision is made, and an
    approval spent, outside ``ATOMIC_REQUESTS``; the view then runs in its transaction as usual.

    Raises ImproperlyConfigured at import for a policy that cannot work.
    """
    if callable(action):
        return _protect(action, StepUpPolicy(action.__name__))

    def decorate(view: Callable[P, T]) -> Callable[P, T]:
        return _protect(view, policy_of(view.__name__ if action is None else action, cast(PolicyArguments, arguments)))

    return decorate


def gate(
    request: HttpRequest, policy: StepUpPolicy | None, bearer: Bearer | None = None, *, of_login: bool = False
) -> Answer:
    """All thinking, sync: the response that stops *request*, or the decision that let it go on (None: not asked).

    *policy* is resolved, or None for a view that wants nothing of this request: then, as wherever its own lets pass
    unasked, the area that the view stands in counts. *of_login*: the action is the login that the session stands on,
    not this request.
    """
    area: StepUpPolicy | None = vars(request).pop(AREA, None)
    stopped, decision = _asked(request, policy, bearer, of_login) if policy else NOT_ASKED
    if area and not stopped and (policy is None or decision is None or policy.report_only):
        return _asked(request, area.resolved(), bearer)
    return stopped, decision


def _asked(request: HttpRequest, policy: StepUpPolicy, bearer: Bearer | None, of_login: bool = False) -> Answer:
    if (own := http.answer_itself(request, policy)) and not policy.report_only:
        return own, None
    if not policy.protects(str(request.method)):
        return NOT_ASKED
    if policy.when and not policy.when(request):
        request.step_up_proof = exempt(request, policy)  # type: ignore[attr-defined]
        return NOT_ASKED
    decision = stepup.require(request, policy, bearer=bearer, of_login=of_login)
    if not decision.allowed:
        return http.answer(request, decision), None
    if of_login:  # its proof is none for what its first request does
        drop_key(request)
    else:
        let_on(request, decision)
    return None, decision


def let_on(request: HttpRequest, decision: Decision) -> Proof:
    """Leave on *request* what allowed it: the proof for its operation, and the decision until its view is done."""
    if decision.key:
        drop_key(request)
    proof = Proof.of(decision)
    request.step_up_proof = proof  # type: ignore[attr-defined]
    request._authsignal_decision = decision  # type: ignore[attr-defined]
    setattr(request, SEALED, True)
    return proof


def exempt(request: HttpRequest, policy: StepUpPolicy) -> Proof:
    """The proof of a request that *policy* does not mean; a cache must not serve its answer to one that it does."""
    setattr(request, SEALED, True)
    return Proof(policy.action, None, "exempt")


def is_let_on(request: HttpRequest) -> bool:
    """Whether a view has been let on and is not known to be done."""
    return "_authsignal_decision" in vars(request)


def seal_if_told(request: HttpRequest, response: R) -> R:
    """Keep caches away from the *response* of a view that a gate let on, or might have asked about."""
    return http.seal(response) if getattr(request, SEALED, False) else response


def _done(request: HttpRequest) -> None:
    vars(request).pop("_authsignal_decision", None)


def note_unfinished(request: HttpRequest) -> None:
    """Note, once, that what was allowed was spent although the view did not finish (K7, T36)."""
    decision = vars(request).pop("_authsignal_decision", None)
    if decision:
        stepup.unfinished(decision)


def outside_transactions(view: V) -> V:
    """Keep ``ATOMIC_REQUESTS`` of every database away from *view*: a router may have put the rows into any of them."""
    view._non_atomic_requests = set(connections)  # type: ignore[attr-defined]
    return view


def _protect(view: Callable[P, T], policy: StepUpPolicy) -> Callable[P, T]:
    wrap = _wrap_async if iscoroutinefunction(view) else _wrap_sync
    wrapper = wrap(cast(Any, view), policy)
    wrapper.step_up_policy = policy  # found by checks and commands
    return cast("Callable[P, T]", wrapper)


def _wrap_sync(view: Callable[..., HttpResponseBase], policy: StepUpPolicy) -> Any:
    @outside_transactions
    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        stopped, _ = gate(request, policy.resolved())
        if stopped:
            return stopped
        try:
            # The view's own transaction, opened as Django would have: a rollback cannot undo the spend (T8).
            response = BaseHandler().make_view_atomic(view)(request, *args, **kwargs)
        except BaseException:
            note_unfinished(request)
            raise
        _done(request)
        return seal_if_told(request, response)

    return wrapper


def _wrap_async(view: Callable[..., Awaitable[HttpResponseBase]], policy: StepUpPolicy) -> Any:
    @wraps(view)
    async def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            stopped, _ = await sync_to_async(gate)(request, policy.resolved())
            if stopped:
                return stopped
            response = await view(request, *args, **kwargs)
        except BaseException:
            # Of a client that left while the gate spends, this runs behind the gate, in the same thread.
            await sync_to_async(note_unfinished)(request)
            raise
        return seal_if_told(request, response)

    return wrapper
