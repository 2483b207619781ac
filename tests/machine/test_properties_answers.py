"""Whatever the service answers, only two exact answers open the gate (T15): every other one leaves the view unrun."""

from __future__ import annotations

import logging

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_authsignal.models import TrackedAction
from django_authsignal.testing import complete_step_up
from tests.gated import gated as gated
from tests.gated import wire as wire
from tests.rig.proofs import LONG, often

WORDS = [
    "ALLOW",
    "BLOCK",
    "CHALLENGE_REQUIRED",
    "CHALLENGE_SUCCEEDED",
    "CHALLENGE_FAILED",
    "REVIEW",
    "REVIEW_REQUIRED",
    "REVIEW_SUCCEEDED",
    "REVIEW_FAILED",
    "CHALLENGE",
]
STATES = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(WORDS).map(str.lower),
    st.builds(
        lambda word, at, more: word[:at] + more + word[at:], st.sampled_from(WORDS), st.integers(0, 20), st.text()
    ),
    st.builds(lambda word, at: word[:at] + word[at + 1 :], st.sampled_from(WORDS), st.integers(0, 19)),
    st.text(max_size=20),
)
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | STATES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
SETTINGS = {
    "deadline": None,
    "derandomize": not LONG,
    "database": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture],
}


def members(*known):
    """Some members of an answer, with anything in them; ABSENT members are left out."""
    return st.fixed_dictionaries({}, optional={name: likely | ODD for name, likely in known})


TRACKED = members(("state", STATES), ("isEnrolled", st.booleans()), ("idempotencyKey", st.uuids().map(str)))
VALIDATED = members(
    ("isValid", st.booleans()),
    ("state", STATES),
    ("userId", st.text(max_size=3)),
    ("action", st.just("other")),
    ("idempotencyKey", st.uuids().map(str)),
)


@pytest.fixture
def paying(gated, quiet):
    """The gated view, made once: a new one for each answer would cost more than all the rest."""
    return gated()


@pytest.fixture
def quiet():
    """No log of thousands of strange answers."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


SCRIPT = {"headers": {"Accept": "application/json"}}
"""A script's refusals are short: thousands of pages need not be rendered."""


@settings(max_examples=often(350, 3_000), **SETTINGS)
@given(changed=TRACKED)
def test_only_an_allow_for_an_enrolled_user_lets_a_first_request_pass(paying, wire, changed):  # T11 T15 F16 F17
    TrackedAction.objects.all().delete()
    wire.tamper = lambda answer: {**answer, **changed}
    before = paying.runs
    response = paying.post(**SCRIPT)
    as_it_must_be = changed.get("state", "ALLOW") == "ALLOW" and changed.get("isEnrolled", True) is True
    genuine = as_it_must_be and "idempotencyKey" not in changed
    assert (paying.runs - before, response.status_code == 200) == (genuine, genuine)
    assert TrackedAction.objects.filter(status="spent").exists() is genuine


@settings(max_examples=often(150, 1_500), **SETTINGS)
@given(changed=VALIDATED)
def test_only_a_success_of_this_very_action_approves(authsignal, paying, wire, changed):  # T2 T15 F16 F19
    TrackedAction.objects.all().delete()
    authsignal.challenge("pay")
    wire.tamper = lambda answer: answer
    challenged = paying.post(**SCRIPT)
    passed = paying.row
    honest = {"isValid": True, "state": "CHALLENGE_SUCCEEDED", "action": "pay"}
    honest |= {"userId": passed.authsignal_user_id, "idempotencyKey": str(passed.idempotency_key)}
    genuine = all(told_apart(changed.get(name, value)) == told_apart(value) for name, value in honest.items())
    changed = {**changed, **({"actionCode": changed["action"]} if "action" in changed else {})}
    wire.tamper = lambda answer: {**answer, **changed}
    complete_step_up(paying.client, challenged)
    passed.refresh_from_db()
    assert (passed.status == "approved") is genuine
    wire.tamper = lambda answer: answer
    before = paying.runs
    paying.post(**SCRIPT)
    assert paying.runs - before == genuine


def told_apart(value):
    """1 is not True."""
    return type(value), value
