"""Every state and any other word, by every way in which the service can say it: only a yes is a yes (T15 A5)."""

from __future__ import annotations

import random
import string
from datetime import timedelta

import pytest

from django_authsignal.client import State
from django_authsignal.models import TrackedAction
from django_authsignal.testing import complete_step_up
from tests.journeys.steps import press_continue, row
from tests.rig.proofs import often
from tests.webhooks.events import log, post, verify

WORDS = often(40, 500)
KNOWN = [*State, "REVIEW"]


def random_words():
    """Words at random, and words that are nearly a yes."""
    chance = random.Random(15)
    letters = string.ascii_letters + string.digits + "_- \t\n\x00\u202eÉß\U0001f600"
    for number in range(WORDS):
        word = "".join(chance.choices(letters, k=chance.randint(0, 30)))
        near = chance.choice(["ALLOW", "CHALLENGE_SUCCEEDED"])
        place = chance.randrange(len(near))
        twin = near[:place] + chance.choice(letters) + near[place + number % 2 :]
        yield word if number % 2 else twin


@pytest.fixture
def client(bank, alice):
    return bank.sign_in(alice)


class Saying:
    """The service says a word about one pending action, in one way."""

    def __init__(self, bank, client, operator):
        self.bank, self.client, self.operator = bank, client, operator
        self.holding = bank.transfer(client)
        self.row = row(self.holding)
        store = bank.authsignal.store
        self.action = store.action(self.row.authsignal_user_id, self.row.action, str(self.row.idempotency_key))

    def validate(self, word):
        self._set(word)
        token = self.bank.authsignal.store.token(self.action)
        self.client.get(f"/step-up/return/{self.row.idempotency_key}/?token={token}")

    def get(self, word):
        self._set(word)
        self.operator.post(f"/admin/authsignal/trackedaction/{self.row.pk}/refresh/")

    def webhook(self, word):
        post(log(self.row, word))
        post(verify(self.row, state=word))

    def _set(self, word):
        self.bank.authsignal.store.update_action(self.action, state=word)

    def is_paid(self):
        """Whether the request can go on now; afterwards the row is pending again."""
        press_continue(self.client, self.holding)
        TrackedAction.objects.exclude(pk=self.row.pk).delete()
        return bool(self.bank.ledger)


WAYS = {
    # What each way may do with a word: nothing but a validated success of a challenge opens.
    "validate": {"CHALLENGE_SUCCEEDED"},
    "get": set(),
    "webhook": set(),
}


@pytest.mark.parametrize("state", [str(state) for state in KNOWN])
def test_first_answer_opens_by_allow_alone(bank, client, state):  # T15 A5
    bank.authsignal.answer("withdrawFunds", state)
    bank.transfer(client)
    assert bool(bank.ledger) is (state == "ALLOW")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("state", [str(state) for state in KNOWN])
def test_known_state_opens_only_where_it_is_a_validated_success(bank, client, admin_client, way, state):  # T15 A5
    saying = Saying(bank, client, admin_client)
    getattr(saying, way)(state)
    approved = row(saying.holding).status == "approved"
    assert approved is (state in WAYS[way])
    assert saying.is_paid() is approved


def test_no_other_word_is_a_first_yes(bank, client):  # T15
    for word in random_words():
        bank.authsignal.answer("withdrawFunds", word)
        assert bank.transfer(client).status_code in (403, 429, 502), word
    assert bank.ledger == []


@pytest.mark.parametrize("way", WAYS)
def test_no_other_word_opens(bank, client, admin_client, way):  # T15
    saying = Saying(bank, client, admin_client)
    for word in random_words():
        getattr(saying, way)(word)
        assert TrackedAction.objects.get(pk=saying.row.pk).status in ("pending", "refused"), word
        TrackedAction.objects.filter(pk=saying.row.pk).update(
            status="pending", ended_at=None, reason="", remote_state="CHALLENGE_REQUIRED"
        )
    assert not saying.is_paid()
    complete_step_up(client, saying.holding)  # and it was not merely broken: the true yes still counts
    saying.validate("CHALLENGE_SUCCEEDED")
    assert saying.is_paid()


def test_approval_that_was_taken_back_is_asked_for_anew(bank, client):  # T58
    """Neither a later yes nor the key of the approval brings it back: only the gate grants."""
    holding = bank.transfer(client)
    complete_step_up(client, holding)
    for seconds, state in ((1, "CHALLENGE_REQUIRED"), (2, "CHALLENGE_SUCCEEDED")):
        said = log(row(holding), state)
        said["data"]["stateUpdatedAt"] = (row(holding).approved_at + timedelta(seconds=seconds)).isoformat()
        assert post(said).status_code == 200
    again = press_continue(client, holding)
    assert (bank.ledger, row(holding).status, row(holding).reason) == ([], "void", "withdrawn")
    complete_step_up(client, again)
    press_continue(client, again)
    assert len(bank.ledger) == 1
