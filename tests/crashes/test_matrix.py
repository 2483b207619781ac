"""K0 to K9: the worker that serves a customer is killed there, is replaced, and the customer tries again (F26, A31)."""

from __future__ import annotations

import pytest

from django_authsignal.models import ActionEvent, WebhookEvent

pytestmark = pytest.mark.races

CREATED = ("created", "", "")
PENDING = ("pending", "", "CHALLENGE_REQUIRED")
APPROVED = ("approved", "", "CHALLENGE_SUCCEEDED")
SPENT = ("spent", "", "CHALLENGE_SUCCEEDED")
REVOKED = ("refused", "revoked", "BLOCK")


def test_killed_before_the_row_is_written(customers):  # K0
    for alice in customers("K0"):
        form = alice.transfer()
        alice.dies("K0", alice.send, form)
        assert (alice.rows, alice.tracked, alice.ledger) == ([], (), [])
        alice.starts_again(form)
        assert (alice.rows, alice.ledger) == ([SPENT], [5000])


@pytest.mark.parametrize(("point", "known"), [("K1", 0), ("K2", 1), ("K3", 1)], ids=["K1", "K2", "K3"])
def test_killed_around_the_call(customers, site, point, known):  # K1 K2 K3
    for alice in customers(point):
        form = alice.transfer()
        alice.dies(point, alice.send, form)
        assert (alice.rows, len(alice.tracked), alice.ledger) == ([CREATED], known, [])
        for lost in alice.tracked:  # even if somebody passed it, it would be worth nothing
            passed = site.store.update_action(lost, state="CHALLENGE_SUCCEEDED", method="SMS")
            page = alice.open(f"/step-up/return/{lost.key}/?token={site.store.token(passed)}")
            assert "This verification has ended" in page.text
        alice.starts_again(form)
        assert (alice.rows, alice.ledger) == ([CREATED, SPENT], [5000])


@pytest.mark.parametrize(("point", "known"), [("K1", 0), ("K2", 1), ("K3", 1)], ids=["K1", "K2", "K3"])
def test_killed_around_a_call_that_allows(customers, point, known):  # K1 K2 K3
    for alice in customers(point, 5):
        form = alice.transfer(500)
        alice.dies(point, alice.send, form)
        assert (alice.rows, len(alice.tracked), alice.ledger) == ([CREATED], known, [])
        alice.is_paid(form)
        assert (alice.rows, alice.ledger) == ([CREATED, ("spent", "", "ALLOW")], [500])


def test_killed_before_the_challenge_is_shown(customers):  # K4
    for alice in customers("K4"):
        form = alice.transfer()
        alice.dies("K4", alice.send, form)
        assert (alice.rows, alice.ledger) == ([PENDING], [])
        held = alice.is_challenged(form)
        alice.is_challenged(held)  # not passed yet
        assert (alice.rows, alice.ledger) == ([PENDING], [])
        alice.is_approved(alice.passes())
        alice.is_paid(held)
        assert (alice.rows, alice.ledger) == ([SPENT], [5000])


def test_killed_when_the_challenge_is_validated(customers):  # K5
    for alice in customers("K5"):
        held = alice.is_challenged(alice.transfer())
        back = alice.passes()
        alice.dies("K5", alice.open, back)
        assert (alice.rows, len(alice.approvals)) == ([PENDING], 1)
        alice.is_challenged(held)  # the approval is the service's alone
        assert (alice.rows, alice.ledger) == ([PENDING], [])
        alice.is_approved(back)
        alice.is_paid(held)
        assert (alice.rows, alice.ledger) == ([SPENT], [5000])


def test_killed_when_the_approval_is_saved(customers):  # K6
    for alice in customers("K6"):
        held = alice.is_challenged(alice.transfer())
        back = alice.passes()
        alice.dies("K6", alice.open, back)
        assert (alice.rows, alice.ledger) == ([APPROVED], [])
        alice.is_approved(back)
        alice.is_paid(held)
        assert alice.send(held).status_code == 409
        assert (alice.rows, alice.ledger) == ([SPENT], [5000])


@pytest.mark.parametrize(("point", "paid"), [("K7", []), ("K8", [5000])], ids=["K7", "K8"])
def test_killed_around_the_view(customers, point, paid):  # K7 K8
    """The history says that the approval is spent; whether the view finished, nobody is left to say."""
    for alice in customers(point):
        held = alice.is_challenged(alice.transfer())
        alice.is_approved(alice.passes())
        alice.dies(point, alice.send, held)
        assert (alice.rows, alice.ledger) == ([SPENT], paid)
        assert alice.send(held).status_code == 409  # "check whether it was carried out"
        assert (alice.rows, alice.ledger) == ([SPENT], paid)
        alice.is_challenged(alice.transfer())
        assert (alice.rows, alice.ledger) == ([SPENT, PENDING], paid)


def test_killed_in_a_webhook(customers, site):  # K9
    def found():
        taken_back = ActionEvent.objects.filter(action__user=alice.user, kind="revoked").count()
        return alice.rows, taken_back, WebhookEvent.objects.count()

    for heard, alice in enumerate(customers("K9"), start=1):
        held = alice.is_challenged(alice.transfer())
        site.store.update_action(alice.tracked[0], state="BLOCK")
        with site.trap.set("K9"):
            assert not site.store.webhooks.flush_logs()
        assert found() == ([REVOKED], 1, heard)
        assert site.store.webhooks.flush_logs()  # the same once more
        assert found() == ([REVOKED], 1, heard)
        alice.is_challenged(held)
        assert (alice.rows, alice.ledger) == ([REVOKED, PENDING], [])


def test_killed_before_the_row_is_committed(customers):  # K0
    for alice in customers("K0", 5):
        form = alice.transfer()
        alice.dies("written", alice.send, form)
        assert (alice.rows, alice.tracked, alice.ledger) == ([], (), [])
        alice.starts_again(form)
        assert (alice.rows, alice.ledger) == ([SPENT], [5000])


def test_killed_before_the_approval_is_committed(customers):  # K5
    for alice in customers("K5", 5):
        held = alice.is_challenged(alice.transfer())
        back = alice.passes()
        alice.dies("written", alice.open, back)
        assert (alice.rows, alice.ledger) == ([PENDING], [])
        alice.is_approved(back)
        alice.is_paid(held)
        assert (alice.rows, alice.ledger) == ([SPENT], [5000])


def test_killed_before_the_spend_is_committed(customers):  # K6
    for alice in customers("K6", 5):
        held = alice.is_challenged(alice.transfer())
        alice.is_approved(alice.passes())
        alice.dies("written", alice.send, held)
        assert (alice.rows, alice.ledger) == ([APPROVED], [])
        alice.is_paid(held)
        assert (alice.rows, alice.ledger) == ([SPENT], [5000])


def test_killed_before_the_webhooks_effect_is_committed(customers, site):  # K9
    for alice in customers("K9", 5):
        alice.is_challenged(alice.transfer())
        site.store.update_action(alice.tracked[0], state="BLOCK")
        with site.trap.set("written"):
            assert not site.store.webhooks.flush_logs()
        assert alice.rows == [PENDING]  # and so the event counts as not heard
        assert site.store.webhooks.flush_logs()
        assert (alice.rows, alice.ledger) == ([REVOKED], [])
