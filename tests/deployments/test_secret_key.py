"""A change of SECRET_KEY in the middle: with fallbacks nobody notices, without them everything open ends in order."""

from __future__ import annotations

import itertools

import pytest
from django.test import Client

from django_authsignal.models import TrackedAction

from .journey import Payment, call, look, pay
from .oddities import carry_on

OLD, NEW = "the old key of these tests", "the new key of these tests"
STEPS = ("come_back", "send_again")


@pytest.fixture(params=["db"])
def customer(request, bank, alice, settings):
    """Alice, signed in under the old key; where her session lives may be chosen."""
    settings.SECRET_KEY = OLD
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{request.param}"
    return bank.sign_in(alice, enforce_csrf_checks=True)


# Django signs sessions in the database and in cookies; in the cache it is the user's hash that the key is in.
everywhere = pytest.mark.parametrize("customer", ["db", "cache", "signed_cookies"], indirect=True)
on_the_server = pytest.mark.parametrize("customer", ["db", "cache"], indirect=True)
"""Where windows are."""


@pytest.fixture
def rotate(settings):
    """`rotate(step, fallbacks)`, for a journey: the key changes before that *step*."""

    def at(step, fallbacks):
        def before(coming):
            if coming == step:
                settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, fallbacks

        return before

    return at


@pytest.mark.parametrize("step", STEPS)
def test_nobody_notices_with_fallbacks(bank, alice, customer, rotate, journey, step):
    journey(bank, alice, customer, rotate(step, [OLD]))


@everywhere
def test_replay_after_the_change_is_denied(bank, alice, customer, rotate):  # T1
    pay(bank, alice, customer, rotate("replay", [OLD]))


@on_the_server
@pytest.mark.parametrize("was_seen", [False, True])
def test_window_stays_open_with_fallbacks_and_shuts_without(bank, alice, customer, rotate, was_seen):
    """Django itself takes a session that it sees under a fallback over to the new key; a window does not go along."""
    look(bank, alice, customer)
    if was_seen:
        rotate("", [OLD])("")
        assert customer.get("/statement/").status_code == 200
    rotate("", [])("")
    where = "http://sandbox.localhost/" if was_seen else "/sign-in/?next=/statement/"
    assert customer.get("/statement/")["Location"].startswith(where)


@everywhere
@pytest.mark.parametrize("step", STEPS)
def test_everything_open_ends_in_order_without_fallbacks(bank, alice, customer, rotate, step):
    payment = Payment(bank, customer)
    answers = carry_on(payment, rotate(step, []))
    assert payment.paid == 0
    assert {answer.status_code for answer in answers} <= {200, 302, 303, 403}
    pay(bank, alice, bank.sign_in(alice, enforce_csrf_checks=True))


@pytest.mark.parametrize("step", ["come_back", "send_again"])
def test_program_is_asked_anew_without_fallbacks(bank, alice, rotate, settings, step):
    """Its credentials outlive the key, and what it was approved for does not."""
    settings.SECRET_KEY = OLD
    sent = []

    class Program(Client):
        def request(self, **request):
            sent.append(super().request(**request))
            return sent[-1]

    with pytest.raises(Exception, match="the transfer is paid"):
        call(bank, alice, Program(), rotate(step, []))
    assert bank.ledger == []
    assert sorted(TrackedAction.objects.values_list("status", flat=True))[-1] == "pending"
    call(bank, alice, Program())


class Rolling(Client):
    """Between two workers in turns: one signs with the old key and knows the new one, the other the reverse."""

    def __init__(self, settings, **options):
        super().__init__(**options)
        self._settings, self._keys = settings, itertools.cycle([(OLD, [NEW]), (NEW, [OLD])])

    def request(self, **request):
        self._settings.SECRET_KEY, self._settings.SECRET_KEY_FALLBACKS = next(self._keys)
        return super().request(**request)


@pytest.mark.parametrize("journey", [pay, look])
@pytest.mark.parametrize("first", [0, 1])
def test_workers_amid_a_rolling_change_share_everything(bank, alice, settings, journey, first):
    browser = Rolling(settings, enforce_csrf_checks=True)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = OLD, [NEW]
    browser.force_login(alice)
    for _ in range(first):
        browser.get("/")
    journey(bank, alice, browser)
