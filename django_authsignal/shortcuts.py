"""The gate as a call, for the place where the operation's data are known: ``form_valid()``, a service."""

from __future__ import annotations

from typing import Unpack

from asgiref.sync import sync_to_async
from django.http import HttpRequest

from django_authsignal.exceptions import StepUpRequired
from django_authsignal.policy import PolicyArguments, StepUpPolicy, policy_of
from django_authsignal.services import stepup
from django_authsignal.services.decision import Proof

__all__ = ["Proof", "StepUpRequired", "arequire_step_up", "require_step_up"]


def require_step_up(request: HttpRequest, action: str | StepUpPolicy, **arguments: Unpack[PolicyArguments]) -> Proof:
    """Return proof that *request* may perform *action* now, or raise ``StepUpRequired`` (a ``PermissionDenied``).

    ``bind`` may also be the data themselves, such as ``{"amount": amount}``: what the approval is for. It is shown to
    the user, sent to Authsignal, and must be the same when the request is sent again. ``StepUpMiddleware`` answers the
    exception as the decorator would.

    It decides whatever the method; the ``methods`` of a policy speak to the decorator.

    Raises RuntimeError inside an open transaction (``ATOMIC_REQUESTS``: see ``@transaction.non_atomic_requests``).
    """
    policy = policy_of(action, arguments).resolved()
    if policy.when and not policy.when(request):
        return Proof(policy.action, None, "exempt")
    decision = stepup.require(request, policy, arguments.get("bind"))
    if not decision.allowed:
        raise StepUpRequired(decision)
    return Proof(policy.action, decision.key, decision.reason)


async def arequire_step_up(
    request: HttpRequest, action: str | StepUpPolicy, **arguments: Unpack[PolicyArguments]
) -> Proof:
    """Async twin of ``require_step_up``: the same arguments, answer and errors."""
    return await sync_to_async(require_step_up)(request, action, **arguments)
