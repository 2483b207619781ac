"""One request under one policy: who asks for what, bound and claimed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest

from django_authsignal import attributes, binding, connection, sessions
from django_authsignal.bearers import Bearer
from django_authsignal.callers import wants_json
from django_authsignal.claims import Claim
from django_authsignal.client.sealed import Members
from django_authsignal.conf import app_settings
from django_authsignal.models import METHOD_LIMIT, PATH_LIMIT, ROUTE_LIMIT, TrackedAction
from django_authsignal.policy import StepUpPolicy
from django_authsignal.services.decision import Decision, Outcome
from django_authsignal.services.pages import own_page

__all__ = ["Bind", "Question", "is_authenticated", "is_signed_in", "question", "return_path"]

Bind = Collection[str] | Callable[[HttpRequest], Mapping[str, object]] | Mapping[str, object] | None


LOGIN_ROUTE = "(sign-in)"


@dataclass(frozen=True, slots=True)
class Question:
    """What the gate must answer."""

    request: HttpRequest
    policy: StepUpPolicy
    values: Mapping[str, object] = field(repr=False)
    claim: Claim
    bearer: Bearer | None = None
    of_login: bool = False

    def decided(self, outcome: Outcome, row: TrackedAction | None = None, **details: Any) -> Decision:
        """The answer to this question."""
        key = row.idempotency_key if row else None
        policy = self.policy
        return Decision(
            outcome=outcome,
            action_code=policy.action,
            key=key,
            values=self.values,
            ask_again=policy.ask_again,
            bearer=self.bearer,
            **details,
        )


def is_authenticated(request: HttpRequest) -> bool:
    """Whether the request has a user, active or not."""
    return getattr(getattr(request, "user", None), "is_authenticated", False)


def is_signed_in(request: HttpRequest) -> bool:
    """Whether somebody is: an inactive account may do nothing, whatever backend let it in (T22, T34)."""
    return is_authenticated(request) and getattr(request.user, "is_active", True)


def question(
    request: HttpRequest,
    policy: StepUpPolicy,
    bind: Bind = None,
    bearer: Bearer | None = None,
    *,
    of_login: bool = False,
) -> Question:
    """Bind a signed-in *request* under *policy*; *bind* replaces the policy's own, *bearer* the session.

    *of_login* asks about the login itself: any request of it carries the same question.

    Raises ValidationError when a bound value cannot be read; ImproperlyConfigured for users that cannot be bound.
    """
    if of_login:
        bound, route, method = binding.bind_login(), LOGIN_ROUTE, ""
    else:
        bound = binding.bind_request(request, policy.bind if bind is None else bind)
        route, method = binding.route_of(request), str(request.method)
    claim = Claim(
        user_pk=request.user.pk,
        authsignal_user_id=attributes.authsignal_user_id(request.user),
        tenant=app_settings.TENANT_ID,
        environment=connection.environment(),
        action=policy.action,
        route=route[:ROUTE_LIMIT],
        method=method[:METHOD_LIMIT],
        bindings=bound.fingerprints,
        channels=bearer.channels if bearer else sessions.channels(request, create=True),
        auth_hashes=sessions.auth_hashes(request.user),
        return_path="" if bearer else return_path(request),
        ip_address=attributes.client_ip(request),
        key=binding.named_key(request),
    )
    return Question(request, policy, Members(bound.values), claim, bearer, of_login)


def return_path(request: HttpRequest) -> str:
    """Where the hosted page's return ends: the page itself when a browser's GET asked, else nowhere (T25, T27).

    A script's GET is the script's to send again: the pop-up must not spend its approval.
    """
    if request.method != "GET" or wants_json(request):
        return ""
    path = own_page(request.get_full_path())
    return path if len(path) <= PATH_LIMIT else ""
