"""Requests of one browser in several server processes at once: one effect, whatever else happens meanwhile."""

from __future__ import annotations

from itertools import chain, cycle, islice

import pytest

from tests.rig.proofs import often
from tests.webhooks.events import verify

from .customer import key_of, sessions_in, statuses, winners, word

pytestmark = pytest.mark.races

SUBMITS = often(24, 64)
STORM = often(16, 30)
LOOKS = often(8, 30)
ROUNDS = {"first form": often(1, 24), "holding page's form": often(2, 44)}
ANSWERED = {200, 303, 409, 503}
"""What returns and webhooks may be told: done, gone on, "must not succeed", and try again."""


@pytest.mark.parametrize("form", ROUNDS)
def test_parallel_submits_of_one_approval_pay_once(site, form):  # T6 A11
    for _ in range(ROUNDS[form]):
        customer = site.customer()
        key = customer.approved()
        submit = customer.submit() if form == "first form" else customer.submit(key)
        with site.ledger_grows(by=1):
            assert winners(customer.send(*[submit] * SUBMITS)) == 1
        assert str(customer.rows(status="spent").get().idempotency_key) == key
        assert customer.rows(status="pending").count() == (form == "first form")
    site.record("submits", rounds=ROUNDS[form], submits=ROUNDS[form] * SUBMITS, winners=ROUNDS[form])


def test_first_submits_at_once_share_a_challenge_and_pay_once(site):  # T6 T49
    counts = [2, 8] * often(1, 8)
    for count in counts:
        customer = site.customer()
        holding = customer.send(*[customer.submit()] * count)
        (key,) = {key_of(page) for page in holding}
        assert customer.rows(status="pending").count() == 1
        assert statuses(customer.send(*[customer.passed(key)] * count)) == [303] * count
        with site.ledger_grows(by=1):
            assert winners(customer.send(*[customer.submit(key)] * count)) == 1
    site.record("first submits", rounds=len(counts), submits=2 * sum(counts), winners=len(counts))


def test_first_submits_at_once_of_an_old_session_pay_once(site):  # T6
    """Each makes a nonce, and the session keeps the one that is written last."""
    rounds = often(2, 16)
    for _ in range(rounds):
        customer = site.customer()
        customer.lose_nonce()
        keys = [key_of(page) for page in customer.send(*[customer.submit()] * 2)]
        customer.send(*map(customer.passed, keys))
        with site.ledger_grows(by=1):
            assert winners(customer.send(*map(customer.submit, keys), customer.submit())) == 1
    site.record("first submits", rounds=rounds, submits=5 * rounds, winners=rounds)


def storm(customer, submits, beside):
    """As many of the *submits* as of the requests *beside* them, in turn; the number of winners."""
    pairs = zip(cycle(submits), islice(cycle(beside), STORM), strict=False)
    answers = customer.send(*chain.from_iterable(pairs))
    assert set(statuses(answers[1::2])) <= ANSWERED
    return winners(answers[::2])


@pytest.mark.parametrize("form", ["first form", "holding page's form"])
@pytest.mark.parametrize("approved", [False, True], ids=["pending", "approved"])
def test_returns_and_submits_at_once_pay_once(site, approved, form):  # T7 A12
    rounds = often(1, 8)
    for _ in range(rounds):
        customer = site.customer()
        key = customer.asked()
        back, submit = customer.passed(key), customer.submit(key)
        submits = [submit] if form == "holding page's form" else [submit, customer.submit()]
        if approved:
            customer.send(back)
        with site.ledger_grows(by=1):  # at the latest by the last submit: the others may all have been before a return
            assert storm(customer, submits, [back]) + winners(customer.send(submit)) == 1
        with site.ledger_grows(by=0):
            assert storm(customer, submits, [back]) == 0
    site.record("returns", rounds=rounds, submits=2 * rounds * STORM, winners=rounds)


REVOKED = ("never", "meanwhile", "before")


def winners_beside_webhooks(site, customer, revoked):
    """The winners of a storm that the service comments on; *revoked* is when it takes the approval back."""
    key = customer.asked()
    row, back = customer.rows().get(), customer.passed(key)
    veto = customer.says(word(row, "BLOCK"))
    beside = [back, customer.says(word(row, "CHALLENGE_SUCCEEDED")), customer.says(verify(row))]
    if revoked == "before":
        customer.send(back)
        site.deliver(veto)
    elif revoked == "meanwhile":
        beside.append(veto)
    early = storm(customer, [customer.submit(key), customer.submit()], beside)
    last = winners(customer.send(customer.submit(key)))
    row.refresh_from_db()
    assert (row.status == "spent") == (early + last == 1)
    if revoked != "never":
        assert last == 0
        assert row.status == "refused" or row.remote_state == "BLOCK"
    return early + last


@pytest.mark.usefixtures("maintenance")
def test_prune_sync_and_webhooks_beside_the_storms_grant_nothing(site):  # T6 T68 A34
    rounds, won = often(1, 8), dict.fromkeys(REVOKED, 0)
    assert site.payments == 0
    for revoked in REVOKED * rounds:
        customer = site.customer()
        won[revoked] += winners_beside_webhooks(site, customer, revoked)
        assert site.payments == sum(won.values())
        site.grow_old(customer)
    assert (won["never"], won["before"]) == (rounds, 0)
    for revoked in REVOKED:
        site.record(f"revoked {revoked}", rounds=rounds, submits=rounds * (STORM + 1), winners=won[revoked])


def passed_statement(customer):
    """The challenge of the statement is passed, its window is not open yet."""
    customer.send(customer.look())
    key = str(customer.rows().get().idempotency_key)
    assert statuses(customer.send(customer.passed(key, "viewStatement"))) == [303]


def looks_and_logout(customer):
    """Looks at the statement with a logout in their midst; all answers."""
    looks = [customer.look()] * (LOOKS // 2)
    return customer.send(*looks, customer.leave(), *looks)


def test_open_window_is_shut_by_a_logout_amid_its_looks(site):  # A16
    rounds = often(2, 12)
    for _ in range(rounds):
        customer = site.customer()
        passed_statement(customer)
        before = customer.session
        opening = customer.send(customer.look())
        assert statuses(opening) == [200]
        (customer.session,) = sessions_in(opening)
        amid = looks_and_logout(customer)
        assert set(statuses(amid)) <= {200, 302}
        assert sessions_in(amid) == set()
        assert customer.open_sessions(before, customer.session) == set()
    site.record("windows", rounds=rounds, looks=rounds * LOOKS)


def test_window_that_opens_amid_a_logout_is_one_and_can_be_shut(site):  # A16 A20
    """The session that it moves to may outlive a logout which still names the old one: no other does."""
    rounds = often(2, 12)
    for _ in range(rounds):
        customer = site.customer()
        passed_statement(customer)
        before = customer.session
        amid = looks_and_logout(customer)
        # 400 is Django's word for a session that is gone when its request is done.
        assert set(statuses(amid)) <= {200, 302, 400, 409, 503}
        assert customer.rows(status="spent").count() == statuses(amid).count(200) <= 1
        left = customer.open_sessions(before, *sessions_in(amid))
        assert len(left) <= 1
        assert before not in left
        for customer.session in left:
            customer.send(customer.leave())
        assert customer.open_sessions(*left) == set()
    site.record("windows", rounds=rounds, looks=rounds * LOOKS)
