"""The webhook step of ``authsignal_check``: an event that we sign ourselves, posted as the service would post it."""

from __future__ import annotations

import json
import secrets
from time import time
from urllib.parse import urlsplit
from uuid import uuid4

from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from django_authsignal import connection
from django_authsignal.client import Unavailable, UnexpectedAnswer
from django_authsignal.client.decoding import Reply, parse
from django_authsignal.client.delivery import post
from django_authsignal.client.sealed import Sealed
from django_authsignal.client.signature import HEADER, sign
from django_authsignal.conf import app_settings
from django_authsignal.management.checking import Outcome, Step, cause_of, failed
from django_authsignal.management.exits import Exit

__all__ = ["AUTO", "EVENT_TYPE", "webhook_step"]

AUTO = "auto"
EVENT_TYPE = "authsignal.check"
NAME = "webhook"
LONGEST_QUOTE = 120

SLASH = "Add the final slash to the URL: Django cannot redirect a POST."
EXACT = "Webhooks follow no redirect: register the URL exactly as it is served (https, host, final slash)."
IN_FRONT = (
    "Something in front of the receiver wants a login, a CSRF token, a step-up or a known address: let requests to "
    "this URL through. The receiver itself needs none of them, as it checks the signature."
)
ROUTED = 'Is path("step-up/", include("django_authsignal.urls")) in the URLconf, and the path in the URL the same?'
SIGNED = (
    "Does the site behind this URL have the same AUTHSIGNAL_SECRET and AUTHSIGNAL_TENANT_ID, and is its clock right? "
    "A proxy must pass the body on unchanged."
)
WRONG_VIEW = "Another view answers at this URL: register the URL of authsignal:webhook."
BROKEN = "See the site's log. A 503 means that its database could not be written: are its migrations applied?"


def webhook_step(wanted: str) -> Step:
    """Post a genuine and a forged event to *wanted*, a URL or 'auto' for our own: 200 and 400 are right."""
    try:
        url = _own_url() if wanted == AUTO else wanted
        _refuse_unfit(url)
        genuine = _deliver(url, app_settings.SECRET)
        if genuine.status != 200:
            return _explained(url, genuine)
        forged = _deliver(url, Sealed(secrets.token_urlsafe()))
    except ValueError as problem:
        return failed(NAME, Exit.WEBHOOK, str(problem))
    except Unavailable as error:
        todo = "Does the site run, and may this machine reach it?"
        return failed(NAME, Exit.WEBHOOK, f"{url} gives no answer: {cause_of(error)}", todo)
    if forged.status != 400:
        says = f"{url} answers {forged.status} to an event with a wrong signature; 400 would be right"
        return failed(NAME, Exit.WEBHOOK, says, WRONG_VIEW)
    says = f"{url} accepts a signed event and refuses a forged one (one event {EVENT_TYPE} is recorded there)"
    return Step(NAME, Outcome.OK, says)


def _own_url() -> str:
    try:
        path = reverse("authsignal:webhook")
    except NoReverseMatch:
        raise ValueError(f"authsignal:webhook has no URL. {ROUTED}") from None
    if not app_settings.SITE_URL:
        raise ValueError("AUTHSIGNAL_SITE_URL is not set: set it, or name the URL.")
    return app_settings.SITE_URL + path


def _refuse_unfit(url: str) -> None:
    """Raise ValueError unless *url* is https, or http on this machine."""
    try:
        parts = urlsplit(url)
        safe = parts.scheme == "https" or (parts.scheme == "http" and connection.is_loopback(parts.hostname or ""))
        fit = safe and parts.hostname and parts.port != 0 and not parts.fragment and parts.username is None
    except ValueError:
        fit = False
    if not fit or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("The URL must be an https URL without user and fragment; http only on this machine.")


def _deliver(url: str, secret: str) -> Reply:
    event = {
        "version": 1,
        "id": str(uuid4()),
        "source": "https://authsignal.com",
        "time": timezone.now().isoformat(),
        "tenantId": app_settings.TENANT_ID,
        "type": EVENT_TYPE,
        "data": {},
    }
    body = json.dumps(event).encode("ascii")
    return post(url, body, {HEADER: sign(body, secret, int(time()))}, app_settings.TIMEOUT)


def _explained(url: str, reply: Reply) -> Step:
    """What an answer other than 200 to a genuine event means."""
    status = reply.status
    # With APPEND_SLASH, Django redirects when the path lacks its slash; under DEBUG it raises for a POST.
    slash = () if urlsplit(url).path.endswith("/") or status not in (301, 500) else (SLASH,)
    if 300 <= status < 400:
        says = f"{url} answers {status}, a redirect{_target(reply.location)}"
        return failed(NAME, Exit.WEBHOOK, says, *slash, EXACT)
    says = f"{url} answers {status} to a genuine event; 200 would be right"
    if status == 400:
        return failed(NAME, Exit.WEBHOOK, says + _complaint(reply), SIGNED)
    return failed(NAME, Exit.WEBHOOK, says, *slash, _meaning(status))


def _meaning(status: int) -> str:
    if status >= 500:
        return BROKEN
    return {401: IN_FRONT, 403: IN_FRONT, 404: ROUTED, 429: IN_FRONT}.get(status, WRONG_VIEW)


def _target(location: str) -> str:
    """Where a redirect leads, without its query: that may hold what is nobody's business."""
    short = location.partition("?")[0].partition("#")[0][:LONGEST_QUOTE]
    return f" to {short}" if short else ""


def _complaint(reply: Reply) -> str:
    """What our own receiver says is wrong."""
    try:
        body = parse(reply)
    except UnexpectedAnswer:
        return ""
    error = body.get("error") if isinstance(body, dict) else None
    return f": {error[:LONGEST_QUOTE]}" if isinstance(error, str) else ""
