"""`max_age`: one approval opens an action to one session for a while."""

from __future__ import annotations

import pytest

from django_authsignal.models import TrackedAction
from django_authsignal.testing import assert_step_up_required, complete_step_up

from .steps import statuses


@pytest.fixture
def client(bank, alice):
    bank.authsignal.challenge("window")
    return bank.sign_in(alice)


def open_window(client, path="/window/", **options):
    complete_step_up(client, client.get(path), **options)
    return client.get(path)


def test_open_window_lets_every_request_of_the_action_pass(bank, client, done):
    open_window(client)
    assert [client.get("/window/?page=2").content, client.post("/window/").content] == [b"done", b"done"]
    assert (len(bank.authsignal.requests), statuses()) == (2, ["spent"])


def test_passing_the_challenge_alone_opens_nothing(client, done):
    complete_step_up(client, client.get("/window/"))
    assert "windows" not in client.session["_authsignal"]
    assert_step_up_required(client.get("/window/?other"))


def test_old_session_cookie_is_useless_once_a_window_opens(bank, client, done):  # A20 T20
    old = client.cookies["sessionid"].value
    open_window(client)
    new = client.cookies["sessionid"].value
    client.cookies["sessionid"] = old
    assert client.get("/window/")["Location"].startswith("/sign-in/")
    client.cookies["sessionid"] = new
    assert client.get("/window/").content == b"done"


def test_single_use_keeps_the_session_key(bank, client):  # A20
    old = client.cookies["sessionid"].value
    complete_step_up(client, bank.transfer(client))
    bank.transfer(client)
    assert (client.cookies["sessionid"].value, len(bank.ledger)) == (old, 1)


def test_allow_opens_a_window_too_but_not_where_a_challenge_is_demanded(bank, client, done):
    bank.authsignal.allow("window")
    assert client.get("/window/").content == b"done"
    bank.authsignal.challenge("window")
    assert client.get("/window/").content == b"done"
    assert_step_up_required(client.get("/window/challenged/"))


def test_window_opened_with_a_weaker_method_does_not_open_a_stricter_view(bank, client, alice, done):  # T14
    bank.authsignal.enrol(alice, "PASSKEY")
    open_window(client, method="SMS")
    assert_step_up_required(client.get("/window/passkey/"))
    open_window(client, "/window/passkey/", method="PASSKEY")
    assert client.get("/window/passkey/?again").content == b"done"


def test_stricter_view_counts_its_own_age(client, done, clock):
    open_window(client)
    clock.shift(61)
    assert client.get("/window/").content == b"done"
    assert_step_up_required(client.get("/window/short/"))


def test_window_is_not_open_in_another_browser_or_after_another_sign_in(bank, client, alice, bob, done):  # A15 A16
    open_window(client)
    assert_step_up_required(bank.sign_in(alice).get("/window/"))
    client.post("/sign-in/", {"username": "alice", "password": "alice"})
    assert_step_up_required(client.get("/window/"))


@pytest.mark.parametrize("part", [0, 1, 2, 3])
def test_forged_window_is_no_window(bank, client, done, part):  # T20
    """Even whoever can write the session cannot change what was signed."""
    open_window(client)
    session = client.session
    window = session["_authsignal"]["windows"]["window"]
    window[part] = [window[0] + 3000, "allow", "PASSKEY", 999][part]
    session.save()
    assert_step_up_required(client.get("/window/"))


def test_window_moved_to_another_session_or_action_is_no_window(bank, client, alice, done):  # T3 T20
    open_window(client)
    stolen = client.session["_authsignal"]["windows"]["window"]
    thief = bank.sign_in(alice)
    session = thief.session
    session["_authsignal"] = {**session["_authsignal"], "windows": {"window": stolen, "viewStatement": stolen}}
    session.save()
    assert_step_up_required(thief.get("/window/"))
    assert_step_up_required(thief.get("/statement/"))


def test_window_ends_with_the_password(client, alice, done):  # A17
    open_window(client)
    alice.set_password("another")
    alice.save()
    session = client.session
    session["_auth_user_hash"] = alice.get_session_auth_hash()
    session.save()
    assert_step_up_required(client.get("/window/"))


@pytest.mark.parametrize("state", ["BLOCK", "CHALLENGE_FAILED", "REVIEW_REQUIRED"])
def test_recheck_notices_a_revocation(client, done, state):  # T16
    open_window(client, "/window/recheck/")
    assert client.get("/window/recheck/?again").content == b"done"
    TrackedAction.objects.update(remote_state=state)
    assert_step_up_required(client.get("/window/recheck/?again"))
    assert client.get("/window/").content == b"done"  # nobody asked it to look


def test_outage_opens_no_window(bank, client, done):  # T40
    bank.authsignal.down()
    assert client.get("/window/bypass/").content == b"done"
    bank.authsignal.up()
    assert_step_up_required(client.get("/window/bypass/"))
