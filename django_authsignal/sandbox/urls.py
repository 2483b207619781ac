"""Which view answers which request.

Django's own resolver works on the decoded path, where ``a%2Fb`` is two segments already; here the raw path was split
first (``journal.split_path``), so this small table does the matching. ``None`` stands for one captured segment.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping

from django.http import HttpResponse

from . import api, headless, pages
from .journal import LoggedRequest
from .wire import UNAUTHORIZED, ApiError, SandboxRequest, body_of, error

__all__ = ["respond"]

View = Callable[..., HttpResponse]
Pattern = tuple[str | None, ...]

USER: Pattern = ("users", None)
ROUTES: Mapping[Pattern, Mapping[str, View]] = {
    ("users",): {"GET": api.query_users},
    # Batch enrolment, which is not served, must not be taken for a user of that name.
    ("users", "authenticators"): {},
    USER: {
        "GET": api.get_user,
        "PATCH": api.update_user,
        "POST": api.update_user,
        "DELETE": api.delete_user,
    },
    (*USER, "actions"): {"GET": api.query_actions},
    (*USER, "actions", None): {"POST": api.track},
    (*USER, "actions", None, None): {"GET": api.get_action, "PATCH": api.update_action},
    (*USER, "authenticators"): {"POST": api.enrol, "GET": api.list_authenticators},
    (*USER, "authenticators", None): {"DELETE": api.delete_authenticator},
    ("validate",): {"POST": api.validate},
    ("challenge",): {"POST": headless.start},
    ("verify",): {"POST": headless.verify},
    ("challenges",): {"GET": headless.find},
    ("claim",): {"POST": headless.claim},
}


def respond(request: SandboxRequest) -> HttpResponse:
    """Answer any request: the hosted page and the front page by their own paths, all else is the API."""
    if request.segments == ("hosted",):
        return pages.hosted(request)
    if request.raw_path == "/" and request.method == "GET":
        return pages.front(request)
    response = _api(request)
    request.sandbox.journal.requests.append(
        LoggedRequest(
            method=request.method or "",
            path=request.raw_path,
            query=request.GET.dict(),
            payload=_payload(request),
            status=response.status_code,
        )
    )
    return response


def _api(request: SandboxRequest) -> HttpResponse:
    """One API request: scripted fault, then credentials, then path, then body, in the service's order."""
    if fault := request.sandbox.journal.next_fault():
        return error(fault.status, fault.code, "A fault that the sandbox was told to show.", fault.headers)
    if not _is_authorized(request):
        return error(401, "unauthorized", UNAUTHORIZED)
    view, captured = _match(request.method or "", request.segments)
    try:
        return view(request, *captured)
    except ApiError as refusal:
        return error(refusal.status, refusal.code, refusal.text)


def _match(method: str, segments: tuple[str, ...]) -> tuple[View, tuple[str, ...]]:
    for pattern, views in ROUTES.items():
        if len(pattern) == len(segments) and all(
            want in (None, have) for want, have in zip(pattern, segments, strict=True)
        ):
            captured = tuple(have for want, have in zip(pattern, segments, strict=True) if want is None)
            return views.get(method, api.not_found), captured
    return api.not_found, ()


def _is_authorized(request: SandboxRequest) -> bool:
    """HTTP Basic with the secret as user name; the password is empty in every SDK and not looked at."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        name = base64.b64decode(encoded.strip(), validate=True).rpartition(b":")[0]
    except (binascii.Error, ValueError):
        return False
    return scheme.lower() == "basic" and hmac.compare_digest(name, request.sandbox.secret.encode())


def _payload(request: SandboxRequest) -> Mapping[str, object]:
    try:
        return body_of(request)
    except ApiError:
        return {}
