"""Enrolling many numbers: order, rests, the end of a run that cannot go on."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import User

from django_authsignal.client import Unauthorized, Unavailable
from django_authsignal.sandbox.rules import Rules
from django_authsignal.services import enrolling
from django_authsignal.services.enrolling import Number, Outcome, enrol_numbers
from django_authsignal.signals import enrolment_changed
from django_authsignal.testing.adapter import SandboxAdapter


@pytest.fixture
def authsignal(authsignal):
    """Nobody has an authenticator."""
    authsignal.store.rules = Rules()
    return authsignal


@pytest.fixture
def stop():
    return threading.Event()


@pytest.fixture
def run(stop):
    """Enrol so many users' numbers; the generator of results."""

    def start(numbers, workers=4):
        return enrol_numbers(map(number, range(numbers)), workers=workers, stop=stop)

    return start


def number(place):
    return Number(
        user=User(pk=place),
        authsignal_user_id=f"user-{place}",
        phone_number=f"+6421{1000000 + place}",
        verification_method="SMS",
    )


def enrolled(authsignal):
    return {user.id for user in authsignal.store.users() if len(user.authenticators) == 1}


def test_results_come_in_order_however_many_there_are(run, authsignal):
    results = list(run(150))
    assert [result.number.authsignal_user_id for result in results] == [f"user-{n}" for n in range(150)]
    assert {result.outcome for result in results} == {Outcome.ENROLLED}
    assert len(enrolled(authsignal)) == 150


def test_numbers_are_read_no_further_ahead_than_the_workers_need(authsignal, stop):
    read = []

    def numbers():
        for place in range(100):
            read.append(place)
            yield number(place)

    results = enrol_numbers(numbers(), workers=2, stop=stop)
    next(results)
    assert len(read) == 2 * enrolling.QUEUED_PER_WORKER
    results.close()


def test_receivers_hear_of_it_in_the_thread_that_iterates(run, authsignal):
    heard = []

    def listen(**kwargs):
        heard.append(threading.current_thread())

    enrolment_changed.connect(listen)
    try:
        list(run(5))
    finally:
        enrolment_changed.disconnect(listen)
    assert heard == [threading.current_thread()] * 5


def test_phone_number_is_in_no_repr():  # T68
    assert "+6421" not in repr(number(1))


class Crowded(SandboxAdapter):
    """Keeps the first *calls* until all of them are there, and then asks each to come again in a second."""

    def __init__(self, store, calls):
        super().__init__(store)
        self.turnstile, self.left = threading.Barrier(calls), [True] * calls

    def send(self, *args, **kwargs):
        if self.left:
            self.left.pop()
            self.turnstile.wait()
            self.store.journal.fail_next(429, headers={"Retry-After": "1"})
        return super().send(*args, **kwargs)


def test_all_workers_take_one_rest_and_everything_is_enrolled(run, authsignal, settings):
    settings.AUTHSIGNAL_TIMEOUT = 0.5  # the client does not wait for a second by itself
    settings.AUTHSIGNAL_ADAPTER = Crowded(authsignal.store, 4)
    began = time.monotonic()
    results = list(run(12))
    assert 1 <= time.monotonic() - began < 4  # not a second for each of the four
    assert [result.outcome for result in results] == [Outcome.ENROLLED] * 12
    assert len(authsignal.requests) == 4 + 24


def test_call_that_is_lost_on_its_way_back_is_not_sent_twice(run, authsignal):
    list(run(3))
    assert [result.outcome for result in run(3)] == [Outcome.ALREADY] * 3
    assert len([entry for entry in authsignal.requests if entry.method == "POST"]) == 3


class Busy(SandboxAdapter):
    """Answers as many calls with 429 as *plan* says, then one as usual, and so on; each call is tried twice."""

    def __init__(self, store, plan):
        super().__init__(store)
        self.plan = [busy for calls in plan for busy in [True] * 2 * calls + [False]]

    def send(self, *args, **kwargs):
        if self.plan and self.plan.pop(0):
            self.store.journal.fail_next(429, headers={"Retry-After": "0"})
        return super().send(*args, **kwargs)


def test_run_goes_on_as_long_as_some_rest_helps(run, authsignal, settings):
    rests = len(enrolling.PAUSES)
    # The answer that counts is the whole of a number: its authenticators are listed, then one is added.
    settings.AUTHSIGNAL_ADAPTER = Busy(authsignal.store, [rests, 0, rests, 0, rests])
    assert len(list(run(3, workers=1))) == 3


def test_run_ends_after_several_rests_in_vain(run, authsignal, settings):
    rests = len(enrolling.PAUSES)
    settings.AUTHSIGNAL_ADAPTER = Busy(authsignal.store, [rests, 0, rests + 1])
    results = run(3, workers=1)
    assert next(results).outcome is Outcome.ENROLLED
    with pytest.raises(Unavailable):
        next(results)
    assert enrolled(authsignal) == {"user-0"}


def test_what_was_under_way_is_told_before_the_run_fails(run, authsignal):
    authsignal.store.journal.fail_next(200)  # no such answer to a list of authenticators
    results = run(40, workers=2)
    first = next(results)
    assert (first.outcome, "unexpected answer" in first.detail) == (Outcome.REFUSED, True)
    authsignal.fail_next(403)
    told = []
    with pytest.raises(Unauthorized):
        told.extend(result.number.authsignal_user_id for result in results)
    assert len(told) == len(enrolled(authsignal)) < 39


def test_stop_finishes_what_is_under_way_and_leaves_the_rest(run, authsignal, stop):
    told = []
    for result in run(200, workers=2):
        told.append(result.number.authsignal_user_id)
        if len(told) == 5:
            stop.set()
    assert 5 <= len(told) < 200
    assert set(told) == enrolled(authsignal)


def test_stop_ends_a_rest(run, authsignal, stop, settings):
    settings.AUTHSIGNAL_TIMEOUT = 0.5
    # One worker is told to wait a minute; the other joins it, now or after its own number.
    authsignal.store.journal.fail_next(429, headers={"Retry-After": "60"})
    with ThreadPoolExecutor(1) as elsewhere:
        results = elsewhere.submit(lambda: list(run(2, workers=2)))
        while not authsignal.requests:
            time.sleep(0.01)
        began = time.monotonic()
        stop.set()
        assert len(results.result(timeout=10)) < 2
    assert time.monotonic() - began < 5


def test_whoever_takes_no_more_results_ends_the_run(run, authsignal):
    results = run(200, workers=2)
    next(results)
    results.close()
    assert len(enrolled(authsignal)) < 200
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("authsignal-enrol")]
