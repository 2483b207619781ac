"""How often one user may start something that is never finished, and how often an outage may be overlooked."""

from __future__ import annotations

import pytest

from django_authsignal.connection import get_client
from django_authsignal.models import ActionEvent, TrackedAction
from django_authsignal.testing import complete_step_up

from .steps import press_continue, statuses


@pytest.fixture
def client(bank, alice):
    bank.authsignal.challenge("act")
    return bank.sign_in(alice)


def test_thousand_starts_make_twenty_calls(bank, client, clock):  # A41 T49
    """Within one hour, each for another amount, while older challenges expire."""
    answers = []
    for number in range(1000):
        answers.append(client.post("/act/", {"amount": number}, headers={"Accept": "application/json"}))
        clock.shift(3.5)
    assert len(bank.authsignal.requests) == 20
    assert TrackedAction.objects.count() == 20
    assert {answer.status_code for answer in answers[530:]} == {429}
    assert all(int(answer["Retry-After"]) > 0 for answer in answers if answer.status_code == 429)


def test_sixth_open_challenge_is_not_started(bank, client):  # A41 T49
    answers = [bank.transfer(client, 5000 + number) for number in range(6)]
    assert [answer.status_code for answer in answers] == [403] * 5 + [429]
    assert (answers[5].step_up.outcome, len(bank.authsignal.requests)) == ("throttled", 5)
    assert bank.transfer(client, 5000).step_up.outcome == "challenge"  # the open ones can still be finished


def test_same_request_starts_one_challenge_however_often(bank, client):  # T49
    for _ in range(50):
        assert bank.transfer(client).status_code == 403
    assert (len(bank.authsignal.requests), statuses()) == (1, ["pending"])


def test_other_browsers_share_the_cap(bank, alice):  # T49
    answers = [bank.transfer(bank.sign_in(alice)) for _ in range(6)]
    assert answers[5].status_code == 429
    assert len(bank.authsignal.requests) == 5


def test_other_user_is_not_throttled(bank, client, bob):  # T49
    for number in range(6):
        bank.transfer(client, 5000 + number)
    assert bank.transfer(bank.sign_in(bob)).status_code == 403


def test_finished_challenges_do_not_count(bank, client):  # T49
    for number in range(25):
        holding = client.post("/act/", {"amount": number})
        complete_step_up(client, holding)
        assert press_continue(client, holding).content == b"done"


def test_approvals_that_wait_to_be_sent_are_open_challenges_too(bank, client, clock):  # A41 T49
    """Else a thief could collect them, and send them all at once later."""
    holdings = [bank.transfer(client, 5000 + number) for number in range(5)]
    for holding in holdings:
        complete_step_up(client, holding)
    assert statuses() == ["approved"] * 5
    assert bank.transfer(client, 6000).status_code == 429
    press_continue(client, holdings[0])
    assert [amount for _, amount in bank.ledger] == [5000]
    assert bank.transfer(client, 6000).status_code == 403
    clock.shift(301)  # approvals that were not used in time
    assert bank.transfer(client, 7000).status_code == 403


def test_five_are_open_whatever_is_asked_at_once(bank, client, edge):  # A41 T49
    """Each of twelve requests comes while the service is still being asked about all those before it."""

    def ask(number):
        if number:
            edge.during("/actions/", lambda: ask(number - 1))
        answers.append(client.post("/act/", {"n": number}).step_up)

    answers = []
    ask(11)
    assert statuses().count("pending") == 5
    assert [answer.outcome for answer in answers] == ["challenge"] * 5 + ["throttled"] * 7
    assert set(TrackedAction.objects.filter(status="void").values_list("reason", flat=True)) == {"throttled"}


def test_same_request_sent_often_at_once_shares_one_challenge(bank, client, edge):  # T49
    """As the tabs of a browser that is opened again do."""

    def ask(number):
        if number:
            edge.during("/actions/", lambda: ask(number - 1))
        answers.append(client.post("/act/").step_up)

    answers = []
    ask(7)
    assert {(answer.outcome, answer.key) for answer in answers} == {("challenge", answers[0].key)}
    assert statuses().count("pending") == 1


def test_failed_challenges_count(bank, client):  # T49
    for number in range(20):
        complete_step_up(client, client.post("/act/", {"amount": number}), "fail")
    assert client.post("/act/", {"amount": "one more"}).status_code == 429


def test_allowed_and_watched_actions_do_not_count(bank, client):  # T49
    for number in range(25):
        assert bank.transfer(client, 50 + number).status_code == 302
        assert client.post("/watched/", {"amount": number}).content == b"done"


def test_cap_is_lifted_after_an_hour(bank, client, clock):  # A41
    for number in range(20):
        complete_step_up(client, client.post("/act/", {"amount": number}), "fail")
    clock.shift(3599)
    assert client.post("/act/").status_code == 429
    clock.shift(2)
    assert client.post("/act/").status_code == 403


def test_script_is_told_when_to_come_back(bank, client):  # A41
    for number in range(5):
        client.post("/act/", {"amount": number})
    problem = client.post("/act/", {}, headers={"Accept": "application/json"})
    assert (problem.status_code, problem.json()["code"]) == (429, "step_up_throttled")
    assert problem["Retry-After"] == "600"


def test_outage_stops_everything_by_default(bank, client):
    bank.authsignal.down()
    page = bank.transfer(client, 50)
    assert (page.status_code, page.step_up.outcome, bank.ledger) == (503, "unavailable", [])
    assert int(page["Retry-After"]) > 0
    bank.authsignal.up()
    assert press_continue(client, page).status_code == 302
    assert len(bank.ledger) == 1


def test_policy_may_overlook_an_outage_five_times_an_hour(bank, client, done, clock):  # T40
    bank.authsignal.down()
    answers = [client.post("/outage/").status_code for _ in range(7)]
    assert answers == [200] * 5 + [503] * 2
    assert ActionEvent.objects.filter(kind="bypassed").count() == 5
    clock.shift(3601)
    assert client.post("/outage/").status_code == 200
    assert "windows" not in client.session["_authsignal"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 429, 500, 502, 503])
def test_answered_error_is_never_overlooked(bank, client, done, status):  # T40 T41
    bank.authsignal.fail_next(status, times=2)
    assert client.post("/outage/").status_code in (502, 503)
    assert done == []


def let_probe():
    """As if the breaker's pause were over: time_machine leaves its clock alone."""
    get_client()._transport._line().breaker._next_probe = 0.0


def test_errors_of_a_reachable_service_are_never_overlooked_however_many(bank, client, done):  # T40 T50
    """The breaker that they open stands for them, and its probes find no connection five times before that changes."""
    bank.authsignal.fail_next(500, times=100)
    for _ in range(3):
        assert [client.post("/outage/", {"n": n}).status_code for n in range(6)] == [503] * 6
        let_probe()
    assert (done, len(bank.authsignal.requests)) == ([], 2 * (5 + 1 + 1))  # each is tried twice
    bank.authsignal.down()
    for _ in range(4):
        assert [client.post("/outage/").status_code for _ in range(2)] == [200, 503]
        let_probe()


def test_breaker_that_failed_connections_opened_is_no_connection_until_its_probe_makes_one(
    bank, client, bob, done, settings
):  # T40 T50
    bank.authsignal.down()
    other = bank.sign_in(bob)
    assert [client.post("/outage/").status_code for _ in range(5)] == [200] * 5
    assert [other.post("/outage/").status_code for _ in range(2)] == [200] * 2
    settings.AUTHSIGNAL_ADAPTER.is_down = False
    bank.authsignal.fail_next(500, times=2)
    let_probe()
    assert [other.post("/outage/").status_code for _ in range(3)] == [503] * 3
    assert len(done) == 7
