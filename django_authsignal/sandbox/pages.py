"""The hosted pages: one URL whose token says which user and action it is about.

The state of that action chooses the page: a challenge to pass, the result of one, a first authenticator to enrol, or
the list of authenticators. No cookie is ever set; whoever holds the URL may act, so a form needs no CSRF token.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpResponse, HttpResponseRedirect
from django.template import Context, Engine

from .records import State, Visit
from .wire import SandboxRequest

__all__ = ["front", "hosted", "with_token"]

# Its own engine: the pages look the same in every project, whatever its TEMPLATES say.
ENGINE = Engine(dirs=[str(Path(__file__).parent / "templates")])
METHOD_NAMES = {
    "SMS": "text message",
    "EMAIL_OTP": "e-mail",
    "EMAIL_MAGIC_LINK": "e-mail link",
    "AUTHENTICATOR_APP": "authenticator app",
    "PASSKEY": "passkey",
    "WHATSAPP": "WhatsApp",
}
# What the page can enrol, and the wire field each asks for.
ENROLLABLE = {"SMS": "phoneNumber", "EMAIL_OTP": "email", "AUTHENTICATOR_APP": None}
SAMPLES = {"phoneNumber": "+64271234567", "email": "you@example.com"}
RESULTS = {
    State.CHALLENGE_SUCCEEDED: ("Verified", "You have confirmed this action."),
    State.CHALLENGE_FAILED: ("Not verified", "This challenge has failed."),
}


@dataclass(frozen=True, slots=True)
class Page:
    """A request for a hosted page, with what its token speaks of."""

    request: SandboxRequest
    visit: Visit

    @property
    def is_popup(self) -> bool:
        return self.request.GET.get("mode") == "popup"

    @property
    def is_challenge(self) -> bool:
        action = self.visit.action
        return action is not None and action.state == State.CHALLENGE_REQUIRED and not action.to_settings

    def render(self, template: str, *, status: int = 200, **context: Any) -> HttpResponse:
        action, user = self.visit.action, self.visit.user
        names = {"action": action, "user": user, "is_popup": self.is_popup, "redirect_url": self.visit.redirect_url}
        return _render(template, status=status, **names, **context)


def hosted(request: SandboxRequest) -> HttpResponse:
    visit = request.sandbox.visit(request.GET.get("token", ""))
    if visit is None:
        text = (
            "This link is not from this sandbox, or the sandbox was restarted since. Start again in your application."
        )
        return _render("message.html", status=404, title="Unknown link", text=text)
    page = Page(request, visit)
    do = DEEDS.get(request.POST.get("do", "")) if request.method == "POST" else None
    if visit.expires_at <= request.sandbox.clock() and do is not leave:
        text = "Links are short-lived. Go back to your application and try once more."
        return page.render("message.html", status=410, title="This link has expired", text=text, can_leave=True)
    return do(page) if do else show(page)


def show(page: Page, problem: str = "") -> HttpResponse:
    """The page that the state of things asks for."""
    action, user = page.visit.action, page.visit.user
    if page.is_challenge:
        return challenge(page, problem)
    if action and not action.to_settings and action.state in RESULTS:
        title, text = RESULTS[State(action.state)]
        return page.render("message.html", title=title, text=text, can_leave=True)
    choices = [
        {"method": method, "name": METHOD_NAMES[method], "field": field, "value": _suggestion(page, field)}
        for method, field in ENROLLABLE.items()
    ]
    factors = [
        {"id": known.id, "name": METHOD_NAMES.get(known.method, known.method), "address": known.address}
        for known in user.authenticators
    ]
    template = "settings.html" if user.is_enrolled else "enrol.html"
    return page.render(template, choices=choices, authenticators=factors, problem=problem)


def challenge(page: Page, problem: str = "") -> HttpResponse:
    methods = [{"method": name, "name": METHOD_NAMES.get(name, name)} for name in page.visit.user.methods]
    chosen = page.request.POST.get("method") or (methods[0]["method"] if methods else "SMS")
    factor = page.visit.user.authenticator_for(chosen)
    if not (problem or _sends_code(page, chosen, factor.address if factor else "")):
        text = "Your application was asked to send the code, and did not. Go back to it and try again."
        return page.render("message.html", status=502, title="No code was sent", text=text, can_leave=True)
    return page.render(
        "challenge.html",
        methods=methods,
        chosen=chosen,
        name=METHOD_NAMES.get(chosen, chosen),
        address=factor.address if factor else "",
        code=page.request.sandbox.code,
        problem=problem,
        values=list(page.visit.action.custom.items()) if page.visit.action else [],
    )


def _sends_code(page: Page, method: str, address: str) -> bool:
    action, store = page.visit.action, page.request.sandbox
    about = {"actionCode": action.code, "idempotencyKey": action.key} if action else {}
    return store.webhooks.starts_challenge(method, address, store.code, userId=page.visit.user.id, **about)


def verify(page: Page) -> HttpResponse:
    """Check a typed code. A wrong one changes nothing; the user may try again."""
    code = re.sub(r"\s", "", page.request.POST.get("code", ""))
    if code != page.request.sandbox.code:
        return show(page, "That code is not right. Try again.")
    method = page.request.POST.get("method") or next(iter(page.visit.user.methods), "SMS")
    return _answer_challenge(page, State.CHALLENGE_SUCCEEDED, method)


def fail(page: Page) -> HttpResponse:
    return _answer_challenge(page, State.CHALLENGE_FAILED, None)


def _answer_challenge(page: Page, state: State, method: str | None) -> HttpResponse:
    if page.visit.action and page.is_challenge:
        factor = page.visit.user.authenticator_for(method)
        settled = page.request.sandbox.answer_challenge(
            page.visit.action,
            state,
            method=method,
            authenticator_id=factor.id if factor else None,
            only_from=(State.CHALLENGE_REQUIRED,),
        )
        if settled.state == State.CHALLENGE_REQUIRED:
            text = "Your application refused it: it no longer waits for this. Go back to it and start again."
            return page.render("message.html", status=409, title="Not verified", text=text, can_leave=True)
    return leave(page)


def enrol(page: Page) -> HttpResponse:
    """Add an authenticator: the first one leads back to the application, a further one to the list."""
    method = page.request.POST.get("method", "")
    if method not in ENROLLABLE:
        return show(page, "Choose one of the methods below.")
    field, fields = ENROLLABLE[method], {}
    if field:
        fields[field] = page.request.POST.get(field, "").strip()
        if not fields[field]:
            return show(page, f"Enter where the {METHOD_NAMES[method]} shall go.")
    was_enrolled = page.visit.user.is_enrolled
    page.request.sandbox.enrol(page.visit.user.id, method, fields)
    return _again(page) if was_enrolled else leave(page)


def remove(page: Page) -> HttpResponse:
    page.request.sandbox.remove_authenticator(page.visit.user.id, page.request.POST.get("authenticator", ""))
    return _again(page)


def leave(page: Page) -> HttpResponse:
    """Back to the application with a fresh token, whatever the outcome; in a pop-up, by a message to its opener."""
    token = page.request.sandbox.token(page.visit.action or page.visit.user, scope=page.visit.scope)
    target = page.visit.redirect_url
    if page.is_popup:
        parts = urlsplit(target or "")
        closing = {"token": token, "origin": f"{parts.scheme}://{parts.netloc}" if target else "*"}
        return page.render("close.html", closing=closing, target=target and with_token(target, token))
    if target:
        return _see_other(with_token(target, token))
    return page.render("message.html", title="Done", text="You can close this page and return to your application.")


def _again(page: Page) -> HttpResponse:
    return _see_other(page.request.get_full_path())


def front(request: SandboxRequest) -> HttpResponse:
    """What a developer sees who opens the sandbox's address."""
    return _render("front.html", store=request.sandbox)


DEEDS: dict[str, Callable[[Page], HttpResponse]] = {
    "verify": verify,
    "fail": fail,
    "quit": leave,
    "enrol": enrol,
    "remove": remove,
    "method": challenge,
}


def with_token(url: str, token: str) -> str:
    """*url* with ``token`` added to its query; what the query held already stays byte for byte."""
    parts = urlsplit(url)
    query = f"{parts.query}&token={token}" if parts.query else f"token={token}"
    return parts._replace(query=query).geturl()


def _suggestion(page: Page, field: str | None) -> str:
    return str(page.visit.user.fields.get(field) or SAMPLES[field]) if field else ""


def _see_other(url: str) -> HttpResponse:
    return _private(HttpResponseRedirect(url, status=303))


def _render(template: str, *, status: int = 200, **context: Any) -> HttpResponse:
    html = ENGINE.get_template(template).render(Context(context))
    return _private(HttpResponse(html, status=status, content_type="text/html; charset=utf-8"))


def _private(response: HttpResponse) -> HttpResponse:
    """The URL holds a token: it must neither be cached nor travel on as a referrer."""
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Content-Type-Options"] = "nosniff"
    return response
