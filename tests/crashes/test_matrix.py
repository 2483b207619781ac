"""K0 to K9: the worker that serves a customer is killed there, is replaced, and the customer tries again (F26, A31)."""

from __future__ import annotations

import pytest

from django_authsignal.models import ActionEvent, WebhookEvent
from tests.rig.proofs import often

pytestmark = pytest.mark.races

CREATED = ("created", "", "")
PENDING = ("pending", "", "CHALLENGE_REQUIRED")
APPROVED = ("approved", "", "CHALLENGE_SUCCEEDED")
SPENT = ("spent", "", "CHALLENGE_SUCCEEDED")
ALLOWED = ("spent", "", "ALLOW")
REVOKED = ("refused", "revoked", "BLOCK")

MANY, FEW = often(2, 25), often(1, 5)
"""How many are killed at a point of the matrix, and where nothing but a commit or an answer is different."""
OFTEN = {"K0": MANY, "K5": MANY, "written": FEW}


@pytest.mark.parametrize("point", ["K0", "written"], ids=["K0", "K0-not-committed"])
def test_killed_before_the_row_is_committed(customers, point):  # K0
    for alice in customers("K0", OFTEN[point]):
        form = alice.transfer()
        alice.dies(point, alice.send, form)
        assert (alice.rows, alice.tracked, alice.ledger) == ([], (), [])
        alice.waits()
        alice.starts_again(form)
        assert (alice.rows, alice.ledger) == ([SPENT], [5000])


@pytest.mark.parametrize(("point", "known"), [("K1", 0), ("K2", 1), ("K3", 1)], ids=["K1", "K2", "K3"])
def test_killed_around_the_call(customers, site, point, known):  # K1 K2 K3
    for alice in customers(point, MANY):
        form = alice.transfer()
        alice.dies(point, alice.send, form)
        assert (alice.rows, len(alice.tracked), alice.ledger) == ([CREATED], known, [])
        for lost in alice.tracked:  # even if somebody passed it, it would be worth nothing
            passed = site.store.update_action(lost, state="CHALLENGE_SUCCEEDED", method="SMS")
            page = alice.open(f"/step-up/return/{lost.key}/?token={site.store.token(passed)}")
            assert "This verification has ended" in page.text
        alice.waits()
        alice.starts_again(form)
        assert (alice.rows[1:], alice.ledger) == ([SPENT], [5000])


@pytest.mark.parametrize(("point", "known"), [("K1", 0), ("K2", 1), ("K3", 1)], ids=["K1", "K2", "K3"])
def test_killed_around_a_call_that_allows(customers, point, known):  # K1 K2 K3
    for alice in customers(point, FEW):
        form = alice.transfer(500)
        alice.dies(point, alice.send, form)
        assert (alice.rows, len(alice.tracked), alice.ledger) == ([CREATED], known, [])
        alice.waits()
        alice.is_paid(form)
        assert (alice.rows[1:], alice.ledger) == ([ALLOWED], [500])


def test_killed_before_the_challenge_is_shown(customers):  # K4
    for alice in customers("K4", MANY):
        form = alice.transfer()
        alice.dies("K4", alice.send, form)
        assert (alice.rows, alice.ledger) == ([PENDING], [])
        alice.waits()
        held = alice.is_challenged(form)
        alice.is_challenged(held)  # not passed yet
        assert (alice.rows, alice.ledger) == ([PENDING], [])
        alice.is_approved(alice.passes())
        alice.is_paid(held)
        assert (alice.rows, alice.ledger) == ([SPENT], [5000])


@pytest.mark.parametrize("point", ["K5", "written"], ids=["K5", "K5-not-committed"])
def test_killed_before_the_approval_is_committed(customers, point):  # K5
    for alice in customers("K5", OFTEN[point]):
        held = alice.is_challenged(alice.transfer())
        back = alice.passes()
        alice.dies(point, alice.open, back)
        assert (alice.rows, len(alice.approvals)) == ([PENDING], 1)
        alice.waits()
        alice.is_challenged(held)  # the approval is the service's alone
        assert (alice.statuses, alice.ledger) == (["pending"], [])
        alice.is_approved(back)
        alice.is_paid(held)
        assert (alice.rows, alice.ledger) == ([SPENT], [5000])


def test_killed_when_the_approval_is_saved(customers):  # K6
    for alice in customers("K6", MANY):
        held = alice.is_challenged(alice.transfer())
        back = alice.passes()
        alice.dies("K6", alice.open, back)
        assert (alice.rows, alice.ledger) == ([APPROVED], [])
        alice.waits()
        alice.is_approved(back)
        alice.is_paid(held)
        assert alice.send(held).status_code == 409
        assert (alice.rows, alice.ledger) == ([SPENT], [5000])


def test_killed_before_the_spend_is_committed(customers):  # K6
    for alice in customers("K6", FEW):
        held = alice.is_challenged(alice.transfer())
        alice.is_approved(alice.passes())
        alice.dies("written", alice.send, held)
        assert (alice.rows, alice.ledger) == ([APPROVED], [])
        alice.waits()
        alice.is_paid(held)
        assert (alice.rows, alice.ledger) == ([SPENT], [5000])


@pytest.mark.parametrize(("point", "paid"), [("K7", []), ("K8", [5000])], ids=["K7", "K8"])
def test_killed_around_the_view(customers, point, paid):  # K7 K8
    """The history says that the approval is spent; whether the view finished, nobody is left to say."""
    for alice in customers(point, MANY):
        held = alice.is_challenged(alice.transfer())
        alice.is_approved(alice.passes())
        alice.dies(point, alice.send, held)
        assert (alice.rows, alice.ledger) == ([SPENT], paid)
        alice.waits()
        assert alice.send(held).status_code == 409  # "check whether it was carried out"
        assert (alice.rows, alice.ledger) == ([SPENT], paid)
        alice.is_challenged(alice.transfer())
        assert (alice.rows, alice.ledger) == ([SPENT, PENDING], paid)


@pytest.mark.parametrize(("point", "paid"), [("K7", []), ("K8", [500])], ids=["K7", "K8"])
def test_killed_around_a_view_that_was_allowed(customers, point, paid):  # K7 K8
    """What needs no challenge is asked about anew: another approval for another effect."""
    for alice in customers(point, FEW):
        form = alice.transfer(500)
        alice.dies(point, alice.send, form)
        assert (alice.rows, alice.ledger) == ([ALLOWED], paid)
        alice.waits()
        alice.is_paid(form)
        assert (alice.rows, len(alice.approvals), alice.ledger) == ([ALLOWED, ALLOWED], 2, [*paid, 500])


def test_killed_in_a_webhook(customers, site):  # K9
    def found():
        events = WebhookEvent.objects.filter(outcome="revoked").count()
        return alice.rows, ActionEvent.objects.filter(action__user=alice.user, kind="revoked").count(), events

    for revoked, alice in enumerate(customers("K9", MANY), start=1):
        held = alice.is_challenged(alice.transfer())
        site.store.update_action(alice.tracked[0], state="BLOCK")
        with site.trap.set("K9"):
            assert not site.store.webhooks.flush_logs()
        assert found() == ([REVOKED], 1, revoked)
        assert site.store.webhooks.flush_logs()  # the same once more
        assert found() == ([REVOKED], 1, revoked)
        alice.waits()
        alice.is_challenged(held)
        assert (alice.rows, alice.ledger) == ([REVOKED, PENDING], [])


def test_killed_before_a_webhooks_effect_is_committed(customers, site):  # K9
    for alice in customers("K9", FEW):
        alice.is_challenged(alice.transfer())
        site.store.update_action(alice.tracked[0], state="BLOCK")
        with site.trap.set("written"):
            assert not site.store.webhooks.flush_logs()
        assert alice.rows == [PENDING]  # and so the event counts as not heard
        assert site.store.webhooks.flush_logs()
        assert (alice.rows, alice.ledger) == ([REVOKED], [])
