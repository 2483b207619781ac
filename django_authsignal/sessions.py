"""What the session knows: a nonce, a login fact and windows, all signed; and, server-side only, pending hosted URLs.

An approval to be spent is never here: it is a row. Every fact is signed over the user, the session's nonce and the
user's auth hash, so it dies with a log-out, a log-in or a password change, and cannot be moved to another session.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth import logout
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.backends.signed_cookies import SessionStore as CookieSession
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from django_authsignal.client.sealed import Sealed
from django_authsignal.conf import app_settings
from django_authsignal.digests import digests
from django_authsignal.statuses import SKEW

__all__ = [
    "Window",
    "auth_hashes",
    "channels",
    "current_window",
    "has_recent_login",
    "lies_in_a_cookie",
    "open_window",
    "recall_hosted_url",
    "record_login",
    "record_sign_in",
    "remember_hosted_url",
    "sign_in_outcome",
    "sign_out_for_now",
]

SESSION_KEY = "_authsignal"
HOSTED_URLS = 5
"""How many pending challenges' URLs one session remembers: as many as a user may have open."""
SIGNING_IN_AGAIN = 600
"""How long the login page may take, in seconds, for somebody who has to sign in once more."""


@dataclass(frozen=True, slots=True)
class Window:
    """An open window: how it was opened and when."""

    age: int
    """Seconds since the spend that opened it; may be negative by the clocks' skew."""
    outcome: str
    """'allow' or 'challenge'."""
    verification_method: str
    row_pk: int


def session_of(request: HttpRequest) -> SessionBase:
    """The request's session; ImproperlyConfigured without the sessions middleware."""
    try:
        return request.session
    except AttributeError:
        raise ImproperlyConfigured(
            "django-authsignal needs SessionMiddleware and AuthenticationMiddleware in MIDDLEWARE."
        ) from None


def lies_in_a_cookie(session: object) -> bool:
    """Whether this session, or an engine's class of sessions, is kept by the browser: a copy of one never ends."""
    return isinstance(session, CookieSession) or (isinstance(session, type) and issubclass(session, CookieSession))


def channels(request: HttpRequest, *, create: bool = False) -> tuple[str, ...]:
    """Digests that name this browser's session on rows; () when it has no nonce yet and *create* is false."""
    nonce = _facts(request).get("nonce") or (_new_nonce(request) if create else None)
    return digests("channel", nonce) if nonce else ()


def auth_hashes(user: Any) -> tuple[str, ...]:
    """Digests of the user's session auth hash, which changes with the password.

    Raises ImproperlyConfigured for a user model that has none.
    """
    return tuple(digest for hashed in _session_hashes(user) for digest in digests("auth-hash", hashed))


def record_login(request: HttpRequest, user: Any) -> None:
    """Give the session a fresh nonce and note when *user* signed in. Called on ``user_logged_in``."""
    _go_on_with_csrf_token(request, user)
    facts = {"nonce": secrets.token_urlsafe(32)}
    now = int(time.time())
    facts["login"] = f"{now} {_sign(user, facts['nonce'], 'login', [now])[0]}"
    session_of(request)[SESSION_KEY] = facts


def sign_out_for_now(request: HttpRequest) -> None:
    """Log out a user who has to sign in once more before going on.

    Django gives every login a new CSRF token, and a form that waits in another tab could not be sent any more. So when
    this very user signs in again, here and soon, the token stays.
    """
    user, token, now = request.user, request.META.get("CSRF_COOKIE", ""), int(time.time())
    signature = _sign(user, token, "csrf", [now])[0]
    logout(request)
    session_of(request)[SESSION_KEY] = {"csrf": [token, now, signature]}


def _go_on_with_csrf_token(request: HttpRequest, user: Any) -> None:
    token, issued, signature = _facts(request).get("csrf", ["", 0, ""])
    in_time = -SKEW.total_seconds() <= time.time() - issued <= SIGNING_IN_AGAIN
    if token and in_time and _matches(signature, _sign(user, token, "csrf", [issued])):
        request.META["CSRF_COOKIE"] = token  # where Django's login() has just put a new one


def has_recent_login(request: HttpRequest, seconds: int) -> bool:
    """Whether this user signed in in this very session at most *seconds* ago."""
    facts = _facts(request)
    issued, _, signature = facts.get("login", "").partition(" ")
    if not issued.isdecimal() or not -SKEW.total_seconds() <= time.time() - int(issued) <= seconds:
        return False
    return _matches(signature, _sign(request.user, facts.get("nonce", ""), "login", [int(issued)]))


def open_window(
    request: HttpRequest, action: str, environment: str, *, outcome: str, verification_method: str, row_pk: int
) -> None:
    """Open a window for *action*, and give the session a new key, as Django does on a password change.

    On cookie sessions nothing opens, and every request asks: a copied cookie would outlast a log-out (T20).
    """
    if lies_in_a_cookie(session_of(request)):
        return
    now = int(time.time())
    values = [now, outcome, verification_method, row_pk]
    nonce = _facts(request).get("nonce") or _new_nonce(request)
    signature = _sign_grant(request.user, nonce, f"window {environment} {action}", values)[0]
    facts = _facts(request)
    facts["windows"] = {**facts.get("windows", {}), action: [*values, signature]}
    session_of(request).cycle_key()
    session_of(request)[SESSION_KEY] = facts


def current_window(request: HttpRequest, action: str, environment: str) -> Window | None:
    """The genuine window for *action* in this session, however old; None without one."""
    facts = _facts(request)
    *values, signature = facts.get("windows", {}).get(action, [None])
    if signature is None or lies_in_a_cookie(session_of(request)):
        return None
    genuine = _sign_grant(request.user, facts.get("nonce", ""), f"window {environment} {action}", values)
    if not _matches(signature, genuine):
        return None
    issued, outcome, verification_method, row_pk = values
    return Window(int(time.time()) - issued, outcome, verification_method, row_pk)


def record_sign_in(request: HttpRequest, action: str, environment: str, outcome: str) -> None:
    """Note that this login passed its step-up; the session gets a new key, as after any gain of rights."""
    facts = _facts(request)
    nonce = facts.get("nonce") or _new_nonce(request)
    signature = _sign_grant(request.user, nonce, f"sign-in {environment} {action}", [outcome])[0]
    facts = {**_facts(request), "sign_in": [outcome, signature]}
    session_of(request).cycle_key()
    session_of(request)[SESSION_KEY] = facts


def sign_in_outcome(request: HttpRequest, action: str, environment: str) -> str:
    """How this login passed its step-up, or '' while that is pending."""
    facts = _facts(request)
    outcome, signature = facts.get("sign_in", ["", ""])
    genuine = _sign_grant(request.user, facts.get("nonce", ""), f"sign-in {environment} {action}", [outcome])
    return str(outcome) if outcome and _matches(signature, genuine) else ""


def remember_hosted_url(request: HttpRequest, key: str, url: str, expires_at: datetime) -> None:
    """Keep a pending challenge's hosted URL, so that a refresh needs no call. Never on cookie sessions (T23).

    URLs whose time is over are dropped here, where the session is saved anyway: a spend must not cost a save.
    """
    if lies_in_a_cookie(session_of(request)):
        return
    facts = _facts(request)
    pending = [(name, kept) for name, kept in facts.get("urls", {}).items() if kept[1] > time.time()]
    urls = dict(pending[-HOSTED_URLS + 1 :])
    session_of(request)[SESSION_KEY] = {**facts, "urls": {**urls, key: [url, int(expires_at.timestamp())]}}


def recall_hosted_url(request: HttpRequest, key: str) -> str:
    """The hosted URL kept for this row, without a printable form, or ''."""
    url, expires = _facts(request).get("urls", {}).get(key, ["", 0])
    return Sealed(url) if expires > time.time() else ""


def _facts(request: HttpRequest) -> dict[str, Any]:
    facts = session_of(request).get(SESSION_KEY)
    return facts if isinstance(facts, dict) else {}


def _new_nonce(request: HttpRequest) -> str:
    nonce = secrets.token_urlsafe(32)
    session_of(request)[SESSION_KEY] = {**_facts(request), "nonce": nonce}
    return nonce


def _session_hashes(user: Any) -> list[str]:
    current = getattr(user, "get_session_auth_hash", None)
    if current is None:
        raise ImproperlyConfigured(
            f"{type(user).__name__} has no get_session_auth_hash(): derive your user model from AbstractBaseUser, "
            "so that a password change ends what was approved before it."
        )
    fallbacks = getattr(user, "get_session_auth_fallback_hash", tuple)
    return [current(), *fallbacks()]


def _sign(user: Any, nonce: str, subject: str, values: list[Any]) -> list[str]:
    """Every signature that counts as genuine; the first is the one to write."""
    return [
        signature
        for hashed in _session_hashes(user)
        for signature in digests(f"session {subject}", [str(user.pk), hashed, nonce, *values])
    ]


def _sign_grant(user: Any, nonce: str, subject: str, values: list[Any]) -> list[str]:
    """As ``_sign()``, for what a tenant of Authsignal has granted: it is nothing at another one (T46)."""
    return _sign(user, nonce, subject, [app_settings.TENANT_ID, *values])


def _matches(signature: str, genuine: list[str]) -> bool:
    return any(constant_time_compare(signature, candidate) for candidate in genuine)
