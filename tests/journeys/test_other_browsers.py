"""An approval belongs to one user in one browser's session, as both were when it was given."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission

from django_authsignal.testing import assert_step_up_required, complete_step_up

from .steps import press_continue, row, statuses


@pytest.fixture
def client(bank, alice):
    bank.authsignal.challenge("act")
    return bank.sign_in(alice)


def return_path(key, token):
    return f"/step-up/return/{key}/?token={token}"


def token_of(bank, user, action, key):
    """The token that the service gives the browser when this challenge was passed."""
    return bank.authsignal.store.token(bank.authsignal.store.action(str(user.pk), action, str(key)))


def test_only_the_matching_user_action_and_key_are_approved(bank, alice, bob):  # A7 T2
    """Four passed challenges (two users, two actions), each token brought to each return URL in each browser."""
    bank.authsignal.challenge("act")
    browsers = {user: bank.sign_in(user) for user in (alice, bob)}
    rows = {}
    for user, browser in browsers.items():
        rows[user, "act"] = row(browser.post("/act/"))
        rows[user, "withdrawFunds"] = row(bank.transfer(browser))
    for (user, action), known in rows.items():
        found = bank.authsignal.store.action(str(user.pk), action, str(known.idempotency_key))
        bank.authsignal.store.update_action(found, state="CHALLENGE_SUCCEEDED")
    for browser in browsers.values():
        for brought in rows:
            for meant, target in rows.items():
                if meant != brought or browsers[meant[0]] is not browser:
                    token = token_of(bank, *brought, rows[brought].idempotency_key)
                    browser.get(return_path(target.idempotency_key, token))
    assert statuses() == ["pending"] * 4
    for meant, target in rows.items():
        token = token_of(bank, *meant, target.idempotency_key)
        browsers[meant[0]].get(return_path(target.idempotency_key, token))
    assert statuses() == ["approved"] * 4


def test_two_rows_of_one_action_are_not_mixed_up(bank, client, alice):  # T2 T5
    passed, other = bank.transfer(client, 5000), bank.transfer(client, 6000)
    token = token_of(bank, alice, "withdrawFunds", passed.step_up.key)
    complete_step_up(client, passed)
    client.get(return_path(other.step_up.key, token))
    assert row(other).status == "pending"
    assert list(row(other).events.values_list("kind", flat=True)) == ["not_verified"]


def test_service_is_asked_about_this_user_and_action_only(bank, client, alice):  # T2
    complete_step_up(client, bank.transfer(client))
    payload = bank.authsignal.requests[-1].payload
    assert (payload["userId"], payload["action"]) == (str(alice.pk), "withdrawFunds")
    assert set(payload) == {"token", "userId", "action"}


def test_token_of_another_user_changes_nobody(bank, client, bob):  # A7 T2 T29
    holding = bank.transfer(client)
    thief = bank.sign_in(bob)
    back = complete_step_up(thief, holding)
    page = thief.get(back["Location"])
    assert (page.status_code, row(holding).status) == (403, "pending")
    assert thief.session["_auth_user_id"] == str(bob.pk)


def test_key_of_another_user_is_worth_nothing(bank, client, bob):  # A7
    holding = bank.transfer(client)
    complete_step_up(client, holding)
    thief = bank.sign_in(bob)
    stolen = press_continue(thief, holding)
    assert_step_up_required(stolen)
    assert stolen.step_up.key != holding.step_up.key
    assert (bank.ledger, row(holding).status) == ([], "approved")


def test_other_browser_of_the_same_user_cannot_use_the_approval(bank, client, alice):  # A15 T21
    holding = bank.transfer(client)
    complete_step_up(client, holding)
    other = bank.sign_in(alice)
    assert_step_up_required(press_continue(other, holding))
    assert bank.ledger == []
    assert press_continue(client, holding).status_code == 302  # the original goes on
    assert len(bank.ledger) == 1


def test_other_browser_of_the_same_user_cannot_return(bank, client, alice):  # A15 T21
    holding = bank.transfer(client)
    other = bank.sign_in(alice)
    back = complete_step_up(other, holding)
    assert other.get(back["Location"]).status_code == 403
    assert row(holding).status == "pending"
    complete_step_up(client, holding)
    assert press_continue(client, holding).status_code == 302


@pytest.mark.parametrize("at", ["return", "submit"])
def test_sign_out_and_in_ends_what_was_begun(bank, client, alice, at):  # A16
    holding = bank.transfer(client)
    if at == "submit":
        complete_step_up(client, holding)
    client.post("/sign-out/")
    client.post("/sign-in/", {"username": "alice", "password": "alice"})
    if at == "return":
        complete_step_up(client, holding)
    assert_step_up_required(press_continue(client, holding))
    assert bank.ledger == []


def test_second_sign_in_of_the_same_user_ends_what_was_begun(bank, client, alice):  # A16 T20
    """Django keeps the session key when the same user signs in again; the channel changes all the same."""
    holding = bank.transfer(client)
    complete_step_up(client, holding)
    client.post("/sign-in/", {"username": "alice", "password": "alice"})
    assert_step_up_required(press_continue(client, holding))
    assert bank.ledger == []


def test_signed_out_browser_is_sent_to_sign_in(bank, client):  # A16
    holding = bank.transfer(client)
    complete_step_up(client, holding)
    client.post("/sign-out/")
    assert press_continue(client, holding)["Location"].startswith("/sign-in/")
    assert bank.ledger == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_session_planted_before_sign_in_gains_nothing(bank, client, alice, when):  # T20
    planted = bank.sign_in(alice)
    planted_key = planted.cookies["sessionid"].value
    holding = None
    if when == "before":
        holding = bank.transfer(planted)
    planted.post("/sign-out/")
    planted.cookies["sessionid"] = planted_key
    victim = bank.sign_in(alice)
    holding = holding or bank.transfer(victim)
    complete_step_up(victim, holding)
    assert press_continue(planted, holding).status_code in (302, 403)
    assert bank.ledger == []


def change_password(user):
    user.set_password("another")
    user.save()


def deactivate(user):
    user.is_active = False
    user.save()


def lose_permission(user):
    user.user_permissions.clear()


@pytest.mark.parametrize("change", [change_password, deactivate])
def test_change_of_the_account_between_return_and_submit_stops_it(bank, client, alice, change):  # A17 T22
    holding = bank.transfer(client)
    complete_step_up(client, holding)
    change(alice)
    assert press_continue(client, holding)["Location"].startswith("/sign-in/")
    assert bank.ledger == []


@pytest.mark.parametrize("change", [change_password, deactivate])
def test_change_of_the_account_before_the_return_stops_it(bank, client, alice, change):  # A17 T22
    holding = bank.transfer(client)
    change(alice)
    complete_step_up(client, holding)
    assert row(holding).status == "pending"


def keep_signed_in(client, user):
    """What a page does that must not sign out whoever it serves, without telling Django's login()."""
    session = client.session
    session["_auth_user_id"], session["_auth_user_hash"] = str(user.pk), user.get_session_auth_hash()
    session.save()


def test_password_changed_in_this_session_ends_older_approvals(bank, client, alice):  # A17 T22
    holding = bank.transfer(client)
    complete_step_up(client, holding)
    change_password(alice)
    keep_signed_in(client, alice)
    assert_step_up_required(press_continue(client, holding))
    assert (bank.ledger, row(holding).status) == ([], "void")


def test_password_changed_in_this_session_ends_older_challenges(bank, client, alice):  # A17 T22
    holding = bank.transfer(client)
    change_password(alice)
    keep_signed_in(client, alice)
    page = client.get(complete_step_up(client, holding)["Location"])
    assert (page.status_code, row(holding).status) == (403, "pending")


@pytest.mark.parametrize("status", ["pending", "approved"])
def test_impersonation_in_this_session_takes_nothing_over(bank, client, bob, status):  # T2 T22
    holding = bank.transfer(client)
    if status == "approved":
        complete_step_up(client, holding)
    keep_signed_in(client, bob)
    complete_step_up(client, holding)
    assert_step_up_required(press_continue(client, holding))
    assert (bank.ledger, row(holding).status) == ([], status)


def test_inactive_user_of_a_lenient_backend_is_refused_and_not_led_to_sign_in(
    bank, client, alice, settings, done
):  # A17 T22
    """The sign-in page would let them in again, and lead back here."""
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.AllowAllUsersModelBackend"]
    lenient = bank.sign_in(alice)
    complete_step_up(lenient, lenient.post("/act/"))
    deactivate(alice)
    asked = len(bank.authsignal.requests)
    for answer in (lenient.post("/act/"), lenient.get("/act/"), lenient.get("/act/", headers={"Accept": "text/json"})):
        assert (answer.status_code, answer.step_up.outcome) == (403, "blocked")
        assert "Location" not in answer
    assert (done, statuses(), len(bank.authsignal.requests)) == ([], ["approved"], asked)


def test_permission_lost_between_return_and_submit_stops_it(bank, client, alice, done):  # A17 T22
    alice.user_permissions.add(Permission.objects.get(codename="view_user"))
    complete_step_up(client, client.post("/staff/"))
    lose_permission(alice)
    assert client.post("/staff/").status_code == 403
    assert (done, statuses()) == ([], ["approved"])


def test_user_without_permission_starts_no_challenge(bank, client, done):  # T28
    assert client.post("/staff/").status_code == 403
    assert (done, bank.authsignal.requests) == ([], [])


def test_approval_of_another_environment_is_not_spent(bank, client):  # T47 T48
    holding = bank.transfer(client)
    complete_step_up(client, holding)
    action = row(holding)
    type(action).objects.update(environment="live")
    assert_step_up_required(press_continue(client, holding))
    assert bank.ledger == []


def test_deleted_user_takes_the_approval_along_and_leaves_the_record(bank, client, alice):  # A44
    holding = bank.transfer(client)
    complete_step_up(client, holding)
    alice.delete()
    assert press_continue(client, holding)["Location"].startswith("/sign-in/")
    assert (bank.ledger, row(holding).user) == ([], None)
