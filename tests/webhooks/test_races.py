"""The same event a hundred times at once, and a veto against the spend that it is about (T56, A33, T6)."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from threading import Barrier

import pytest
from django.db import connection, connections

from django_authsignal.models import ActionEvent, TrackedAction, WebhookEvent
from django_authsignal.testing import complete_step_up

from .events import authenticator, batch, encoded, event, log, post, signed, verify

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.races]

AT_ONCE = 16
"""Threads; each has a connection of its own."""


def together(*calls):
    """Make the calls in AT_ONCE threads that start at the same moment; their answers, in order."""
    starting = Barrier(min(len(calls), AT_ONCE))
    shares = [range(number, len(calls), starting.parties) for number in range(starting.parties)]

    def make(share):
        starting.wait(10)
        try:
            return [(number, calls[number]()) for number in share]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(starting.parties) as pool:
        answers = dict(pair for pairs in pool.map(make, shares) for pair in pairs)
    return [answers[number] for number in range(len(calls))]


@pytest.mark.parametrize("others", [0, 1, 5], ids=lambda number: f"{number} beside it")
def test_hundred_deliveries_at_once_are_accepted_and_have_one_effect(make_row, received, others):  # T56 A33
    row = make_row()
    said = log(row, "BLOCK")
    body = encoded(batch(said, *(event("x", {}) for _ in range(others))) if others else said)
    header = signed(body)
    answers = together(*[lambda: post(body, header=header).status_code] * 100)
    assert set(answers) == {200}
    assert WebhookEvent.objects.count() == len(received) == 1 + others
    assert ActionEvent.objects.filter(kind="revoked").count() == 1
    row.refresh_from_db()
    assert (row.status, row.remote_state) == ("refused", "BLOCK")


def test_hundred_enrolments_at_once_are_announced_once(alice, enrolments):  # T56
    body = encoded(authenticator("created", str(alice.pk)))
    assert set(together(*[lambda: post(body).status_code] * 100)) == {200}
    assert len(enrolments) == 1


def test_batches_that_overlap_do_not_block_each_other(make_row, received):  # A33
    rows = [make_row(binding=f"v1:{number}") for number in range(30)]
    events = [log(row, "BLOCK") for row in rows]
    parts = [batch(*events[start : start + 20], *events[:start]) for start in range(0, 30, 5)]
    answers = together(*(partial(status_of, part) for part in parts for _ in range(2)))
    assert set(answers) == {200}
    assert WebhookEvent.objects.count() == ActionEvent.objects.count() == len(received) == 30


def status_of(delivery):
    return post(delivery).status_code


@pytest.mark.parametrize("ahead", range(4))
def test_veto_and_spend_at_once_have_one_winner(gated, authsignal, ahead):  # T6 T58
    """Either the view ran and the row is spent, or the row is refused and the view did not run."""
    authsignal.challenge("pay")
    gated("pay")
    complete_step_up(gated.client, gated.post())
    row = gated.row
    veto = [partial(status_of, log(row, "BLOCK", second)) for second in range(3)]
    spend = [lambda: gated.post().status_code]
    answers = together(*veto[:ahead], *spend, *veto[ahead:])
    row.refresh_from_db()
    assert [answer for place, answer in enumerate(answers) if place != ahead] == [200] * 3
    revoked = ActionEvent.objects.filter(action=row, kind="revoked").count()
    assert (row.status, gated.runs, revoked, row.spent_at is None, row.ended_at is None) in [
        ("spent", 1, 0, False, True),
        ("refused", 0, 1, True, False),
    ]
    assert (answers[ahead] == 200) == (row.status == "spent")
    # The events are older than the approval: only of a spent row is a veto the last word all the same.
    assert row.remote_state == ("BLOCK" if row.status == "spent" else "CHALLENGE_SUCCEEDED")


@pytest.mark.parametrize("place", [0, 1])
def test_late_veto_does_not_slip_past_a_spend_between_its_two_statements(gated, authsignal, place):  # T6 T58
    """It is older than the approval, so that it is no news of a row that is not spent yet."""
    authsignal.challenge("pay")
    gated("pay")
    complete_step_up(gated.client, gated.post())
    updates = itertools.count()
    with ThreadPoolExecutor(1) as pool:
        spends = []

        def spend_meanwhile(execute, sql, *rest):
            if sql.startswith("UPDATE") and next(updates) == place:
                spends.append(pool.submit(together, gated.post))
                wait(spends, 0.5)  # it may have to wait for us in its turn
            return execute(sql, *rest)

        with connection.execute_wrapper(spend_meanwhile):
            assert post(log(gated.row, "BLOCK")).status_code == 200
        (answer,) = spends[0].result(20)
    ended = gated.row if gated.runs else TrackedAction.objects.earliest("pk")
    assert (ended.status, ended.remote_state, gated.runs, answer.status_code) in [
        ("spent", "BLOCK", 1, 200),
        ("refused", "CHALLENGE_SUCCEEDED", 0, 403),
    ]


def test_vetoes_and_questions_at_once_agree(make_row):  # T58
    row = make_row()
    calls = [lambda: post(log(row, "BLOCK")).status_code, lambda: post(verify(row)).status_code] * 10
    answers = together(*calls)
    assert set(answers[::2]) == {200}
    assert set(answers[1::2]) <= {200, 409}
    assert post(verify(row)).status_code == 409
    assert TrackedAction.objects.get().events.count() == 1
