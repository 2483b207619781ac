"""One customer of the bank, who meets a crash: what they do, and what is found of it on all sides."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import requests

from django_authsignal.models import TrackedAction
from django_authsignal.sandbox.records import Action
from django_authsignal.statuses import GRANTING
from example_project.bank.models import Account, Transfer
from example_project.bank.seed import open_account

from .browser import Browser, Form, form
from .site import Site

CUT = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)


class Customer:
    """*patient*: tries again only after a minute, when the bank has heard all that the service tells it."""

    def __init__(self, name: str, site: Site, *, patient: bool) -> None:
        self.user, self._site, self._patient = open_account(name), site, patient
        self._browser = Browser()
        signing_in = form(self.open("/sign-in/"), "password").filled(username=name, password=name)
        page = self.send(signing_in)
        assert page.url == f"{site.server.url}/", page.text

    # At the bank and at Authsignal

    def open(self, url: str) -> requests.Response:
        """Open a path of the bank's, or an address that another page led to."""
        return self._browser.open(self._site.server.url + url if url.startswith("/") else url)

    def send(self, form: Form) -> requests.Response:
        return self._browser.send(form)

    def transfer(self, amount: int = 5000) -> Form:
        """The bank's form, filled in."""
        return form(self.open("/transfer/"), "amount").filled(payee="Landlord", amount=str(amount))

    def is_challenged(self, sent: Form) -> Form:
        """Send a form that is held up; the holding page's form, which sends the same again."""
        page = self.send(sent)
        assert page.status_code == 403
        held = form(page, "_step_up_key")
        self.hosted = page.text.partition('id="step-up-verify" href="')[2].partition('"')[0].replace("&amp;", "&")
        return held

    def passes(self) -> str:
        """Type the right code on the hosted page of the last challenge; the address that it leads back to."""
        typed = form(self.open(self.hosted), "code").filled(code=self._site.store.code, do="verify")
        back = self._browser.send(typed, allow_redirects=False)
        assert back.status_code in (302, 303), back.text
        return back.headers["Location"]

    def is_approved(self, back: str) -> None:
        assert "You are verified" in self.open(back).text

    def is_paid(self, sent: Form) -> None:
        """This form moves money, once."""
        before = self.ledger
        assert self.send(sent).url == f"{self._site.server.url}/"
        assert len(self.ledger) == len(before) + 1

    def starts_again(self, sent: Form) -> None:
        """Send a form that is challenged, and go through with it."""
        held = self.is_challenged(sent)
        self.is_approved(self.passes())
        self.is_paid(held)

    def dies(self, point: str, request: Callable[..., Any], *arguments: Any) -> None:
        """Make a request whose worker is killed at *point*, so that no answer ever comes."""
        with self._site.trap.set(point), pytest.raises(CUT):
            request(*arguments)

    def waits(self) -> None:
        """Before trying again."""
        if self._patient:
            before = self.ledger
            self._site.hears()
            assert self.ledger == before

    # What is found

    @property
    def actions(self) -> list[TrackedAction]:
        return list(TrackedAction.objects.filter(user=self.user).order_by("pk"))

    @property
    def statuses(self) -> list[str]:
        return [row.status for row in self.actions]

    @property
    def rows(self) -> list[tuple[str, str, str]]:
        """Each row as it stands: status, why it ended, what the service said last."""
        return [(row.status, row.reason, row.remote_state) for row in self.actions]

    @property
    def tracked(self) -> tuple[Action, ...]:
        """What the service knows, the newest first."""
        return self._site.store.actions(str(self.user.pk))

    @property
    def approvals(self) -> set[str]:
        """The keys of what the service approved."""
        return {action.key for action in self.tracked if action.state in GRANTING}

    @property
    def ledger(self) -> list[int]:
        """What was paid, oldest first."""
        transfers = Transfer.objects.filter(account__user=self.user).order_by("pk")
        return [int(transfer.amount) for transfer in transfers]

    @property
    def balance(self) -> Decimal:
        return Account.objects.get(user=self.user).balance
