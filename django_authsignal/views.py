"""Our own pages: return from the hosted page, status for scripts, enrolment. They call services and render."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.db import Error
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import resolve_url
from django.urls import get_script_prefix
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_GET, require_http_methods

from django_authsignal import connection, http
from django_authsignal.client.sealed import Sealed
from django_authsignal.decorators import gate, outside_transactions
from django_authsignal.policy import StepUpPolicy
from django_authsignal.protection import policy_before, step_up_exempt
from django_authsignal.services import stepup, users
from django_authsignal.services.completion import TOKEN_LIMIT, Result, complete, status
from django_authsignal.services.pages import signed_page
from django_authsignal.services.question import is_signed_in
from django_authsignal.services.users import Phase
from django_authsignal.sessions import sign_out_for_now

__all__ = ["enrol", "manage", "returned", "step_up_status", "unlock"]

logger = logging.getLogger("django_authsignal")

TEXTS = {
    Result.APPROVED: (200, _("You are verified"), _("Go back to the page you came from and continue there.")),
    Result.PENDING: (
        403,
        _("You are not verified yet"),
        _("The verification was not finished. Nothing was done. You can try again."),
    ),
    Result.REFUSED: (403, _("The verification failed"), _("Nothing was done. You can start again.")),
    Result.EXPIRED: (
        403,
        _("This verification has ended"),
        _("It expired, or it belongs to another sign-in or browser. Nothing was done. Go back and start again."),
    ),
    Result.UNAVAILABLE: (
        503,
        _("We cannot verify you right now"),
        _("Nothing was done. Reload this page in a moment."),
    ),
    Result.ERROR: (
        502,
        _("Something went wrong while verifying you"),
        _("Nothing was done, and the error was recorded. Go back and start again later."),
    ),
}


@dataclass(frozen=True, slots=True)
class _Query:
    """What a hosted page sent back in the URL."""

    token: str
    """'' unless there is exactly one."""
    hop: bool
    given: bool


def _take_query(request: HttpRequest) -> _Query:
    """Take the query out of the request: error reports show requests, and a token must not be in them (T23, T65)."""
    tokens = request.GET.getlist("token")
    token = Sealed(tokens[0][: TOKEN_LIMIT + 1]) if len(tokens) == 1 else ""
    query = _Query(token, "hop" in request.GET, bool(request.GET))
    request.GET = QueryDict()
    for name in ("QUERY_STRING", "RAW_URI", "REQUEST_URI"):
        if name in request.META:
            request.META[name] = "" if name == "QUERY_STRING" else request.META[name].partition("?")[0]
    if scope := getattr(request, "scope", None):  # ASGI; servers and reporters read it when the answer is there
        scope["query_string"] = b""
    return query


def _available(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """503 also where the database cannot even say whose session this is."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except Error:
            logger.exception("a page of the step-up could not be made")
            return _failed(request, request.path if request.method == "POST" else "")

    return wrapper


@step_up_exempt
@login_not_required
@outside_transactions
@require_GET
@never_cache
@_available
def returned(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    """Where the hosted page sends the browser back to: the token is used once, in memory, and leaves the URL."""
    asked = _take_query(request)
    if asked.token and not asked.hop and not is_signed_in(request):
        # SameSite=Strict cookies are absent on a cross-site navigation; one hop within our site brings them (T30).
        again = Sealed(f"{request.path}?{urlencode({'token': asked.token, 'hop': 1})}")
        return http.page(request, "bounce.html", {"continue_url": again})
    completion = complete(request, key, asked.token)
    if completion.result is Result.APPROVED and completion.path:
        return http.harden(HttpResponseSeeOther(completion.path))
    if asked.given and completion.result not in (Result.UNAVAILABLE, Result.ERROR):
        return http.harden(HttpResponseSeeOther(request.path))
    status_code, title, message = TEXTS[completion.result]
    context = {
        "title": title,
        "message": message,
        "verified": completion.result is Result.APPROVED,
        "result": completion.result,
        "retry_url": completion.retry_url,
        "key": key,
    }
    return http.page(request, "returned.html", context, status=status_code)


@step_up_exempt
@login_not_required
@outside_transactions
@require_GET
def step_up_status(request: HttpRequest, capability: str) -> HttpResponse:
    """One word for the page that waits; the capability in the URL is the permission, the session is not touched."""
    word = status(capability)
    status_code = 404 if word is None else 503 if word == Result.UNAVAILABLE else 200
    response = HttpResponse(word or "unknown", status=status_code, content_type="text/plain")
    return http.harden(response)


@step_up_exempt
@login_not_required
@outside_transactions
@never_cache
@csrf_protect
@require_http_methods(["GET", "POST"])
@_available
def enrol(request: HttpRequest) -> HttpResponse:
    """Before and after the hosted enrolment page. Enrolment starts by POST, shortly after a login (T12)."""
    back, came_back = request.GET.get("back", ""), "returned" in request.GET
    own_path = f"{request.path}?{urlencode({'back': back})}" if back else request.path
    if _take_query(request).token:
        # The way back from the hosted page: the token is not needed, and one hop brings Strict cookies (T30).
        returned_path = f"{own_path}{'&' if back else '?'}returned=1"
        return http.page(request, "bounce.html", {"continue_url": returned_path})
    if not is_signed_in(request):
        return redirect_to_login(own_path, resolve_url(settings.LOGIN_URL))
    if request.method == "GET":
        phase = users.enrolment_phase(request, returned=came_back)
    elif request.POST.get("action") == "reauthenticate":
        sign_out_for_now(request)
        return redirect_to_login(own_path, resolve_url(settings.LOGIN_URL))
    else:
        enrolment = users.start_enrolment(request, connection.site_url(request) + own_path)
        if enrolment.phase is Phase.HOSTED:
            return http.harden(HttpResponseSeeOther(enrolment.url))
        phase = enrolment.phase
    if phase is Phase.FAILED:
        return _failed(request, own_path)
    return http.page(request, "enrol.html", {"state": phase, "continue_url": signed_page(back)})


@step_up_exempt
@login_not_required
@outside_transactions
@require_GET
@never_cache
def manage(request: HttpRequest) -> HttpResponse:
    """To the hosted settings page and back, for a user who has just passed a challenge (T12)."""
    came_back = "returned" in request.GET
    if _take_query(request).token:
        return http.page(request, "bounce.html", {"continue_url": f"{request.path}?returned=1"})
    if came_back:
        message = _("What you changed is in force.")
        context = {"title": _("You are back"), "message": message, "home_url": get_script_prefix()}
        return http.page(request, "notice.html", context)
    # Unresolved: neither report-only mode nor AUTHSIGNAL_ACTIONS may let a stolen session in here.
    decision = stepup.require(request, StepUpPolicy(users.MANAGE_ACTION, minimum="challenge", mode="enforce"))
    if not decision.allowed:
        return http.answer(request, decision)
    visit = users.start_managing(request, connection.site_url(request) + request.path)
    if visit.phase is Phase.HOSTED:
        return http.harden(HttpResponseSeeOther(visit.url))
    return _failed(request, request.path)


@step_up_exempt
@outside_transactions
@require_GET
@never_cache
def unlock(request: HttpRequest) -> HttpResponse:
    """Open a page's window before anything is typed there, and go back to it."""
    path = signed_page(request.GET.get("page", ""))
    policy = policy_before(path)
    if policy is None or policy.resolved().max_age is None:
        raise Http404("no page of ours with a window")
    stopped, _decision = gate(request, replace(policy.resolved(), methods=None))
    return stopped or http.harden(HttpResponseSeeOther(path))


def _failed(request: HttpRequest, retry_url: str) -> HttpResponse:
    status_code, title, message = TEXTS[Result.UNAVAILABLE]
    context = {"title": title, "message": message, "retry_url": retry_url, "home_url": get_script_prefix()}
    return http.page(request, "notice.html", context, status=status_code)


class HttpResponseSeeOther(HttpResponseRedirect):
    """303: whatever the method was, go on with GET."""

    status_code = 303
