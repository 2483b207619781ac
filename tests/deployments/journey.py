"""Whole ways through the bank: challenge, pass, return, send again, and every replay.

What must hold is said with exceptions, so that it is also checked where ``assert`` does nothing (``python -OO``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.test import Client
from django.urls import reverse
from rest_framework.authtoken.models import Token

from django_authsignal.testing import complete_step_up
from tests.journeys.steps import press_continue

__all__ = ["JOURNEYS", "BrokenPromiseError", "Payment", "call", "look", "must", "pay", "rename"]

HOSTED = "sandbox.localhost"
Before = Callable[[str], object]
"""What a test does between the steps; it is told which comes: start, come_back, send_again."""


class BrokenPromiseError(Exception):
    """Something went on that must not, or did not that must."""


def must(holds: object, promise: str, response: Any = None) -> None:
    """Raise BrokenPromiseError, with what the last answer was, unless *holds*."""
    if not holds:
        told = f": {response.status_code} {response.headers} {response.content[:2000]!r}" if response else ""
        raise BrokenPromiseError(promise + told)


def nothing(step: str) -> None:
    """Let the step come."""


def fill_in(browser: Client, page: str, **fields: str) -> Any:
    """Send the form on *page*."""
    shown = browser.get(page)
    must(shown.status_code == 200, "the form is shown", shown)
    return browser.post(page, {**fields, "csrfmiddlewaretoken": str(shown.context["csrf_token"])})


class Payment:
    """One transfer that needs a challenge, a step at a time."""

    STEPS = ("start", "come_back", "send_again")

    def __init__(self, bank: Any, browser: Client) -> None:
        self.bank, self.browser = bank, browser
        self.page: Any = None
        """The holding page."""
        self._paid_before = len(bank.ledger)

    @property
    def paid(self) -> int:
        """How often it was paid."""
        return len(self.bank.ledger) - self._paid_before

    def start(self) -> Any:
        """Fill in the form and send it."""
        self.page = fill_in(self.browser, reverse("transfer"), amount="5000", payee="Landlord")
        return self.page

    def come_back(self) -> Any:
        """Pass the challenge on the hosted page and return from there."""
        return complete_step_up(self.browser, self.page)

    def send_again(self, **other: str) -> Any:
        """Press "Continue" on the holding page."""
        return press_continue(self.browser, self.page, **other)

    def replay(self) -> None:
        """Everything that could make the bank pay again."""
        for again in (self.send_again, self.come_back, self.send_again, self.start, self.send_again):
            answer = again()
            must(answer.status_code in (302, 303, 403, 409), "a replay is answered clearly", answer)
            must(self.paid == 1, f"{again.__name__} paid again", answer)


def pay(bank: Any, user: Any, browser: Client, before: Before = nothing) -> None:
    """The decorator: one approval pays one transfer, of this amount, from this browser."""
    payment = Payment(bank, browser)
    before("start")
    payment.start()
    early = payment.send_again()
    must((early.status_code, payment.paid) == (403, 0), "nothing is paid before the challenge", early)
    before("come_back")
    payment.come_back()
    dearer = payment.send_again(amount="9999")
    must((dearer.status_code, payment.paid) == (403, 0), "another amount is not paid", dearer)
    before("send_again")
    done = payment.send_again()
    must((done.status_code, payment.paid) == (302, 1), "the approved transfer is paid", done)
    before("replay")
    payment.replay()


def look(bank: Any, user: Any, browser: Client, before: Before = nothing) -> None:
    """A window: it opens by a challenge, for this browser alone."""
    page = reverse("statement")
    before("start")
    challenged = browser.get(page)
    must(challenged.status_code == 302 and urlsplit(challenged["Location"]).netloc == HOSTED, "challenged", challenged)
    must(browser.get(page).status_code == 302, "the page stays shut before the challenge")
    before("come_back")
    back = complete_step_up(browser, challenged)
    must((back.status_code, back["Location"]) == (303, page), "the return leads back to the page", back)
    before("send_again")
    for _ in range(2):
        seen = browser.get(page)
        must(seen.status_code == 200, "the window is open", seen)
        must("no-store" in seen["Cache-Control"], "no cache may keep the page", seen)
    other = bank.sign_in(user).get(page)
    must(other.status_code == 302 and HOSTED in other["Location"], "another browser is challenged", other)


def rename(bank: Any, user: Any, browser: Client, before: Before = nothing) -> None:
    """The mixin on an async class-based view."""
    page = reverse("profile")
    before("start")
    challenged = fill_in(browser, page, first_name="Ann", email="ann@bank.example")
    must(challenged.status_code == 403, "challenged", challenged)
    before("come_back")
    complete_step_up(browser, challenged)
    before("send_again")
    done = press_continue(browser, challenged)
    must((done.status_code, done.get("Location")) == (302, page), "the profile is changed", done)
    again = press_continue(browser, challenged)
    must(again.status_code == 409, "and not twice", again)


def call(bank: Any, user: Any, browser: Client, before: Before = nothing) -> None:
    """REST framework's mixin, for a program with a token and no session."""
    paid_before = len(bank.ledger)
    program = Client(headers={"Authorization": f"Token {Token.objects.get_or_create(user=user)[0].key}"})

    def send(headers: dict[str, str]) -> Any:
        data = {"amount": "5000.00", "payee": "Landlord"}
        return program.post(reverse("api-transfers"), data, content_type="application/json", headers=headers)

    before("start")
    challenged = send({})
    problem = challenged.json()
    must((challenged.status_code, problem.get("code")) == (403, "step_up_required"), "challenged", challenged)
    before("come_back")
    back = complete_step_up(program, challenged)
    named = {
        "Authsignal-Step-Up": f"{problem['key']}.{problem['resume']}",
        "Authsignal-Token": parse_qs(back.request["QUERY_STRING"])["token"][0],
    }
    must(len(bank.ledger) == paid_before, "nothing is paid before the token is brought", back)
    before("send_again")
    done = send(named)
    must((done.status_code, len(bank.ledger)) == (201, paid_before + 1), "the transfer is paid", done)
    again = send(named)
    must((again.status_code, len(bank.ledger)) == (409, paid_before + 1), "and not twice", again)


JOURNEYS: dict[str, Callable[..., None]] = {"pay": pay, "look": look, "rename": rename, "call": call}
