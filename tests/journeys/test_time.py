"""Approvals and challenges live for minutes, and a clock that jumps never makes them live longer."""

from __future__ import annotations

import pytest

from django_authsignal.testing import assert_step_up_required, complete_step_up

from .steps import press_continue, row, statuses

DAY = 86_400


@pytest.fixture
def client(bank, alice, clock):
    bank.authsignal.challenge("window")
    return bank.sign_in(alice)


@pytest.mark.parametrize(("age", "pays"), [(299, True), (300, False), (301, False), (DAY, False)])
def test_approval_lives_five_minutes(bank, client, clock, age, pays):  # A18 T17
    holding = bank.transfer(client)
    complete_step_up(client, holding)
    clock.shift(age)
    answer = press_continue(client, holding)
    assert bool(bank.ledger) is pays
    assert (answer.status_code, row(holding).status) == ((302, "spent") if pays else (403, "void"))


def test_expired_approval_is_answered_with_a_new_challenge(bank, client, clock):  # A18 T17
    holding = bank.transfer(client)
    complete_step_up(client, holding)
    clock.shift(301)
    again = press_continue(client, holding)
    assert_step_up_required(again)
    complete_step_up(client, again)
    assert press_continue(client, again).status_code == 302
    assert len(bank.ledger) == 1


@pytest.mark.parametrize(("age", "status"), [(599, "approved"), (600, "pending"), (601, "pending"), (DAY, "pending")])
def test_challenge_can_be_passed_for_ten_minutes(bank, client, clock, age, status):  # A18 T17
    bank.authsignal.store.lifetime = 2 * DAY  # the service would still say yes
    holding = bank.transfer(client)
    clock.shift(age)
    complete_step_up(client, holding)
    assert row(holding).status == status


def test_expired_challenge_is_followed_by_a_new_one(bank, client, clock):  # A18 T17
    first = bank.transfer(client)
    clock.shift(601)
    second = bank.transfer(client)
    assert_step_up_required(second)
    assert (statuses(), second.step_up.key != first.step_up.key) == (["void", "pending"], True)


def test_approval_counts_from_when_the_service_saw_it(bank, client, clock):  # A18 T17
    """Passed, then left on the hosted page: the five minutes do not start with a late return."""
    holding = bank.transfer(client)
    user_id = str(row(holding).user_id)
    action = bank.authsignal.store.action(user_id, "withdrawFunds", str(holding.step_up.key))
    bank.authsignal.store.update_action(action, state="CHALLENGE_SUCCEEDED")
    clock.shift(250)
    client.get(f"/step-up/return/{holding.step_up.key}/?token={bank.authsignal.store.token(action)}")
    assert row(holding).status == "approved"
    clock.shift(51)
    assert press_continue(client, holding).status_code == 403
    assert bank.ledger == []


@pytest.mark.parametrize("jump", [-121, -3600, -DAY, 3600, DAY])
def test_clock_that_jumps_after_the_approval_denies(bank, client, clock, jump):  # A19 T17 T70
    holding = bank.transfer(client)
    complete_step_up(client, holding)
    clock.shift(jump)
    assert press_continue(client, holding).status_code == 403
    assert bank.ledger == []


@pytest.mark.parametrize("jump", [-121, -3600, -DAY, 3600, DAY])
def test_clock_that_jumps_during_the_challenge_approves_nothing(bank, client, clock, jump):  # A19 T17 T70
    bank.authsignal.store.lifetime = 2 * DAY
    holding = bank.transfer(client)
    clock.shift(jump)
    complete_step_up(client, holding)
    press_continue(client, holding)
    assert (row(holding).status in ("pending", "void"), bank.ledger) == (True, [])


def test_small_difference_between_clocks_is_forgiven(bank, client, clock):  # T17 T70
    holding = bank.transfer(client)
    complete_step_up(client, holding)
    clock.shift(-119)
    assert press_continue(client, holding).status_code == 302


def test_success_older_than_the_action_is_not_believed(bank, client, clock):  # T1 T17
    """The service answers with a success of long ago under our new key."""
    holding = bank.transfer(client)
    action = bank.authsignal.store.action(str(row(holding).user_id), "withdrawFunds", str(holding.step_up.key))
    clock.shift(-121)
    bank.authsignal.store.update_action(action, state="CHALLENGE_SUCCEEDED")
    clock.shift(121)
    client.get(f"/step-up/return/{holding.step_up.key}/?token={bank.authsignal.store.token(action)}")
    assert (row(holding).status, row(holding).reason) == ("refused", "stale")


@pytest.mark.parametrize(("age", "status"), [(299, 200), (300, 302), (-119, 200), (-121, 302), (-DAY, 302), (DAY, 302)])
def test_window_is_open_for_its_age_in_either_direction(client, clock, done, age, status):  # A19 T17 T70
    complete_step_up(client, client.get("/window/"))
    assert client.get("/window/").status_code == 200
    clock.shift(age)
    assert client.get("/window/").status_code == status
