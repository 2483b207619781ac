"""What the service answers, and what the gate makes of it: everything that is not a plain yes is a no."""

from __future__ import annotations

import random
import string

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_authsignal.client import State
from django_authsignal.decorators import step_up_required
from django_authsignal.models import ActionEvent, TrackedAction
from django_authsignal.testing import assert_step_up_required, assert_tracked, complete_step_up

from .steps import ABSENT, press_continue, row, statuses


@pytest.fixture
def client(bank, alice):
    return bank.sign_in(alice)


FIRST_ANSWERS = {
    "ALLOW": (302, "spent"),
    "CHALLENGE_REQUIRED": (403, "pending"),
    "BLOCK": (403, "refused"),
    "REVIEW_REQUIRED": (403, "refused"),
    "REVIEW": (403, "refused"),
    "CHALLENGE_SUCCEEDED": (502, "void"),
    "CHALLENGE_FAILED": (502, "void"),
    "REVIEW_SUCCEEDED": (502, "void"),
    "REVIEW_FAILED": (502, "void"),
    "": (502, "void"),
    "allow": (502, "void"),
    "ALLOW ": (502, "void"),
    "APPROVED": (502, "void"),
}


@pytest.mark.parametrize(("state", "expected"), FIRST_ANSWERS.items())
def test_first_answer_is_believed_only_where_it_can_be(bank, client, state, expected):  # A5 T15 T1
    bank.authsignal.answer("withdrawFunds", state)
    response = bank.transfer(client)
    assert (response.status_code, *statuses()) == expected
    assert bool(bank.ledger) is (state == "ALLOW")


def test_random_states_never_open(bank, client):  # A5 T15
    chance = random.Random(15)
    letters = string.ascii_uppercase + "_ \x00é"
    words = ["".join(chance.choices(letters, k=chance.randint(0, 24))) for _ in range(200)]
    for word in [*words, *(state.value[:-1] for state in State), *(f"{state}_X" for state in State)]:
        bank.authsignal.answer("withdrawFunds", word)
        assert bank.transfer(client).status_code == 502, word
    assert bank.ledger == []


def test_blocked_page_and_review_page_say_which(bank, client):  # A5
    bank.authsignal.block("withdrawFunds")
    assert bank.transfer(client).step_up.outcome == "blocked"
    bank.authsignal.review("withdrawFunds")
    page = bank.transfer(client)
    assert (page.step_up.outcome, page.status_code) == ("under_review", 403)
    assert b"review" in page.content
    assert bank.ledger == []


def test_success_under_a_fresh_key_is_an_anomaly(bank, client, caplog):  # T1
    bank.authsignal.answer("withdrawFunds", "CHALLENGE_SUCCEEDED")
    assert bank.transfer(client).status_code == 502
    assert ActionEvent.objects.get().kind == "anomaly"
    assert [record.levelname for record in caplog.records if record.name == "django_authsignal"] == ["ERROR"]
    assert bank.transfer(client).status_code == 502  # and stays one
    assert bank.ledger == []


def test_keys_are_fresh_and_never_the_clients(bank, client):  # T1
    mine = "11111111-1111-4111-8111-111111111111"
    bank.transfer(client, 50, idempotencyKey=mine, _step_up_key=mine)
    bank.transfer(client, 50)
    keys = [entry.payload["idempotencyKey"] for entry in bank.authsignal.requests]
    assert (len(set(keys)), mine in keys) == (2, False)
    assert keys == [str(key) for key in TrackedAction.objects.order_by("pk").values_list("idempotency_key", flat=True)]


AFTER_RETURN = {
    "CHALLENGE_SUCCEEDED": "approved",
    "CHALLENGE_REQUIRED": "pending",
    "ALLOW": "refused",
    "BLOCK": "refused",
    "REVIEW_REQUIRED": "refused",
    "REVIEW_SUCCEEDED": "refused",
    "REVIEW_FAILED": "refused",
    "CHALLENGE_FAILED": "refused",
    "SOMETHING_NEW": "pending",  # 502 and an alarm; a later answer that makes sense may still approve
    "challenge_succeeded": "pending",
}


@pytest.mark.parametrize(("state", "status"), AFTER_RETURN.items())
def test_only_a_succeeded_challenge_approves(bank, client, alice, state, status):  # A5 T15
    holding = bank.transfer(client)
    store = bank.authsignal.store
    action = store.action(str(alice.pk), "withdrawFunds", str(holding.step_up.key))
    store.update_action(action, state=state)
    client.get(f"/step-up/return/{holding.step_up.key}/?token={store.token(action)}")
    assert (row(holding).status, bank.ledger) == (status, [])
    assert press_continue(client, holding).status_code == (302 if status == "approved" else 403)


def test_random_states_never_approve(bank, client, alice):  # T15
    holding = bank.transfer(client)
    store = bank.authsignal.store
    action = store.action(str(alice.pk), "withdrawFunds", str(holding.step_up.key))
    chance = random.Random(15)
    for _ in range(100):
        store.update_action(action, state="".join(chance.choices(string.ascii_uppercase + "_", k=19)))
        client.get(f"/step-up/return/{holding.step_up.key}/?token={store.token(action)}")
        TrackedAction.objects.filter(status="refused").update(status="pending")
    assert statuses() == ["pending"]


def test_allow_is_not_remembered(bank, client, done):  # T10
    bank.authsignal.allow("act")
    assert client.get("/act/").content == b"done"
    bank.authsignal.challenge("act")
    assert_step_up_required(client.get("/act/"))
    assert_tracked("act", times=2)


@pytest.mark.parametrize("veto", ["BLOCK", "CHALLENGE_FAILED", "REVIEW_REQUIRED", ""])
def test_state_withdrawn_after_the_return_is_not_spent(bank, client, veto):  # T16
    holding = bank.transfer(client)
    complete_step_up(client, holding)
    TrackedAction.objects.update(remote_state=veto)
    assert_step_up_required(press_continue(client, holding))
    assert (bank.ledger, row(holding).status) == ([], "void")


@pytest.mark.parametrize(("method", "status"), [("PASSKEY", 200), ("EMAIL_OTP", 403), ("SMS", 403)])
def test_only_a_demanded_method_is_good_enough(bank, client, alice, done, method, status):  # T14
    bank.authsignal.challenge("act")
    bank.authsignal.enrol(alice, "PASSKEY")
    bank.authsignal.enrol(alice, "EMAIL_OTP", email="alice@bank.example")
    complete_step_up(client, client.post("/passkey/"), method=method)
    assert client.post("/passkey/").status_code == status
    assert done == (["/passkey/"] if status == 200 else [])


def test_missing_method_is_the_weakest(bank, client, done):  # T14
    bank.authsignal.challenge("act")
    challenged = client.post("/passkey/")
    complete_step_up(client, challenged)
    TrackedAction.objects.update(verification_method="")
    assert client.post("/passkey/").step_up.outcome == "blocked"
    assert (done, row(challenged).status) == ([], "refused")


def test_unknown_long_method_is_kept_as_text(bank, client, edge):  # F17
    holding = bank.transfer(client)
    edge.members = {"verificationMethod": "A_METHOD_OF_THE_FUTURE_WITH_A_VERY_LONG_NAME"}
    complete_step_up(client, holding)
    assert row(holding).status == "approved"


def test_plain_allow_is_not_enough_under_a_minimum(bank, client, done, caplog):  # T13
    bank.authsignal.allow("act")
    assert client.post("/minimum/").step_up.outcome == "blocked"
    assert "demands a challenge" in caplog.text
    bank.authsignal.challenge("act")
    complete_step_up(client, client.post("/minimum/"))
    assert client.post("/minimum/").content == b"done"


@pytest.mark.parametrize("code", ["withdrawFunds ", "", "a b", "a/b", "..", "é", "a" * 65, "a\n"])
def test_impossible_action_code_stops_the_import(code):  # T13
    with pytest.raises(ImproperlyConfigured, match="is no action code|names it"):
        step_up_required(code)(lambda request: None) if code else step_up_required("", bind=None)(lambda request: None)


@pytest.mark.parametrize(
    "members",
    [
        {"isValid": "true"},
        {"isValid": 1},
        {"isValid": ABSENT},
        {"isValid": False},
        {"userId": "somebody else"},
        {"userId": ABSENT},
        {"action": "viewStatement", "actionCode": "viewStatement"},
        {"action": ABSENT, "actionCode": ABSENT},
        {"idempotencyKey": "00000000-0000-4000-8000-000000000000"},
        {"idempotencyKey": ABSENT},
        {"state": ["CHALLENGE_SUCCEEDED"]},
        {"state": ABSENT},
    ],
)
def test_success_that_is_not_about_this_very_row_is_not_believed(bank, client, edge, members):  # T2 T15
    holding = bank.transfer(client)
    edge.members = members
    complete_step_up(client, holding)
    edge.members = {}
    assert press_continue(client, holding).status_code == 403
    assert (row(holding).status in ("pending", "refused", "void"), bank.ledger) == (True, [])


@pytest.mark.parametrize(
    "members",
    [
        {"idempotencyKey": "00000000-0000-4000-8000-000000000000"},
        {"idempotencyKey": ABSENT},
        {"state": ["ALLOW"]},
        {"state": ABSENT},
    ],
)
def test_allow_that_is_not_about_this_very_row_is_not_believed(bank, client, edge, members):  # T15
    edge.members = members
    assert bank.transfer(client, 50).status_code == 502
    assert (bank.ledger, statuses()) == ([], ["void"])


def test_report_only_stops_nothing_and_grants_nothing(bank, client, done):
    bank.authsignal.block("act")
    assert client.post("/watched/").content == b"done"
    bank.authsignal.down()
    assert client.post("/watched/").content == b"done"
    assert [action.enforced for action in TrackedAction.objects.all()] == [False, False]
    assert statuses() == ["void", "void"]


def test_report_only_survives_what_cannot_be_told(client, done):
    assert client.post("/watched/not-a-number/").content == b"done"


def test_project_wide_report_only_stops_nothing(bank, client, settings):
    settings.AUTHSIGNAL_MODE = "report_only"
    assert bank.transfer(client).status_code == 302
    assert (len(bank.ledger), statuses()) == (1, ["void"])
    settings.AUTHSIGNAL_MODE = "enforce"
    assert_step_up_required(bank.transfer(client))


def test_actions_setting_overrides_the_view(bank, client, settings):
    settings.AUTHSIGNAL_ACTIONS = {"withdrawFunds": {"minimum": "challenge"}}
    assert bank.transfer(client, 50).step_up.outcome == "blocked"


def test_condition_of_the_policy_lets_other_requests_pass(bank, client, done):
    bank.authsignal.challenge("act")
    assert client.get("/when/").content == b"done"
    assert_step_up_required(client.get("/when/?risky"))
    assert_tracked("act", times=1)
