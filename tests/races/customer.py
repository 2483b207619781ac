"""A customer of the bank whose browser has signed in, and what it sends, as bytes."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client
from django.utils import timezone

from django_authsignal.binding import KEY_FIELD
from django_authsignal.client.signature import HEADER
from django_authsignal.models import TrackedAction
from django_authsignal.sandbox.store import Store
from django_authsignal.sessions import SESSION_KEY
from example_project.bank.models import Account
from example_project.bank.seed import open_account
from tests.journeys.steps import Form
from tests.webhooks import events

from .volley import Answer, encoded, volley

CSRF = "c" * 32  # cookie and field must agree, and that is all
TRANSFER = {"amount": "5000", "payee": "Landlord"}
BALANCE = 1_000_000
"""More than all the submits of a volley could take together: it must not be for want of money that only one pays."""
REFUSED = {403, 409, 429, 503}
"""Challenged or taken back, already used, throttled, and a database that is busy."""


class Customer:
    def __init__(self, url: str, store: Store) -> None:
        self.url, self.store = url, store
        self.user = open_account(f"customer-{uuid.uuid4().hex[:12]}")
        Account.objects.filter(user=self.user).update(balance=BALANCE)
        browser = Client()
        browser.force_login(self.user)
        self.session = browser.cookies[settings.SESSION_COOKIE_NAME].value

    def send(self, *requests: bytes) -> list[Answer]:
        return volley(self.url, requests)

    def request(self, method: str, path: str, form: dict[str, str] | None = None, session: str = "") -> bytes:
        cookies = f"{settings.SESSION_COOKIE_NAME}={session or self.session}; {settings.CSRF_COOKIE_NAME}={CSRF}"
        body = {**form, "csrfmiddlewaretoken": CSRF} if form is not None else b""
        return encoded(self.url, method, path, body=body, Cookie=cookies)

    def submit(self, key: str = "") -> bytes:
        """The transfer's form; with *key* it is the holding page's, which names its row."""
        return self.request("POST", "/transfer/", {**TRANSFER, **({KEY_FIELD: key} if key else {})})

    def look(self, session: str = "") -> bytes:
        """At the statement, which a window keeps open."""
        return self.request("GET", "/statement/", session=session)

    def leave(self) -> bytes:
        return self.request("POST", "/sign-out/", {})

    def open_sessions(self, *keys: str) -> set[str]:
        """Those of these sessions to which the statement is open."""
        answers = self.send(*[self.look(key) for key in keys])
        return {key for key, answer in zip(keys, answers, strict=True) if answer.status == 200}

    def asked(self) -> str:
        """Submit the transfer and be challenged; the key of the row."""
        return key_of(*self.send(self.submit()))

    def passed(self, key: str, action: str = "withdrawFunds") -> bytes:
        """Pass the challenge on the hosted page; the request by which the browser comes back from there."""
        tracked = self.store.action(str(self.user.pk), action, key)
        tracked = self.store.update_action(tracked, state="CHALLENGE_SUCCEEDED", method="SMS")
        return self.request("GET", f"/step-up/return/{key}/?token={self.store.token(tracked)}")

    def approved(self) -> str:
        """Submit the transfer, pass its challenge and come back: the key of the row."""
        key = self.asked()
        assert statuses(self.send(self.passed(key))) == [303]
        return key

    def says(self, event: dict[str, Any]) -> bytes:
        """*event* as the service sends it."""
        body = events.encoded(event)
        headers = {"Content-Type": "application/json", HEADER: events.signed(body)}
        return encoded(self.url, "POST", events.PATH, body=body, **headers)

    def rows(self, **conditions: Any) -> Any:
        return TrackedAction.objects.filter(user=self.user, **conditions)

    def lose_nonce(self) -> None:
        """Make the session one that was there before django-authsignal was installed."""
        session = SessionStore(self.session)
        del session[SESSION_KEY]
        session.save()


def sessions_in(answers: Sequence[Answer]) -> set[str]:
    """The session keys that these answers give the browser."""
    headers = [header for answer in answers for header in answer.headers.get_all("Set-Cookie", [])]
    return {header.split("=")[1].split(";")[0] for header in headers if header.startswith("sessionid=")} - {'""'}


def word(row: TrackedAction, state: str) -> dict[str, Any]:
    """The service's log says that the action of *row* has just come into *state*."""
    return events.log(row, state, (timezone.now() - events.START).total_seconds())


def key_of(page: Answer) -> str:
    """The row that a holding page names."""
    return dict(Form(page).hidden)[KEY_FIELD]


def statuses(answers: Sequence[Answer]) -> list[int]:
    return [answer.status for answer in answers]


def winners(answers: Sequence[Answer]) -> int:
    """How many of these submits were told that they paid; all others must be refused in a way that we know."""
    assert {*statuses(answers)} <= {302, *REFUSED}
    assert {answer.headers["Location"] for answer in answers if answer.status == 302} <= {"/"}
    return statuses(answers).count(302)
