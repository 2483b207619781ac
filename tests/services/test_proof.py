"""Proof that an action was allowed: for that action and those values, and made by nobody else."""

from __future__ import annotations

import uuid
from decimal import Decimal

import pytest
import time_machine
from django.core import signing
from django.core.exceptions import PermissionDenied

from django_authsignal.services.decision import Decision, Outcome
from django_authsignal.services.proof import Proof

KEY = uuid.uuid4()
VALUES = {"payee": "Ann", "amount": Decimal("5000.00")}


def decision(outcome=Outcome.ALLOWED, **details):
    return Decision(outcome=outcome, action_code="pay", key=KEY, reason="challenge", **details)


@pytest.fixture
def proof():
    return Proof.of(decision(values=VALUES))


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.ALLOWED])
def test_nothing_but_an_allowed_decision_is_proof(outcome):  # T37
    with pytest.raises(PermissionDenied, match=str(outcome)):
        Proof.of(decision(outcome))


def test_proof_covers_its_action_and_what_was_bound(proof):
    proof.must_cover("pay")
    proof.must_cover("pay", **VALUES)
    proof.must_cover("pay", amount=Decimal("5000.00"))


@pytest.mark.parametrize(
    ("action", "values"),
    [
        ("look", {}),
        ("look", VALUES),
        ("pay", VALUES | {"amount": Decimal("5000.01")}),
        ("pay", VALUES | {"amount": "5000.00"}),
        ("pay", {"iban": "NZ1"}),
    ],
)
def test_proof_covers_nothing_else(proof, action, values):  # T3, T4
    with pytest.raises(PermissionDenied, match="does not cover"):
        proof.must_cover(action, **values)


def test_proof_shows_no_value(proof):
    assert "Ann" not in repr(proof) + repr(proof.bound) + proof.seal()


@pytest.mark.parametrize("key", [KEY, None])
def test_sealed_proof_is_the_same_proof(key):
    proof = Proof("pay", key, "window", {"amount": "v1:x"})
    assert Proof.unseal(proof.seal()) == proof


@pytest.mark.parametrize(
    "text",
    ["", "proof", signing.dumps(["pay", "", "challenge", {}], salt="other")],
    ids=["empty", "plain", "other-salt"],
)
def test_text_that_we_did_not_seal_is_no_proof(text):
    with pytest.raises(PermissionDenied, match="no proof of ours"):
        Proof.unseal(text)


def test_sealed_proof_ends_with_its_time(proof):
    with time_machine.travel("2026-01-01 12:00Z", tick=False) as clock:
        sealed = proof.seal()
        clock.shift(60)
        assert Proof.unseal(sealed, max_age=60) == proof
        clock.shift(1)
        with pytest.raises(PermissionDenied):
            Proof.unseal(sealed, max_age=60)


def test_proof_survives_a_rotation_of_the_secret_key(proof, settings):
    sealed = proof.seal()
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "new"
    Proof.unseal(sealed).must_cover("pay", **VALUES)
