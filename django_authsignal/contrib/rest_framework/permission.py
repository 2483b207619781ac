"""The gate as a permission, for views that cannot take the mixin."""

from __future__ import annotations

import json
from typing import Any, ClassVar, Unpack

from django.http import HttpResponse
from django.utils.cache import patch_vary_headers
from rest_framework.exceptions import APIException
from rest_framework.permissions import BasePermission
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from django_authsignal import http
from django_authsignal.policy import PolicyArguments, StepUpPolicy, policy_of

from .asking import ask, finds_nobody, is_made_up, negotiated_html

__all__ = ["StepUpPermission", "StepUpRefused", "step_up_permission"]


class StepUpRefused(APIException):
    """The gate's answer as REST framework's exception handler knows it: ``detail`` is the body of the problem."""

    def __init__(self, answer: HttpResponse) -> None:
        super().__init__()
        self.status_code = answer.status_code
        self.detail = json.loads(answer.content or b"{}")


class StepUpPermission(BasePermission):
    """What ``step_up_permission`` makes classes of."""

    step_up: ClassVar[StepUpPolicy]

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether *request* may go on. Raises StepUpRefused with what the gate answers."""
        if is_made_up(request) or not hasattr(view, "headers"):
            # Not the request that came, or not the view that serves it: a renderer asks which forms to show, or before
            # it calls another handler by itself; a schema generator asks what to list.
            return not self.step_up.resolved().protects(str(request.method))
        passed = vars(request._request).setdefault("_authsignal_passed", [])
        if type(self) in passed:  # asked again while the answer is rendered
            return True
        stopped, decision = ask(request, self.step_up, as_page=False)
        if stopped and finds_nobody(stopped):
            return False
        if stopped:
            _carry(stopped, view)
            if not negotiated_html(request):
                request.accepted_renderer, request.accepted_media_type = ProblemRenderer(), ProblemRenderer.media_type
            raise StepUpRefused(stopped)
        passed.append(type(self))
        if decision:
            _carry(http.seal(HttpResponse()), view)
        return True


def step_up_permission(action: str | StepUpPolicy, **arguments: Unpack[PolicyArguments]) -> type[StepUpPermission]:
    """A permission class for views that cannot take the mixin, such as ``@api_view`` functions; name it last.

    The same decision, but before throttles, and told as an exception. Under ``ATOMIC_REQUESTS`` it raises RuntimeError
    (check E017) unless ``@transaction.non_atomic_requests`` is on the view. The browsable API shows no forms for the
    methods that it protects.
    """
    return type("StepUpPermission", (StepUpPermission,), {"step_up": policy_of(action, arguments)})


class ProblemRenderer(JSONRenderer):
    """JSON under RFC 9457's media type."""

    media_type = "application/problem+json"


def _carry(answer: HttpResponse, view: Any) -> None:
    """Let the response that REST framework will make have the headers of the gate's *answer*."""
    patch_vary_headers(answer, ["Accept"])
    del answer["Content-Type"]
    view.headers |= {**dict(answer.items()), "Allow": view.headers["Allow"]}
