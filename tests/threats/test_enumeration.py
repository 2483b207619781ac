"""Whether a key exists, and whose it is, cannot be found out: all keys that are not one's own answer alike (T35)."""

from __future__ import annotations

import time
from statistics import median

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_authsignal.models import TrackedAction
from django_authsignal.testing import complete_step_up
from tests.journeys.steps import row
from tests.rig.proofs import often

UNKNOWN = "00000000-0000-4000-8000-000000000000"
ROUNDS, RATIO = often(15, 200), often(2.0, 1.3)


@pytest.fixture
def thief(bank, bob):
    browser = bank.sign_in(bob)
    bank.transfer(browser)  # so that it is a browser with a nonce and a row of its own
    return browser


@pytest.fixture
def keys(bank, alice, bob, thief, clock):
    """Keys that are nothing to the thief: unknown, another user's in each status, expired, another browser's."""
    bank.authsignal.challenge("act")
    victim, elsewhere = bank.sign_in(alice), bank.sign_in(bob)
    expired = elsewhere.post("/act/", {"of": "long ago"}).step_up.key
    clock.shift(601)
    foreign = {status: victim.post("/act/", {"of": status}) for status in ("pending", "approved", "spent", "refused")}
    complete_step_up(victim, foreign["approved"])
    complete_step_up(victim, foreign["spent"])
    assert victim.post("/act/", {"of": "spent"}).content == b"done"
    complete_step_up(victim, foreign["refused"], "fail")
    assert {name: row(page).status for name, page in foreign.items()} == {name: name for name in foreign}
    others = {name: page.step_up.key for name, page in foreign.items()}
    return {"unknown": UNKNOWN, "expired": expired, "other browser": elsewhere.post("/act/").step_up.key, **others}


def answer(browser, key, query="", accept="text/html"):
    """Everything of an answer, without the key in its own address."""
    page = browser.get(f"/step-up/return/{key}/{query}", headers={"Accept": accept})
    told = f"{page.status_code} {sorted(page.headers.items())} {sorted(page.cookies)} {page.content.decode()}"
    return told.replace(str(key), "KEY")


def test_every_key_that_is_not_ones_own_answers_alike(thief, keys):  # T35
    """Byte by byte, headers and cookies included, to a page and to a script."""
    for query in ("", "?token=ey.a.b", "?token=", "?token=a&token=b", "?hop=1&token=a"):
        for accept in ("text/html", "application/json"):
            answers = {name: answer(thief, key, query, accept) for name, key in keys.items()}
            assert len(set(answers.values())) == 1, (query, accept)


def test_they_cost_the_same_and_ask_the_service_nothing(bank, thief, keys):  # T35
    asked, statements = len(bank.authsignal.requests), set()
    for key in keys.values():
        with CaptureQueriesContext(connection) as queries:
            answer(thief, key, "?token=ey.a.b")
        statements.add(tuple(query["sql"].split(" WHERE ")[0] for query in queries.captured_queries))
    assert (len(statements), len(bank.authsignal.requests)) == (1, asked)
    assert TrackedAction.objects.get(idempotency_key=keys["pending"]).events.count() == 0


def test_they_take_the_same_time(thief, keys):  # T35
    """Medians, taken in turns: whatever else the machine does falls on all of them."""
    took = {name: [] for name in keys}
    for _ in range(ROUNDS):
        for name, key in keys.items():
            started = time.perf_counter()
            answer(thief, key, "?token=ey.a.b")
            took[name].append(time.perf_counter() - started)
    medians = {name: median(times) for name, times in took.items()}
    assert max(medians.values()) < RATIO * min(medians.values()), medians


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_submit_that_names_any_of_them_is_only_challenged(bank, thief, keys, done, accept):  # T35
    """A key in a form or a header tells nothing either, and burns nothing."""
    before = dict(TrackedAction.objects.values_list("idempotency_key", "status"))
    told = set()
    for key in keys.values():
        headers = {"Accept": accept, "Authsignal-Step-Up": str(key)}
        page = thief.post("/act/", {"of": "thief", "_step_up_key": str(key)}, headers=headers)
        own = str(page.step_up.key)
        status_url = page.context["status_url"] if page.context else page.json()["status_url"]
        text = page.content.decode().replace(own, "KEY").replace(status_url, "STATUS").replace(str(key), "KEY")
        told.add((page.status_code, page.step_up.outcome, len(text) // 200))
        assert own != str(key)
    assert (len(told), done) == (1, [])
    after = dict(TrackedAction.objects.filter(idempotency_key__in=before).values_list("idempotency_key", "status"))
    assert after == before
