"""Decision -> HTTP: the only place that makes a response of one.

A page for a person; ``application/problem+json`` for a script. A form that was stopped comes back as a holding page, so
that what the user typed is not lost.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeVar
from unicodedata import bidirectional, category
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.shortcuts import render, resolve_url
from django.urls import get_script_prefix, reverse
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.formats import localize, number_format
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from django_authsignal.callers import wants_json
from django_authsignal.client.sealed import Sealed
from django_authsignal.holding import hold, label_of
from django_authsignal.policy import StepUpPolicy
from django_authsignal.services.asking import RETRY_SECONDS
from django_authsignal.services.completion import status_capability
from django_authsignal.services.decision import Decision, Outcome
from django_authsignal.services.users import enrol_path
from django_authsignal.wording import REASONS, WORDS, Words

__all__ = ["answer", "answer_itself", "harden", "page", "seal"]

OPEN_METHODS = ("POST", "PUT", "PATCH", "DELETE")
TURNING = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
"""Unicode's bidirectional classes of embeddings, overrides and isolates."""

R = TypeVar("R", bound=HttpResponseBase)


PAGES_WITH_FORM = frozenset({"holding.html", "enrol.html"})
"""Under ``no-referrer`` browsers send ``Origin: null`` with a form, which Django's CSRF check refuses. Nothing of these
pages' own URLs is secret, and no other origin gets to see it."""

SENDABLE_AGAIN = frozenset({Outcome.CHALLENGE, Outcome.ENROL, Outcome.THROTTLED, Outcome.UNAVAILABLE})
"""Outcomes after which sending the very same form again can succeed."""


def answer(request: HttpRequest, decision: Decision) -> HttpResponse:
    """Tell the caller, in the form it understands, why its request did not go on."""
    make = _as_problem if decision.bearer or wants_json(request) else _as_page
    response = make(request, decision, WORDS[decision.outcome])
    if decision.retry_after is not None:
        response["Retry-After"] = str(decision.retry_after)
    response.step_up = decision  # type: ignore[attr-defined]  # for tests and middleware
    return harden(response)


def answer_itself(request: HttpRequest, policy: StepUpPolicy) -> HttpResponse | None:
    """Answer what must never reach a gated view: HEAD, OPTIONS, TRACE, a prefetch, unsafe methods not in *policy*."""
    method = str(request.method)
    refused = method == "TRACE" or (policy.methods is not None and method not in ("GET", *policy.methods))
    prefetch = policy.protects(method) and request.headers.get("Sec-Purpose", "").startswith("prefetch")
    if method not in ("HEAD", "OPTIONS") and not refused and not prefetch:
        return None
    allowed = dict.fromkeys(["GET", "HEAD", "OPTIONS", *(policy.methods or OPEN_METHODS)])
    status = 200 if method in ("HEAD", "OPTIONS") else 405 if refused else 503
    return harden(HttpResponse(status=status, headers={"Allow": ", ".join(allowed)}))


def page(request: HttpRequest, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    """Render one of our own pages with the headers that all of them carry."""
    response = render(request, f"authsignal/{template}", context, status=status)
    if template in PAGES_WITH_FORM:
        response["Referrer-Policy"] = "same-origin"
    if status == 503:
        response["Retry-After"] = str(RETRY_SECONDS)
    return harden(response)


def harden(response: R) -> R:
    """Headers of every answer that the gate makes: never stored, never framed, never referred (T23, T31, T33)."""
    patch_cache_control(response, private=True, no_store=True)
    patch_vary_headers(response, ["Accept", "Cookie", "HX-Request"])
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    response["X-Frame-Options"] = "DENY"
    response["Cross-Origin-Opener-Policy"] = "same-origin-allow-popups"
    return response


def seal(response: R) -> R:
    """Headers of a protected view's own response: a cache must never hand it to somebody else (T31)."""
    if response.has_header("Cache-Control"):
        patch_cache_control(response, private=True, no_store=True)
    else:  # what that comes to, for a third of its time
        response["Cache-Control"] = "private, no-store"
    patch_vary_headers(response, ["Cookie"])
    return response


def _as_page(request: HttpRequest, decision: Decision, words: Words) -> HttpResponse:
    if decision.outcome is Outcome.LOGIN:
        return redirect_to_login(request.get_full_path(), resolve_url(settings.LOGIN_URL))
    verify_url = _verify_url(request, decision)
    if verify_url and request.method == "GET":
        return HttpResponseRedirect(verify_url)
    context = {
        "title": words.title,
        "message": words.message,
        "shown": _shown(decision),
        "verify_url": verify_url,
        "verify_label": _("Set up verification") if decision.outcome is Outcome.ENROL else _("Verify"),
        "status_url": _status_url(decision),
    }
    held = None
    if decision.outcome in SENDABLE_AGAIN:
        held = hold(request, str(decision.key or ""), decision.ask_again)
    if held:
        again = {
            "form": held,
            "continue_label": _("Continue") if verify_url else _("Try again"),
            "cancel_url": _page_before(request),
        }
        return page(request, "holding.html", context | again, words.status)
    notice = {
        "details": _details(decision),
        "retry_url": request.get_full_path() if request.method == "GET" and words.status >= 429 else "",
        "home_url": get_script_prefix(),
    }
    return page(request, "notice.html", context | notice, words.status)


def _as_problem(request: HttpRequest, decision: Decision, words: Words) -> HttpResponse:
    """RFC 9457 problem details; the members beside its own are the documented contract with scripts."""
    body = {
        "title": words.title,
        "status": words.status,
        "detail": words.message,
        "code": words.code,
        "action": decision.action_code,
    }
    if decision.outcome is Outcome.CHALLENGE:
        body |= {
            "challenge_url": decision.url,
            "status_url": _status_url(decision),
            "key": decision.key,
            "expires_at": decision.expires_at,
            "shown": _shown(decision),
        }
        if decision.bearer and decision.bearer.is_new:
            body |= {"resume": decision.bearer.secret}
    elif decision.outcome is Outcome.ENROL:
        body |= {"enrol_url": _verify_url(request, decision)}
    if details := _details(decision):
        body |= {"errors": details}
    response = JsonResponse(body, status=words.status, content_type="application/problem+json")
    if decision.bearer and decision.outcome in (Outcome.CHALLENGE, Outcome.ENROL):
        # RFC 9470: the credentials are good, but this operation needs the user once more.
        response["WWW-Authenticate"] = 'Bearer error="insufficient_user_authentication"'
    return response


def _page_before(request: HttpRequest) -> str:
    """The page of ours that the form was on, as the browser tells it; else the start page."""
    referer = urlsplit(request.headers.get("Referer", ""))
    path = urlunsplit(("", "", referer.path, referer.query, ""))
    ours = referer.netloc == request.get_host() and url_has_allowed_host_and_scheme(path, allowed_hosts=None)
    return path if ours else get_script_prefix()


def _verify_url(request: HttpRequest, decision: Decision) -> str:
    """Where the user can do something about it: the hosted page, or our enrol page."""
    return enrol_path(request) if decision.outcome is Outcome.ENROL else decision.url


def _status_url(decision: Decision) -> str:
    if decision.outcome is not Outcome.CHALLENGE or decision.key is None:
        return ""
    return reverse("authsignal:status", args=[status_capability(decision.key)])


def _details(decision: Decision) -> list[str]:
    reason = REASONS.get(decision.reason) if decision.outcome is Outcome.BLOCKED else None
    return [_visible(detail) for detail in (*decision.details, *([reason] if reason else []))]


def _shown(decision: Decision) -> list[tuple[str, list[str]]]:
    """The bound values as the user reads them before approving."""
    return [
        (label_of(name), [Sealed(_visible(item)) for item in (value if isinstance(value, list | tuple) else [value])])
        for name, value in decision.values.items()
        if value not in ("", None)
    ]


def _visible(value: object) -> str:
    """One value as text; characters that hide or turn the reading order round are spelt out: nothing is disguised."""
    text = _told(value)
    return "".join(f"⟨U+{ord(char):04X}⟩" if _disguises(char) else char for char in text)


def _told(value: object) -> str:
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, Decimal | float):  # an amount; an int may be a number of something, such as an account
        return number_format(value, use_l10n=True, force_grouping=True)
    return str(localize(value))


def _disguises(char: str) -> bool:
    return bidirectional(char) in TURNING or category(char) == "Cs" or (category(char) == "Cc" and char not in "\t\r\n")
