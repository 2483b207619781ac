"""What the gate costs beyond `login_required`: queries and calls, on every session engine that lives on the server."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_authsignal.testing import complete_step_up


@pytest.fixture(params=["db", "cached_db", "cache", "file"])
def engine(request, settings, tmp_path):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{request.param}"
    settings.SESSION_FILE_PATH = str(tmp_path)
    return request.param


@pytest.fixture
def client(engine, bank, alice):
    for action in ("act", "window"):
        bank.authsignal.challenge(action)
    return bank.sign_in(alice)


@pytest.fixture
def cost(bank, client):
    """`cost(path)`: the answer, the statements beyond a twin view behind `login_required`, and the calls."""

    def measure(path, method="get"):
        _, free, _ = run(client, bank, "/plain/", method)
        answer, spent, calls = run(client, bank, path, method)
        return answer, sorted((spent - free).elements()), calls

    return measure


def run(client, bank, path, method):
    before = len(bank.authsignal.requests)
    with CaptureQueriesContext(connection) as queries:
        answer = getattr(client, method)(path)
    return answer, Counter(statements(queries)), len(bank.authsignal.requests) - before


def statements(queries):
    """Verb and table of each statement; transaction statements aside."""
    for query in queries:
        verb = query["sql"].split()[0]
        if verb in ("SELECT", "INSERT", "UPDATE", "DELETE"):
            yield verb, re.search(r'(?:FROM|INTO|UPDATE) "(\w+)"', query["sql"])[1]


ROWS = "authsignal_trackedaction"
DECISION = [("INSERT", ROWS), ("SELECT", ROWS), ("SELECT", ROWS), ("UPDATE", ROWS)]


def saved(engine):
    """What one session save costs: by design, when a challenge's hosted page is remembered."""
    return [("UPDATE", "django_session")] if engine in ("db", "cached_db") else []


def test_window_costs_no_query(client, done, cost):
    complete_step_up(client, client.get("/window/"))
    client.get("/window/")
    answer, spent, calls = cost("/window/")
    assert (answer.content, spent, calls) == (b"done", [], 0)
    assert "sessionid" not in answer.cookies


def test_window_with_recheck_costs_one_query(client, done, cost):
    complete_step_up(client, client.get("/window/recheck/"))
    client.get("/window/recheck/")
    answer, spent, calls = cost("/window/recheck/")
    assert (answer.content, spent, calls) == (b"done", [("SELECT", ROWS)], 0)


def test_spend_costs_one_select_and_one_update(client, done, cost):
    complete_step_up(client, client.get("/act/"))
    answer, spent, calls = cost("/act/")
    assert (answer.content, spent, calls) == (b"done", [("SELECT", ROWS), ("UPDATE", ROWS)], 0)
    assert "sessionid" not in answer.cookies


def test_challenge_costs_one_decision_and_one_session_save(engine, cost):
    answer, spent, calls = cost("/act/", "post")
    # The caps are looked at once more, as others may have been challenged while the service was asked.
    assert (answer.step_up.outcome, spent, calls) == (
        "challenge",
        sorted([*DECISION, ("SELECT", ROWS), *saved(engine)]),
        1,
    )


@pytest.mark.parametrize("outcome", ["allow", "block", "review"])
def test_other_decisions_cost_no_session_save(bank, cost, outcome):
    getattr(bank.authsignal, outcome)("act")
    _, spent, calls = cost("/act/", "post")
    assert (spent, calls) == (DECISION, 1)


def test_refresh_of_a_pending_challenge_costs_one_select_and_no_call(client, cost):
    client.get("/act/")
    answer, spent, calls = cost("/act/")
    assert (answer.step_up.outcome, spent, calls) == ("challenge", [("SELECT", ROWS)], 0)
    assert "sessionid" not in answer.cookies


def test_cap_costs_two_selects_and_nothing_else(client, cost):
    for number in range(5):
        client.get(f"/act/?{number}")
    answer, spent, calls = cost("/act/")
    assert (answer.status_code, spent, calls) == (429, [("SELECT", ROWS)] * 2, 0)


def test_requests_that_the_gate_does_not_decide_cost_nothing(client, done, cost):
    for path, method in [("/posts/", "get"), ("/when/", "get"), ("/act/", "options"), ("/act/", "head")]:
        _, spent, calls = cost(path, method)
        assert (spent, calls) == ([], 0)


def test_return_costs_one_select_one_update_and_one_call(bank, client):
    challenged = client.get("/act/")
    with CaptureQueriesContext(connection) as queries:
        complete_step_up(client, challenged)
    rows = [found for found in statements(queries) if found[1] == ROWS]
    assert (rows, [entry.segments[0] for entry in bank.authsignal.requests]) == (
        [("SELECT", ROWS), ("UPDATE", ROWS)],
        ["users", "validate"],
    )
    assert ("UPDATE", "django_session") not in statements(queries)
