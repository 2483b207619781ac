"""Sessions that live elsewhere, get lost, or come back from the past: a flow starts anew, and nothing goes on twice."""

from __future__ import annotations

import copy

import pytest
from django.contrib.sessions.backends.file import SessionStore
from django.core.cache import cache
from django.core.checks import run_checks
from django.test import Client

from django_authsignal.models import TrackedAction

from .journey import JOURNEYS, Payment, fill_in, look, pay
from .oddities import carry_on

ENGINES = ["cache", "cached_db", "file"]
"""Beside "db", under which everything else here runs, and "signed_cookies"."""


@pytest.fixture
def engine(settings, tmp_path, monkeypatch):
    """`engine("file")` keeps the sessions there."""

    def use(name):
        settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{name}"
        # What Django makes of SESSION_FILE_PATH, once for all tests of a process.
        monkeypatch.setattr(SessionStore, "_storage_path", str(tmp_path), raising=False)

    return use


@pytest.fixture
def sign_in(bank, alice):
    """A new browser of Alice's, under the settings that hold now."""
    return lambda: bank.sign_in(alice, enforce_csrf_checks=True)


@pytest.mark.parametrize("journey", [pay, look])
@pytest.mark.parametrize("name", ENGINES)
def test_journey_ends_as_anywhere(bank, alice, engine, sign_in, journey, name):
    engine(name)
    journey(bank, alice, sign_in())


def test_cached_sessions_on_files(bank, alice, engine, sign_in, settings, tmp_path):
    backend = {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": str(tmp_path / "cache")}
    settings.CACHES = {"default": backend}
    engine("cache")
    pay(bank, alice, sign_in())


@pytest.mark.parametrize("name", ["pay", "rename", "call"])
def test_journey_with_sessions_in_cookies(bank, alice, engine, sign_in, name):
    """No window opens there, and the system check says so."""
    engine("signed_cookies")
    JOURNEYS[name](bank, alice, sign_in())
    assert "authsignal.E010" in {message.id for message in run_checks()}


@pytest.mark.parametrize("name", ["django.contrib.sessions.backends.signed_cookies", "tests.threats.cookie_sessions"])
def test_session_in_a_cookie_opens_no_window(bank, sign_in, settings, name):  # T20
    """A copied cookie would open it again after the log-out: each look is passed for by itself."""
    settings.SESSION_ENGINE = name
    browser = sign_in()
    payment = Payment(bank, browser)
    payment.page = browser.get("/statement/")
    payment.come_back()
    assert browser.get("/statement/").status_code == 200
    machine = TimeMachine(browser)
    machine.keep()
    browser.logout()
    for _ in machine.travel():
        answer = browser.get("/statement/")
        assert answer["Location"].startswith("http://sandbox.localhost/")
    assert not {"urls", "windows"} & browser.session["_authsignal"].keys()


# A lost session: the cache is flushed between two steps.


@pytest.mark.parametrize("step", Payment.STEPS)
@pytest.mark.parametrize("name", ["cache", "file"])
def test_lost_session_restarts_the_flow_and_grants_nothing(bank, alice, engine, sign_in, tmp_path, name, step):  # F25
    engine(name)
    browser = sign_in()

    def lose(coming):
        if coming == step:
            cache.clear()
            for file in tmp_path.iterdir():
                file.unlink()

    payment = Payment(bank, browser)
    answers = carry_on(payment, lose)
    assert payment.paid == 0
    assert all(answer.status_code in (200, 302, 303, 403) for answer in answers)
    assert [answer["Location"] for answer in answers if answer.status_code == 302] != []  # to sign in
    pay(bank, alice, sign_in())
    assert len(bank.ledger) == 1


@pytest.mark.parametrize("step", ["come_back", "send_again"])
def test_lost_session_shuts_the_window(bank, alice, engine, sign_in, step):  # F25
    engine("cache")
    browser = sign_in()
    challenged = browser.get("/statement/")
    payment = Payment(bank, browser)
    payment.page = challenged
    if step == "send_again":
        payment.come_back()
        assert browser.get("/statement/").status_code == 200
    cache.clear()
    if step == "come_back":
        payment.come_back()
    assert browser.get("/statement/")["Location"].startswith("/sign-in/")
    assert sign_in().get("/statement/")["Location"].startswith("http://sandbox.localhost/")


@pytest.mark.parametrize("step", ["come_back", "send_again", "replay"])
def test_cache_that_fails_in_the_middle_grants_nothing_and_loses_nothing(bank, alice, engine, sign_in, settings, step):
    """Sessions are read from it; once it is back, what was approved before is paid, once."""  # F25
    engine("cached_db")
    payment = Payment(bank, sign_in())
    payment.browser.raise_request_exception = False
    working = settings.CACHES
    for coming in (*Payment.STEPS, "replay"):
        if coming == step:
            paid = payment.paid
            settings.CACHES = {"default": {"BACKEND": "tests.deployments.oddities.BrokenCache"}}
            assert [again().status_code for again in (payment.send_again, payment.come_back)] == [500, 500]
            assert payment.paid == paid
            settings.CACHES = working
        getattr(payment, coming)()
    assert payment.paid == 1


# A session from the past: a cookie holds all of it, and can be sent again for as long as it is signed.


class TimeMachine:
    """A browser that keeps its cookies of every moment."""

    def __init__(self, browser: Client) -> None:
        self.browser = browser
        self.kept = []

    def keep(self, step: object = None) -> None:
        self.kept.append(copy.deepcopy(self.browser.cookies))

    def travel(self):
        """Into each moment that was kept, oldest first."""
        for cookies in self.kept:
            self.browser.cookies = copy.deepcopy(cookies)
            yield


@pytest.mark.parametrize("engine_name", ["signed_cookies", "db"])
@pytest.mark.parametrize("then", ["spend", "logout"])
def test_old_cookie_pays_nothing_again(bank, alice, engine, sign_in, engine_name, then):  # T6 T20
    engine(engine_name)
    browser = sign_in()
    machine = TimeMachine(browser)
    machine.keep()
    payment = Payment(bank, browser)
    for step in Payment.STEPS:
        getattr(payment, step)()
        machine.keep(step)
    assert payment.paid == 1
    if then == "logout":
        browser.post("/sign-out/", {"csrfmiddlewaretoken": browser.cookies["csrftoken"].value})
    for _ in machine.travel():
        for again in (payment.send_again, payment.come_back, payment.send_again):
            answer = again()
            assert (payment.paid, answer.status_code in (200, 302, 303, 403, 409)) == (1, True)


@pytest.mark.parametrize("engine_name", ["signed_cookies", "db"])
def test_approval_ends_with_the_logout_whatever_cookie_comes_back(bank, alice, engine, sign_in, engine_name):  # A16
    engine(engine_name)
    browser = sign_in()
    machine = TimeMachine(browser)
    payment = Payment(bank, browser)
    payment.start()
    payment.come_back()
    machine.keep()
    browser.post("/sign-out/", {"csrfmiddlewaretoken": browser.cookies["csrftoken"].value})
    for _ in machine.travel():
        payment.send_again()
        payment.come_back()
        payment.send_again()
    assert payment.paid == 0
    assert {*TrackedAction.objects.values_list("status", flat=True)} <= {"void", "pending"}


def test_cookie_of_before_the_login_is_worth_nothing_after_it(bank, alice, engine, sign_in):  # T20
    """A session that somebody planted keeps none of the facts of the login, also where it lives in a cookie."""
    engine("signed_cookies")
    planted = Client()
    planted.get("/sign-in/")
    browser = sign_in()
    payment = Payment(bank, browser)
    payment.start()
    payment.come_back()
    payment.browser = planted
    payment.send_again()
    assert payment.paid == 0
    assert fill_in(browser, "/transfer/", amount="5000", payee="Landlord").status_code == 302
    assert payment.paid == 1
