"""The example bank's own behaviour; what the gate does is tested in tests/journeys."""

from __future__ import annotations

from decimal import Decimal

import pytest

from example_project.bank.models import InsufficientFundsError


@pytest.mark.parametrize("path", ["/", "/transfer/", "/profile/"])
def test_page_renders_for_a_customer(bank, alice, path):
    response = bank.sign_in(alice).get(path)

    assert response.status_code == 200
    assert b"Sign out" in response.content


@pytest.mark.parametrize("path", ["/", "/transfer/", "/statement/", "/profile/"])
def test_page_sends_a_stranger_to_sign_in(bank, client, path):
    response = client.get(path)

    assert response.status_code == 302
    assert response["Location"].startswith("/sign-in/")
    assert bank.authsignal.requests == []


def test_sign_in_and_out(client, alice):
    assert client.post("/sign-in/", {"username": "alice", "password": "alice"})["Location"] == "/"
    assert client.post("/sign-out/")["Location"] == "/sign-in/"
    assert client.get("/").status_code == 302


def test_small_transfer_is_paid_at_once(bank, alice):
    response = bank.transfer(bank.sign_in(alice), "0.10", reference="tea")

    assert response["Location"] == "/"
    assert bank.ledger == [("Landlord", Decimal("0.10"))]
    alice.account.refresh_from_db()
    assert alice.account.balance == Decimal("24999.90")


@pytest.mark.parametrize(("amount", "payee"), [(1000.01, "Landlord"), (5000, "Landlord"), (5, "Blocked Ltd")])
def test_ledger_is_unchanged_without_the_step_up(bank, alice, amount, payee):
    assert bank.transfer(bank.sign_in(alice), amount, payee).status_code == 403
    assert bank.ledger == []


def test_unenrolled_customer_pays_nothing(bank, carol):
    assert bank.transfer(bank.sign_in(carol), 5000).status_code == 403
    assert bank.ledger == []


@pytest.mark.parametrize("amount", ["", "-1", "0", "25000.01", "1e9", "NaN"])
def test_invalid_amount_is_refused_and_not_tracked(bank, alice, amount):
    assert bank.transfer(bank.sign_in(alice), amount).status_code == 400
    assert bank.authsignal.requests == []
    assert bank.ledger == []


def test_profile_is_unchanged_without_the_step_up(bank, alice):
    bank.sign_in(alice).post("/profile/", {"first_name": "Mallory", "email": "m@elsewhere.example"})

    alice.refresh_from_db()
    assert (alice.first_name, alice.email) == ("", "alice@bank.example")


def test_account_pays_to_the_last_cent_and_no_further(alice):
    for _ in range(3):
        alice.account.pay(payee="Landlord", amount=Decimal("0.10"))
    alice.account.pay(payee="Landlord", amount=Decimal("24999.70"))

    alice.account.refresh_from_db()
    assert alice.account.balance == 0
    with pytest.raises(InsufficientFundsError):
        alice.account.pay(payee="Landlord", amount=Decimal("0.01"))
    assert alice.account.transfers.count() == 4
