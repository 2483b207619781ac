"""Two tabs, double clicks and parallel callers at every door: each approval runs its view once, on its own data."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections

from django_authsignal.testing import assert_step_up_required, complete_step_up
from tests.journeys.steps import press_continue, same_browser, statuses

from .steps import follow

PATHS = {"decorator": "/decorated/", "mixin": "/mixed/", "PROTECT": "/area/one/", "require_step_up": "/service/"}
ASYNC = {"decorator": "/decorated/async/", "PROTECT": "/area/async/", "require_step_up": "/service/async/"}
EACH = [*PATHS.values(), *ASYNC.values()]


@pytest.fixture(autouse=True)
def _challenged(authsignal, settings):
    for action in ("act", "signIn"):
        authsignal.challenge(action)
    settings.AUTHSIGNAL_PROTECT = {"area:*": {"action": "act"}}


def at_once(*calls):
    """Make the calls at the same moment, each in a thread of its own; their answers, in order."""
    barrier = Barrier(len(calls))

    def make(call):
        barrier.wait(10)
        try:
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(make, calls))


@pytest.mark.parametrize("path", EACH)
@pytest.mark.parametrize("crossed", [False, True])
def test_two_tabs_each_get_what_was_approved_in_them(client, done, path, crossed):  # A10 T5
    first, second = client.post(path, {"amount": "1"}), client.post(path, {"amount": "9999"})
    tabs = [second, first] if crossed else [first, second]
    for tab in tabs:
        complete_step_up(client, tab)
    for tab in reversed(tabs):
        assert press_continue(client, tab).content == b"done"
    amounts = [seen["form"]["amount"] for seen in done]
    assert amounts == ([["1"], ["9999"]] if crossed else [["9999"], ["1"]])
    assert statuses() == ["spent", "spent"]


@pytest.mark.parametrize("path", EACH)
def test_tab_whose_challenge_was_not_passed_runs_nothing(client, done, path):  # A10 T5
    passed, other = client.post(path, {"amount": "1"}), client.post(path, {"amount": "9999"})
    complete_step_up(client, passed)
    assert_step_up_required(press_continue(client, other))
    assert press_continue(client, passed).content == b"done"
    assert [seen["form"]["amount"] for seen in done] == [["1"]]


@pytest.mark.parametrize("path", EACH)
def test_continue_pressed_again_and_back_run_nothing_more(client, done, path):  # A2 A3
    holding = client.post(path, {"amount": "1"})
    complete_step_up(client, holding)
    answers = [press_continue(client, holding).status_code for _ in range(3)]
    assert (answers, len(done)) == ([200, 409, 409], 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", EACH)
def test_double_click_on_continue_runs_once(client, done, path):  # A11 T6
    holding = client.post(path, {"amount": "1"})
    complete_step_up(client, holding)
    tabs = [same_browser(client) for _ in range(4)]
    answers = at_once(*[lambda tab=tab: press_continue(tab, holding).status_code for tab in tabs])
    assert (len(done), answers.count(200)) == (1, 1)
    assert set(answers) <= {200, 409}
    assert statuses() == ["spent"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", [PATHS["decorator"], PATHS["PROTECT"], ASYNC["PROTECT"]])
def test_double_click_on_the_first_button_asks_once(client, done, path):  # T49
    tabs = [same_browser(client) for _ in range(4)]
    keys = at_once(*[lambda tab=tab: tab.post(path, {"amount": "1"}).step_up.key for tab in tabs])
    assert (len(set(keys)), done) == (1, [])
    assert statuses().count("pending") == 1


@pytest.mark.django_db(transaction=True)
def test_return_and_continue_at_once_run_at_most_once(client, done):  # A12
    path = PATHS["PROTECT"]
    holding = client.post(path, {"amount": "1"})
    tabs = [same_browser(client) for _ in range(4)]
    calls = [lambda tab=tab: press_continue(tab, holding).status_code for tab in tabs]
    at_once(lambda: complete_step_up(client, holding).status_code, *calls)
    press_continue(client, holding)
    assert (len(done), statuses()) == (1, ["spent"])


@pytest.mark.django_db(transaction=True)
def test_two_tabs_that_sign_in_at_once_both_get_in(client, done, settings):
    settings.AUTHSIGNAL_SIGN_IN_ACTION = "signIn"
    tabs = [same_browser(client), same_browser(client)]
    stopped = [tab.get(f"/plain/{name}/") for tab, name in zip(tabs, "ab", strict=True)]
    complete_step_up(client, stopped[0])
    for tab, name in zip(tabs, "ab", strict=True):  # one jar of cookies
        assert follow(tab, tab.get(f"/plain/{name}/")).content == b"done"
    assert len(done) == 2


@pytest.mark.django_db(transaction=True)
def test_polls_while_the_login_passes_break_no_session(client, done, settings):
    """The key of the session changes under requests that are under way: none of them may undo what was passed."""
    settings.AUTHSIGNAL_SIGN_IN_ACTION = "signIn"
    complete_step_up(client, client.get("/plain/"))
    tabs = [same_browser(client) for _ in range(4)]
    answers = at_once(*[lambda tab=tab: tab.get("/plain/").status_code for tab in tabs])
    # 400 is Django's for a session whose key has just changed; the browser then holds the new one.
    assert (200 in answers, set(answers) <= {200, 400}, answers) == (True, True, answers)
    assert client.get("/plain/").content == b"done"
