"""The gate as calls, for the place where the operation's data are known: ``form_valid()``, a service, a template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Unpack
from urllib.parse import urlencode

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from django.urls import reverse

from django_authsignal.bearers import Bearer
from django_authsignal.decorators import exempt, let_on
from django_authsignal.exceptions import StepUpRequired
from django_authsignal.policy import PolicyArguments, StepUpPolicy, policy_of
from django_authsignal.protection import policy_for
from django_authsignal.services import stepup
from django_authsignal.services.pages import sign_page
from django_authsignal.services.proof import Proof
from django_authsignal.services.question import is_signed_in

__all__ = [
    "Proof",
    "StepUpRequired",
    "StepUpStatus",
    "arequire_step_up",
    "atrack",
    "proof_of",
    "require_step_up",
    "step_up_status",
    "step_up_unlock_url",
    "track",
]


def require_step_up(
    request: HttpRequest,
    action: str | StepUpPolicy,
    *,
    bearer: Bearer | None = None,
    **arguments: Unpack[PolicyArguments],
) -> Proof:
    """Return proof that *request* may perform *action* now, or raise ``StepUpRequired`` (a ``PermissionDenied``).

    ``bind`` may also be the data themselves, such as ``{"amount": amount}``: what the approval is for. It is shown to
    the user, sent to Authsignal, and must be the same when the request is sent again. ``StepUpMiddleware`` answers the
    exception as the decorator would. Let the operation demand the proof, so that nothing runs where the exception was
    swallowed.

    It decides whatever the method; the ``methods`` of a policy speak to the decorator. *bearer* is the caller without
    a session; the rooms of contrib find it.

    Raises RuntimeError inside an open transaction (``ATOMIC_REQUESTS``: see ``@transaction.non_atomic_requests``).
    """
    policy = policy_of(action, arguments).resolved()
    if policy.when and not policy.when(request):
        return exempt(request, policy)
    decision = stepup.require(request, policy, arguments.get("bind"), bearer)
    if not decision.allowed:
        raise StepUpRequired(decision)
    return let_on(request, decision)


async def arequire_step_up(
    request: HttpRequest,
    action: str | StepUpPolicy,
    *,
    bearer: Bearer | None = None,
    **arguments: Unpack[PolicyArguments],
) -> Proof:
    """Async twin of ``require_step_up``: the same arguments, answer and errors."""
    return await sync_to_async(require_step_up)(request, action, bearer=bearer, **arguments)


def proof_of(request: HttpRequest) -> Proof | None:
    """The proof that the decorator, mixin or middleware left on *request*; None where none of them asked."""
    return getattr(request, "step_up_proof", None)


def track(request: HttpRequest, action: str, custom: Mapping[str, object] | None = None) -> None:
    """Record *action* at Authsignal and in the history. An audit trail: it never gates, raises or waits over 1 s."""
    stepup.watch(request, StepUpPolicy(action, custom=custom, mode="report_only"), bind={})


async def atrack(request: HttpRequest, action: str, custom: Mapping[str, object] | None = None) -> None:
    """Async twin of ``track``."""
    await sync_to_async(track)(request, action, custom)


@dataclass(frozen=True, slots=True)
class StepUpStatus:
    """Whether an action's window is open in this session."""

    is_open: bool = False
    seconds_left: int = 0
    verification_method: str = ""


def step_up_status(
    request: HttpRequest, action: str | StepUpPolicy, **arguments: Unpack[PolicyArguments]
) -> StepUpStatus:
    """How the window for *action* stands, by its policy or by ``max_age``. No query, no call, no effect."""
    policy = _known_policy(request, action, arguments).resolved()
    window = stepup.fitting_window(request, policy) if is_signed_in(request) else None
    if window is None or policy.max_age is None:
        return StepUpStatus()
    return StepUpStatus(True, policy.max_age - max(window.age, 0), window.verification_method)


def step_up_unlock_url(request: HttpRequest, path: str = "") -> str:
    """Where the user can open the window of the page at *path* (default: this page) before typing anything there."""
    return f"{reverse('authsignal:unlock')}?{urlencode({'page': sign_page(path or request.get_full_path())})}"


def _known_policy(request: HttpRequest, action: str | StepUpPolicy, arguments: PolicyArguments) -> StepUpPolicy:
    """For an action code alone, the policy of the view that serves *request* if it is about that action."""
    match = request.resolver_match
    policy = policy_for(match.func, match.view_name) if match else None
    if policy and policy.action == action:
        return policy_of(policy, arguments)
    return policy_of(action, arguments)
