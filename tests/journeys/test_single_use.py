"""An approval pays once: the happy path, and everything that tries to make it pay twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier

import pytest
from django.db import IntegrityError, connection, connections

from django_authsignal.models import ActionEvent, TrackedAction
from django_authsignal.testing import assert_step_up_required, assert_tracked, complete_step_up
from example_project.bank.seed import open_account

from .steps import Form, press_continue, row, same_browser, statuses

PAID = [("Landlord", Decimal(5000))]


def test_challenged_transfer_is_paid_once_after_the_challenge(bank, alice):  # A1
    client = bank.sign_in(alice)
    holding = bank.transfer(client)
    assert_step_up_required(holding, "withdrawFunds")
    assert bank.ledger == []
    back = complete_step_up(client, holding)
    assert bank.ledger == []  # the return only approves
    assert (back.status_code, press_continue(client, holding).status_code) == (303, 302)
    assert bank.ledger == PAID


def test_history_keeps_how_and_when(bank, alice):  # A1
    client = bank.sign_in(alice)
    holding = bank.transfer(client)
    complete_step_up(client, holding)
    press_continue(client, holding)
    action = row(holding)
    assert (action.status, action.remote_state, action.verification_method) == ("spent", "CHALLENGE_SUCCEEDED", "SMS")
    assert action.created_at <= action.answered_at <= action.approved_at + (action.spent_at - action.approved_at)
    assert (action.user, action.ended_at, action.events.count()) == (alice, None, 0)


def test_history_is_told_in_the_admin(bank, alice):  # A1
    client, clerk = bank.sign_in(alice), bank.sign_in(open_account("clerk", is_staff=True, is_superuser=True))
    holding = bank.transfer(client)
    complete_step_up(client, holding)
    press_continue(client, holding)
    story = clerk.get(f"/admin/authsignal/trackedaction/{row(holding).pk}/change/").content.decode()
    assert all(word in story for word in ("withdrawFunds", "SMS", "alice", str(holding.step_up.key)))
    assert clerk.get("/admin/authsignal/trackedaction/?q=alice").content.count(b"withdrawFunds") >= 1


def test_service_is_told_what_the_customer_approves(bank, alice):  # A1
    bank.transfer(bank.sign_in(alice), 5000)
    assert_tracked("withdrawFunds", custom={"amount": 5000, "payee": "Landlord"}, times=1)


def test_allowed_transfer_is_paid_at_once_and_leaves_nothing_to_spend(bank, alice):
    client = bank.sign_in(alice)
    assert bank.transfer(client, 50).status_code == 302
    assert statuses() == ["spent"]
    assert bank.transfer(client, 50).status_code == 302  # the same again is a new action, asked anew
    assert_tracked("withdrawFunds", times=2)


def test_second_submit_of_one_approval_is_challenged(bank, alice):  # A2 T6
    client = bank.sign_in(alice)
    complete_step_up(client, bank.transfer(client))
    bank.transfer(client)
    again = bank.transfer(client)
    assert_step_up_required(again)
    assert bank.ledger == PAID
    assert_tracked("withdrawFunds", times=2)


def test_resent_holding_form_is_told_that_it_was_already_used(bank, alice):  # A2 T6
    client = bank.sign_in(alice)
    holding = bank.transfer(client)
    complete_step_up(client, holding)
    press_continue(client, holding)
    again = press_continue(client, holding)
    assert (again.status_code, again.step_up.outcome) == (409, "already_used")
    assert bank.ledger == PAID
    assert_tracked("withdrawFunds", times=1)


@pytest.mark.parametrize("days", [0, 1])
def test_replay_of_a_spent_approval_pays_nothing_however_late(bank, alice, clock, days):  # T1
    client = bank.sign_in(alice)
    holding = bank.transfer(client)
    back = complete_step_up(client, holding)
    press_continue(client, holding)
    clock.shift(1 + days * 86_400)
    client.get(back["Location"])
    assert press_continue(client, holding).status_code == 409
    assert bank.ledger == PAID


def test_return_may_be_loaded_again_and_pays_nothing(bank, alice):  # A3
    client = bank.sign_in(alice)
    holding = bank.transfer(client)
    clean = complete_step_up(client, holding)["Location"]
    pages = [client.get(clean) for _ in range(3)]
    press_continue(client, holding)
    pages.append(client.get(clean))  # Back
    assert [page.status_code for page in pages] == [200] * 4
    assert all(b"You are verified" in page.content for page in pages)
    assert (bank.ledger, statuses()) == (PAID, ["spent"])


def test_return_with_its_token_loaded_again_stays_spent(bank, alice, edge):  # A3
    client = bank.sign_in(alice)
    holding = bank.transfer(client)
    back = complete_step_up(client, holding)
    press_continue(client, holding)
    again = client.get(f"{back.request['PATH_INFO']}?{back.request['QUERY_STRING']}")
    assert (again.status_code, statuses()) == (303, ["spent"])
    assert_step_up_required(bank.transfer(client))


def test_quitting_executes_nothing_and_offers_to_try_again(bank, alice):  # A4
    client = bank.sign_in(alice)
    holding = bank.transfer(client)
    page = client.get(complete_step_up(client, holding, "quit")["Location"])
    assert (page.status_code, bank.ledger, statuses()) == (403, [], ["pending"])
    assert holding.step_up.url in page.context["retry_url"]
    complete_step_up(client, holding)
    press_continue(client, holding)
    assert bank.ledger == PAID


@pytest.mark.parametrize("how", ["quit", "wrong_code", "fail"])
def test_continue_without_a_passed_challenge_pays_nothing(bank, alice, how):  # A4
    client = bank.sign_in(alice)
    holding = bank.transfer(client)
    complete_step_up(client, holding, how)
    assert press_continue(client, holding).status_code == 403
    assert bank.ledger == []


def test_failed_challenge_ends_the_action_and_the_next_try_is_a_new_one(bank, alice):
    client = bank.sign_in(alice)
    holding = bank.transfer(client)
    complete_step_up(client, holding, "fail")
    again = press_continue(client, holding)
    assert (again.step_up.outcome, statuses()) == ("challenge", ["refused", "pending"])
    assert again.step_up.key != holding.step_up.key


def test_refresh_shows_the_same_challenge(bank, alice):  # T49
    client = bank.sign_in(alice)
    first, second = bank.transfer(client), bank.transfer(client)
    assert first.step_up.key == second.step_up.key
    assert first.step_up.url == second.step_up.url
    assert_tracked("withdrawFunds", times=1)


def test_challenged_page_comes_back_to_itself(bank, alice):
    client = bank.sign_in(alice)
    challenged = client.get("/statement/?year=2026")
    assert challenged.status_code == 302
    back = complete_step_up(client, challenged)
    assert (back.status_code, back["Location"]) == (303, "/statement/?year=2026")
    assert client.get(back["Location"]).status_code == 200


def test_holding_page_shows_what_is_about_to_be_approved(bank, alice):
    page = bank.transfer(bank.sign_in(alice), 5000, "Landlord").content.decode()
    assert "Landlord" in page
    assert "5000" in page or "5,000" in page


def test_form_is_held_in_the_browser_with_every_field_as_it_was(bank, alice, done):
    bank.authsignal.challenge("act")
    client = bank.sign_in(alice)
    sent = {"tag": ["b", "a", "b"], "note": '"<Ünï>\r\n&amp;', "empty": ""}
    holding = client.post("/act/?q=1&q=2", sent)
    complete_step_up(client, holding)
    assert Form(holding).action == "/act/?q=1&q=2"
    assert press_continue(client, holding).content == b"done"
    assert done == ["/act/"]


def test_secret_fields_and_files_are_asked_for_again_and_never_echoed(bank, alice):  # T27
    bank.authsignal.challenge("act")
    secrets = {"account": "s3cr3t-a", "new_password": "s3cr3t-b", "userPin": "s3cr3t-c"}
    page = bank.sign_in(alice).post("/secret/", {**secrets, "shipping": "by post"})
    assert b"s3cr3t" not in page.content
    assert Form(page).asked == {"account": "text", "new_password": "password", "userPin": "password"}
    assert ("shipping", "by post") in Form(page).hidden


def test_json_caller_sends_again_with_the_key(bank, alice, done):
    bank.authsignal.challenge("act")
    client = bank.sign_in(alice)
    body = {"data": {"amount": 1}, "content_type": "application/json", "headers": {"Accept": "application/json"}}
    challenged = client.post("/act/", **body)
    problem = challenged.json()
    assert challenged["Content-Type"] == "application/problem+json"
    assert (problem["code"], problem["action"], problem["status"]) == ("step_up_required", "act", 403)
    complete_step_up(client, challenged)
    body["headers"]["Authsignal-Step-Up"] = problem["key"]
    assert [client.post("/act/", **body).status_code for _ in range(2)] == [200, 409]
    assert done == ["/act/"]


@pytest.mark.parametrize("path", ["/act/", "/async/", "/service/", "/service/async/", "/profile/"])
def test_every_surface_asks_once_and_spends_once(bank, alice, done, path):  # T6
    for action in ("act", "serve"):
        bank.authsignal.challenge(action)
    client = bank.sign_in(alice)
    form = {"first_name": "Ann", "email": "ann@bank.example"}
    complete_step_up(client, client.post(path, form))
    assert client.post(path, form).status_code in (200, 302)
    assert_step_up_required(client.post(path, form))
    assert statuses() == ["spent", "pending"]


def test_swallowed_refusal_still_does_nothing(bank, alice, done):  # T37
    bank.authsignal.challenge("serve")
    assert bank.sign_in(alice).post("/service/careless/").content == b"nothing done"
    assert done == []


def test_two_first_submits_at_once_share_one_live_row(bank, alice, edge):  # T6 T49
    client = bank.sign_in(alice)
    edge.during("/actions/", lambda: bank.transfer(same_browser(client)))
    loser = bank.transfer(client)
    [winner] = edge.results
    assert loser.step_up.key == winner.step_up.key
    assert sorted(statuses()) == ["pending", "void"]
    complete_step_up(client, loser)
    assert bank.transfer(client).status_code == 302
    assert_step_up_required(bank.transfer(client))
    assert bank.ledger == PAID


def test_stale_return_does_not_revive_a_spent_approval(bank, alice, edge):  # T7
    client = bank.sign_in(alice)
    holding = bank.transfer(client)

    def return_and_spend():
        complete_step_up(same_browser(client), holding)
        return press_continue(same_browser(client), holding)

    edge.during("/validate", return_and_spend)
    stale = complete_step_up(client, holding)
    assert (stale.status_code, statuses()) == (303, ["spent"])
    assert press_continue(client, holding).status_code == 409
    assert bank.ledger == PAID


def wait_once(barrier):
    """After a request has read its row it waits for the others."""
    waited = []

    def wrapper(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if not waited and sql.startswith("SELECT") and "authsignal_trackedaction" in sql:
            waited.append(barrier.wait(timeout=10))
        return result

    return wrapper


@pytest.mark.django_db(transaction=True)
def test_submits_that_have_all_seen_the_approval_pay_once(bank, alice, done):  # T6
    """The UPDATE decides, not what was read before: every thread holds the approved row when the first one spends."""
    bank.authsignal.challenge("act")
    client = bank.sign_in(alice)
    complete_step_up(client, client.post("/act/", {"amount": "1"}))
    barrier = Barrier(6)

    def submit(number):
        try:
            with connection.execute_wrapper(wait_once(barrier)):
                return same_browser(client).post("/act/", {"amount": "1"}).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        answers = sorted(pool.map(submit, range(6)))
    assert (done, answers) == (["/act/"], [200] + [409] * 5)
    assert TrackedAction.objects.get().status == "spent"


@pytest.mark.django_db(transaction=True)
def test_first_submits_in_many_threads_leave_one_live_row(bank, alice):  # T6 T49
    client = bank.sign_in(alice)
    barrier = Barrier(5)

    def submit(number):
        try:
            with connection.execute_wrapper(wait_once(barrier)):
                return bank.transfer(same_browser(client)).step_up
        finally:
            connections.close_all()

    with ThreadPoolExecutor(5) as pool:
        decisions = list(pool.map(submit, range(5)))
    assert {decision.outcome for decision in decisions} == {"challenge"}
    assert len({decision.key for decision in decisions}) == 1
    assert sorted(statuses()) == ["pending"] + ["void"] * 4


def test_other_request_that_names_the_key_is_noted(bank, alice):  # A9
    client = bank.sign_in(alice)
    holding = bank.transfer(client, 5000)
    complete_step_up(client, holding)
    bank.transfer(client, 9000, _step_up_key=str(holding.step_up.key))
    assert list(row(holding).events.values_list("kind", flat=True)) == [ActionEvent.Kind.MISMATCH]
    assert bank.ledger == []


def test_error_of_the_view_is_not_hidden_by_the_note(bank, alice, done):
    """This test's own transaction is broken by then, as a project's TestCase would be."""
    with pytest.raises(IntegrityError):
        bank.sign_in(alice).post("/clash/")
    assert done == []
