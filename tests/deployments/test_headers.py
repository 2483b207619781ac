"""Headers that a client or a careless proxy writes: believed by a trusting project, and worth nothing at any door."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from django_authsignal.models import ActionEvent, TrackedAction
from django_authsignal.services.pages import sign_page
from django_authsignal.testing import complete_step_up
from tests.journeys.steps import press_continue

from .journey import call, fill_in, look, pay

OURS, EVIL = "http://testserver", re.compile(r"evil|6\.6\.6\.6|:666")
HEADERS = {
    "Host": "evil.example",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Server": "evil.example",
    "X-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Port": "666",
    "Forwarded": "for=6.6.6.6;host=evil.example;proto=https",
    "X-Original-URL": "/evil/",
    "X-Rewrite-URL": "/evil/",
    "X-Forwarded-Prefix": "/evil",
    "X-HTTP-Method-Override": "GET",
    "X-Forwarded-For": "6.6.6.6",
    "X-Real-IP": "6.6.6.6",
    "True-Client-IP": "6.6.6.6",
}
POISONS = {name: {name: value} for name, value in HEADERS.items()} | {
    "all at once": HEADERS,
    "another port": {"Host": "testserver:666", "X-Forwarded-Port": "665"},
    "a referring page": {"Referer": "https://evil.example/evil/"},
}


class Browser(Client):
    """Sends poisoned headers with everything, and keeps every answer."""

    def __init__(self, poison: dict[str, str]) -> None:
        super().__init__(headers=poison)
        self.answers: list[Any] = []

    def request(self, **request):
        self.answers.append(super().request(**request))
        return self.answers[-1]


@pytest.fixture(params=["all at once"])
def poisoned(request, bank, alice, settings):
    """Alice's browser, whose headers this project's Django believes."""
    settings.ALLOWED_HOSTS = ["*"]
    settings.USE_X_FORWARDED_HOST = settings.USE_X_FORWARDED_PORT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    browser = Browser(POISONS[request.param])
    browser.force_login(alice)
    return browser


@pytest.mark.parametrize("poisoned", POISONS, indirect=True)
def test_no_door_believes_a_header(bank, alice, poisoned):  # A22 T25 T26 T45
    """Every door: a form's gate, the return, its clean page, resume, a page's gate, unlock, manage, enrol, webhook."""
    holding = fill_in(poisoned, reverse("transfer"), amount="5000", payee="Landlord")
    back = complete_step_up(poisoned, holding)
    poisoned.get(back["Location"])
    poisoned.get(holding.context["status_url"])
    assert press_continue(poisoned, holding)["Location"] == "/"
    opened = poisoned.get("/step-up/unlock/", {"page": sign_page("/statement/")})
    assert complete_step_up(poisoned, opened)["Location"].startswith("/step-up/unlock/?page=")
    bank.authsignal.challenge("manageAuthenticators")
    challenged = poisoned.get("/step-up/manage/")
    assert complete_step_up(poisoned, challenged)["Location"] == "/step-up/manage/"
    assert poisoned.get("/step-up/manage/")["Location"].startswith("http://sandbox.localhost/")
    bank.authsignal.unenrolled(alice)
    assert poisoned.get("/step-up/enrol/").context["state"] == "start"
    assert poisoned.post("/step-up/enrol/")["Location"].startswith("http://sandbox.localhost/")
    told = {"userId": str(alice.pk), "verificationMethod": "SMS"}
    assert poisoned.post(**bank.authsignal.signed_webhook("authenticator.created", told)).status_code == 200
    poisoned.logout()
    assert poisoned.get("/statement/")["Location"] == "/sign-in/?next=/statement/"

    assert [EVIL.findall(text) for text in everything(bank, poisoned) if EVIL.search(text)] == []
    targets = [urlsplit(answer["Location"]).netloc for answer in poisoned.answers if "Location" in answer]
    assert {*targets} == {"", "sandbox.localhost"}
    told = [request.payload for request in bank.authsignal.requests if "redirectUrl" in (request.payload or {})]
    assert len(told) == 5
    for payload in told:
        assert payload["redirectUrl"].startswith(f"{OURS}/step-up/")
        assert payload["ipAddress"] == "127.0.0.1"
    assert len(bank.ledger) == 1


def everything(bank, browser):
    """All that is answered, said to the service, or kept."""
    for answer in browser.answers:
        yield f"{answer.headers} {answer.cookies} {answer.content.decode()}"
    yield from (f"{request.path} {request.query} {request.payload}" for request in bank.authsignal.requests)
    yield from (str(row) for model in (TrackedAction, ActionEvent) for row in model.objects.values_list())
    yield from (str(session.get_decoded()) for session in Session.objects.all())


@pytest.mark.parametrize("journey", [pay, look, call])
def test_journey_ends_as_without_them(bank, alice, poisoned, journey):  # A22 T32
    journey(bank, alice, poisoned)


@pytest.mark.parametrize("host", ["testserver@evil.example", "evil.example, testserver", "evil.example/?", ""])
def test_host_that_is_none_starts_nothing(bank, alice, poisoned, host):  # A22
    answer = poisoned.post("/transfer/", {"amount": "5000", "payee": "Landlord"}, headers={"X-Forwarded-Host": host})
    assert (answer.status_code, bank.ledger, bank.authsignal.requests) == (400, [], [])


@pytest.mark.parametrize("poisoned", ["Host", "X-Forwarded-Host", "all at once"], indirect=True)
def test_unset_site_is_refused_and_never_taken_from_a_header(bank, alice, poisoned, settings):  # T26
    """Without AUTHSIGNAL_SITE_URL outside DEBUG nobody is sent anywhere, and nothing goes on."""
    settings.AUTHSIGNAL_SITE_URL = ""
    poisoned.raise_request_exception = False
    assert poisoned.get("/statement/").status_code == 500
    assert fill_in(poisoned, "/transfer/", amount="5000", payee="Landlord").status_code == 500
    assert (bank.ledger, bank.authsignal.requests) == ([], [])
