"""Lifting a block when something goes wrong or happens on the way: nothing opens, and nothing opens twice (T67)."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from django_authsignal.client import State
from django_authsignal.models import TrackedAction
from django_authsignal.services.asking import MOST_LIVE
from django_authsignal.statuses import SKEW, Status
from django_authsignal.testing.adapter import SandboxAdapter
from tests.webhooks.events import log, post

from .steps import ACTION, WHY, events, lift, lifted_from, page_of, said, staff


def test_a_block_is_lifted_once(bank, blocked, operator):
    lift(operator, blocked)
    lifted_from(blocked).end(Status.VOID, "superseded")
    assert "was lifted before" in said(lift(operator, blocked))[0]
    assert f"{blocked.pk}/lift/" not in page_of(operator, blocked).text
    assert TrackedAction.objects.count() == 2


def test_a_user_with_a_challenge_for_the_same_request_gets_no_second_one(bank, blocked, operator):
    bank.authsignal.challenge(ACTION)
    bank.transfer(blocked.browser)
    assert "already has a challenge" in said(lift(operator, blocked))[0]
    assert TrackedAction.objects.filter(status=Status.PENDING).count() == 1
    assert events(blocked) == []


def test_a_challenge_that_expired_is_no_hindrance(bank, blocked, operator):
    bank.authsignal.challenge(ACTION)
    bank.transfer(blocked.browser)
    old = lifted_from(blocked)
    TrackedAction.objects.filter(pk=old.pk).update(expires_at=timezone.now())
    lift(operator, blocked)
    old.refresh_from_db()
    assert (old.status, old.reason) == (Status.VOID, "expired")
    assert TrackedAction.objects.filter(status=Status.PENDING).count() == 1


def test_a_user_without_authenticator_gets_no_challenge(bank, blocked, operator, alice):
    bank.authsignal.unenrolled(alice)
    assert "no authenticator" in said(lift(operator, blocked))[0]
    assert (lifted_from(blocked).status, lifted_from(blocked).reason) == (Status.REFUSED, "unenrolled")
    assert events(blocked) == []


@pytest.mark.parametrize("first", [State.CHALLENGE_SUCCEEDED, State.CHALLENGE_FAILED, State.REVIEW_SUCCEEDED, "NEW"])
def test_a_first_answer_that_cannot_be_right_lifts_nothing(bank, blocked, operator, first):
    bank.authsignal.answer(ACTION, first)
    assert "cannot be right" in said(lift(operator, blocked))[0]
    new = lifted_from(blocked)
    assert (new.status, new.reason) == (Status.VOID, "upstream_error")
    assert events(blocked) == []


def test_an_outage_lifts_nothing_and_can_be_tried_again(bank, blocked, operator):
    bank.authsignal.down()
    assert "try again later" in said(lift(operator, blocked))[0]
    assert (lifted_from(blocked).status, lifted_from(blocked).reason) == (Status.VOID, "unavailable")
    bank.authsignal.up()
    assert "lifted into a new challenge" in said(lift(operator, blocked))[0]


class Meanwhile(SandboxAdapter):
    """The service, while whose answer to an update something else happens first."""

    def __init__(self, store, happens):
        super().__init__(store)
        self.happens = happens

    def send(self, request, *args, **kwargs):
        happens, self.happens = self.happens, None if request.method == "PATCH" else self.happens
        if request.method == "PATCH" and happens:
            happens()
        return super().send(request, *args, **kwargs)


@pytest.fixture
def meanwhile(bank, settings):
    """``meanwhile(happens)``: call *happens* just before the service makes a challenge of the block."""

    def install(happens):
        settings.AUTHSIGNAL_ADAPTER = Meanwhile(bank.authsignal.store, happens)

    return install


@pytest.mark.parametrize(
    ("status", "tries", "reason"), [(404, 1, "upstream_error"), (401, 1, "upstream_error"), (503, 2, "unavailable")]
)
def test_an_error_on_the_way_lifts_nothing(bank, blocked, operator, meanwhile, status, tries, reason):
    meanwhile(lambda: bank.authsignal.fail_next(status, times=tries))
    lift(operator, blocked)
    assert (lifted_from(blocked).status, lifted_from(blocked).reason) == (Status.VOID, reason)
    assert events(blocked) == []
    assert bank.transfer(blocked.browser).status_code == 403


def test_a_service_that_does_not_make_a_challenge_of_it_lifts_nothing(bank, blocked, operator, settings):
    class Stubborn(SandboxAdapter):
        def send(self, request, *args, **kwargs):
            if request.method == "PATCH":
                request.prepare_body(None, None, json={"state": "ALLOW"})
            return super().send(request, *args, **kwargs)

    settings.AUTHSIGNAL_ADAPTER = Stubborn(bank.authsignal.store)
    assert "cannot be right" in said(lift(operator, blocked))[0]
    assert lifted_from(blocked).status == Status.VOID
    bank.transfer(blocked.browser)
    assert bank.ledger == []


def test_an_answer_about_another_key_lifts_nothing(bank, blocked, operator, settings):
    class Mixed(SandboxAdapter):
        def send(self, request, *args, **kwargs):
            if request.method == "POST":
                request.prepare_body(None, None, json={"idempotencyKey": "another"})
            return super().send(request, *args, **kwargs)

    settings.AUTHSIGNAL_ADAPTER = Mixed(bank.authsignal.store)
    assert "cannot be right" in said(lift(operator, blocked))[0]
    assert lifted_from(blocked).status == Status.VOID


def test_of_two_operators_at_once_one_lifts(bank, blocked, operator, meanwhile):
    second = staff("second", "view", "unblock")
    meanwhile(lambda: lift(second, blocked))
    assert "was lifted before" in said(lift(operator, blocked))[0]
    statuses = TrackedAction.objects.exclude(pk=blocked.pk).values_list("status", flat=True)
    assert sorted(statuses) == [Status.PENDING, Status.VOID]
    assert events(blocked) == [("lifted", f"operator {second.user.pk}: {WHY}")]


def test_a_challenge_that_the_user_began_meanwhile_stays_the_only_one(bank, blocked, operator, meanwhile):
    bank.authsignal.challenge(ACTION)
    meanwhile(lambda: bank.transfer(blocked.browser))
    assert "already has a challenge" in said(lift(operator, blocked))[0]
    assert TrackedAction.objects.filter(status=Status.PENDING).count() == 1


def test_a_block_that_the_user_was_faster_for_can_be_lifted_later(bank, blocked, operator, meanwhile):
    bank.authsignal.challenge(ACTION)
    meanwhile(lambda: bank.transfer(blocked.browser))
    lift(operator, blocked)
    assert events(blocked) == []
    TrackedAction.objects.current().end(Status.VOID, "expired")
    bank.authsignal.block(ACTION)
    assert "The block is lifted" in said(lift(operator, blocked))[0]


@pytest.mark.parametrize(("seconds", "status"), [(-1, Status.PENDING), (1, Status.REFUSED)], ids=["before", "after"])
def test_a_late_report_of_the_block_does_not_undo_the_lift_but_a_new_one_does(blocked, operator, seconds, status):
    lift(operator, blocked)
    row = lifted_from(blocked)
    told = log(row, "BLOCK")
    told["data"]["stateUpdatedAt"] = (row.remote_state_at + timedelta(seconds=seconds)).isoformat()
    assert post(told).status_code == 200
    assert lifted_from(blocked).status == status


def test_a_user_with_as_many_challenges_as_anybody_may_have_gets_no_further_one(bank, blocked, operator):  # T49
    bank.authsignal.challenge(ACTION)
    for amount in range(MOST_LIVE):
        bank.transfer(blocked.browser, 6000 + amount)
    assert "or too many others" in said(lift(operator, blocked))[0]
    assert TrackedAction.objects.filter(status=Status.PENDING).count() == MOST_LIVE


def test_what_ended_meanwhile_is_not_lifted(bank, blocked, operator, meanwhile):
    """The user signs out, and with that the login it would be for is gone."""
    meanwhile(lambda: blocked.browser.logout())
    lift(operator, blocked)
    assert (lifted_from(blocked).status, lifted_from(blocked).reason) == (Status.VOID, "logged_out")


@pytest.mark.parametrize("seconds", [-3600, 60, 3600])
def test_a_clock_of_the_services_own_does_not_outlast_its_later_words(bank, blocked, operator, seconds):  # T70
    bank.authsignal.store.clock = lambda: time.time() + seconds
    lift(operator, blocked)
    assert lifted_from(blocked).remote_state_at <= timezone.now() + SKEW


def test_a_lift_is_decided_outside_the_views_transaction(transactional_db, bank, blocked, operator, monkeypatch):  # T8
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    assert "lifted into a new challenge" in said(lift(operator, blocked))[0]
