"""Facts in the session: signed, and dead in any other session, for any other user, after any change of password."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
import time_machine
from django.contrib.auth import update_session_auth_hash
from django.contrib.sessions.backends.cache import SessionStore
from django.contrib.sessions.backends.file import SessionStore as FileStore
from django.contrib.sessions.backends.signed_cookies import SessionStore as CookieStore
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.test import Client
from django.urls import path

from django_authsignal import sessions
from django_authsignal.decorators import step_up_required
from django_authsignal.digests import digests
from django_authsignal.sessions import SESSION_KEY
from django_authsignal.testing import complete_step_up

from .gated import gated as gated
from .gated import outcome
from .gated import someone as someone


def visit(rf, user, session=None):
    request = rf.get("/")
    request.user = user
    request.session = SessionStore() if session is None else session
    return request


@pytest.fixture
def request_(rf, someone):
    return visit(rf, someone)


def open_window(request, action="pay", environment="live", **facts):
    facts = {"outcome": "challenge", "verification_method": "SMS", "row_pk": 5} | facts
    sessions.open_window(request, action, environment, **facts)


def password_changed(user):
    user.get_session_auth_hash = lambda: "other hash"


# The channel


def test_session_without_a_nonce_has_no_channel_and_stays_untouched(request_):
    assert sessions.channels(request_) == ()
    assert not request_.session.modified


def test_channel_is_the_sessions_own_and_lasts(rf, someone, request_):  # T21
    (channel,) = sessions.channels(request_, create=True)
    assert sessions.channels(request_) == sessions.channels(request_, create=True) == (channel,)
    assert sessions.channels(visit(rf, someone), create=True) != (channel,)


def test_channel_and_auth_hash_have_salts_of_their_own(request_, someone):
    """And the form that rows were written with."""
    sessions.record_login(request_, someone)
    assert sessions.channels(request_) == digests("channel", request_.session[SESSION_KEY]["nonce"])
    assert sessions.auth_hashes(someone) == digests("auth-hash", "hash")


def test_channel_shows_neither_nonce_nor_session_key(request_):  # T73
    (channel,) = sessions.channels(request_, create=True)
    request_.session.save()
    assert request_.session[SESSION_KEY]["nonce"] not in channel
    assert request_.session.session_key not in channel


def test_channel_survives_a_rotation_of_the_secret_key(request_, settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "old", []
    (before,) = sessions.channels(request_, create=True)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["old"]
    assert sessions.channels(request_)[1] == before


@pytest.mark.parametrize("facts", ["text", ["nonce"], 5, None])
def test_facts_in_another_form_are_no_facts(request_, facts):
    request_.session[SESSION_KEY] = facts
    assert sessions.channels(request_) == ()
    assert not sessions.has_recent_login(request_, 300)
    assert sessions.current_window(request_, "pay", "live") is None
    assert sessions.recall_hosted_url(request_, "key") == ""


def test_request_without_a_session_names_the_middleware(rf):
    with pytest.raises(ImproperlyConfigured, match="SessionMiddleware and AuthenticationMiddleware"):
        sessions.channels(rf.get("/"))


# The auth hash


def test_auth_hash_changes_with_the_password_and_does_not_show_it(someone):  # T22
    (before,) = sessions.auth_hashes(someone)
    assert "hash" not in before.removeprefix("v1:")
    password_changed(someone)
    assert sessions.auth_hashes(someone) != (before,)


def test_auth_hash_survives_a_rotation_of_the_secret_key(alice, settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "old", []
    (before,) = sessions.auth_hashes(alice)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["old"]
    assert before in sessions.auth_hashes(alice)
    settings.SECRET_KEY_FALLBACKS = []
    assert before not in sessions.auth_hashes(alice)


def test_user_whose_password_cannot_be_told_apart_is_refused():
    with pytest.raises(ImproperlyConfigured, match="SimpleNamespace has no get_session_auth_hash"):
        sessions.auth_hashes(SimpleNamespace(pk=1))


# The login fact


def test_login_is_recent_for_the_given_time_only(request_, someone):  # T12
    with time_machine.travel(1_000_000, tick=False) as clock:
        sessions.record_login(request_, someone)
        for age, expected in [(0, True), (300, True), (301, False), (-120, True), (-121, False), (-86_400, False)]:
            clock.move_to(1_000_000 + age)
            assert sessions.has_recent_login(request_, 300) is expected  # T70


def test_session_without_a_login_has_none(request_):
    sessions.channels(request_, create=True)
    assert not sessions.has_recent_login(request_, 300)


@pytest.mark.parametrize(
    "planted",
    [
        "",
        " ",
        "5",
        "now",
        "{now}",
        "{now} ",
        "{now} v1:" + "0" * 64,
        "{soon} {signature}",
        "² {signature}",
        "-1 {signature}",
    ],
)
def test_planted_login_counts_for_nothing(request_, someone, planted):  # T20
    sessions.record_login(request_, someone)
    signature = request_.session[SESSION_KEY]["login"].partition(" ")[2]
    now = int(time.time())
    request_.session[SESSION_KEY]["login"] = planted.format(now=now, soon=now - 1, signature=signature)
    assert not sessions.has_recent_login(request_, 300)


def test_login_counts_in_its_own_session_only(rf, request_, someone):  # T20
    sessions.record_login(request_, someone)
    sessions.channels(other := visit(rf, someone), create=True)
    other.session[SESSION_KEY]["login"] = request_.session[SESSION_KEY]["login"]
    assert not sessions.has_recent_login(other, 300)


def test_login_counts_for_its_own_user_only(rf, request_, someone):
    sessions.record_login(request_, someone)
    other = visit(rf, SimpleNamespace(**vars(someone) | {"pk": 8}), request_.session)
    assert not sessions.has_recent_login(other, 300)


def test_login_ends_with_a_change_of_password(request_, someone):
    sessions.record_login(request_, someone)
    password_changed(someone)
    assert not sessions.has_recent_login(request_, 300)


def test_login_survives_a_rotation_of_the_secret_key(rf, alice, settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "old", []
    sessions.record_login(request := visit(rf, alice), alice)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["old"]
    assert sessions.has_recent_login(request, 300)
    settings.SECRET_KEY_FALLBACKS = []
    assert not sessions.has_recent_login(request, 300)


def test_login_forgets_all_that_was_before_it(request_, someone):  # T20
    before = sessions.channels(request_, create=True)
    open_window(request_)
    remember(request_, "key")
    sessions.record_login(request_, someone)
    assert sessions.channels(request_) != before
    assert sessions.current_window(request_, "pay", "live") is None
    assert recalled(request_, "key") == [""]


# The step-up of a login


def test_passed_login_is_for_its_own_action_environment_and_browser(rf, request_, someone):
    before = sessions.channels(request_, create=True)
    sessions.record_sign_in(request_, "signIn", "live", "challenge")
    assert sessions.channels(request_) == before
    assert sessions.sign_in_outcome(request_, "signIn", "live") == "challenge"
    assert sessions.sign_in_outcome(request_, "other", "live") == ""
    assert sessions.sign_in_outcome(request_, "signIn", "sandbox") == ""
    elsewhere = visit(rf, someone)
    elsewhere.session[SESSION_KEY] = {**request_.session[SESSION_KEY], "nonce": "other"}
    assert sessions.sign_in_outcome(elsewhere, "signIn", "live") == ""


def test_passed_login_of_a_session_without_a_nonce_is_known_too(request_):
    sessions.record_sign_in(request_, "signIn", "live", "allow")
    assert sessions.sign_in_outcome(request_, "signIn", "live") == "allow"


def test_passed_login_keeps_what_the_session_knew_and_gets_a_new_key(request_, someone):  # T20
    sessions.record_login(request_, someone)
    open_window(request_)
    request_.session.save()
    key = request_.session.session_key
    sessions.record_sign_in(request_, "signIn", "live", "challenge")
    assert sessions.has_recent_login(request_, 5)
    assert sessions.current_window(request_, "pay", "live") is not None
    assert request_.session.session_key != key


# Signing in again


SOON = sessions.SIGNING_IN_AGAIN


def sign_in_again(request, user):
    """Django's login() makes a new CSRF token, and tells the session."""
    request.META["CSRF_COOKIE"] = "new"
    sessions.record_login(request, user)
    return request.META["CSRF_COOKIE"]


@pytest.fixture
def signed_out(rf, alice):
    """Alice's request, whose CSRF token was "old", once she was told to sign in again."""
    with time_machine.travel(1_000_000, tick=False):
        request = visit(rf, alice)
        request.META["CSRF_COOKIE"] = "old"
        sessions.sign_out_for_now(request)
    assert not request.user.is_authenticated
    return request


@pytest.mark.parametrize(
    ("seconds", "token"), [(0, "old"), (SOON, "old"), (SOON + 1, "new"), (-120, "old"), (-121, "new")]
)
def test_form_in_another_tab_can_be_sent_after_signing_in_again_soon(signed_out, alice, seconds, token):  # T28
    with time_machine.travel(1_000_000 + seconds, tick=False):
        assert sign_in_again(signed_out, alice) == token


def test_other_user_gets_a_token_of_their_own(signed_out, bob):  # T28
    with time_machine.travel(1_000_000, tick=False):
        assert sign_in_again(signed_out, bob) == "new"


@pytest.mark.parametrize("place", range(3))
def test_token_that_was_planted_is_not_taken(signed_out, alice, place):  # T20 T28
    facts = signed_out.session[SESSION_KEY]["csrf"]
    facts[place] = ["evil", facts[1] + 1, "v1:evil"][place]
    with time_machine.travel(1_000_000, tick=False):
        assert sign_in_again(signed_out, alice) == "new"


def test_session_without_a_token_gets_one(rf, alice):
    request = visit(rf, alice)
    sessions.sign_out_for_now(request)
    assert sign_in_again(request, alice) == "new"
    assert sign_in_again(visit(rf, alice), alice) == "new"


# Windows


def test_window_tells_how_and_when_it_was_opened(request_):
    with time_machine.travel(1_000_000, tick=False) as clock:
        open_window(request_, outcome="allow", verification_method="", row_pk=9)
        clock.shift(42)
        assert sessions.current_window(request_, "pay", "live") == sessions.Window(42, "allow", "", 9)
        clock.shift(-100)
        assert sessions.current_window(request_, "pay", "live").age == -58


def test_window_is_for_one_action_in_one_environment(request_):  # T3, T47
    open_window(request_)
    assert sessions.current_window(request_, "other", "live") is None
    assert sessions.current_window(request_, "pay", "sandbox") is None


def test_windows_of_several_actions_live_side_by_side(request_):
    open_window(request_, "pay", row_pk=1)
    open_window(request_, "look", row_pk=2)
    open_window(request_, "pay", row_pk=3)
    rows = {action: sessions.current_window(request_, action, "live").row_pk for action in ("pay", "look")}
    assert rows == {"pay": 3, "look": 2}


def test_window_gives_the_session_a_new_key(request_):  # T20
    request_.session.save()
    before = request_.session.session_key
    open_window(request_)
    assert request_.session.session_key != before
    assert not SessionStore().exists(before)
    request_.session.save()
    kept = SessionStore(request_.session.session_key)
    assert kept[SESSION_KEY]["windows"].keys() == {"pay"}


@pytest.mark.parametrize(("place", "value"), [(0, 2_000_000_000), (1, "allow"), (2, "PASSKEY"), (3, 6), (4, "v1:00")])
def test_tampered_window_is_none(request_, place, value):  # T20
    open_window(request_)
    request_.session[SESSION_KEY]["windows"]["pay"][place] = value
    assert sessions.current_window(request_, "pay", "live") is None


def test_window_cannot_move_to_another_action_session_or_user(rf, request_, someone):
    open_window(request_)
    window = request_.session[SESSION_KEY]["windows"]["pay"]
    request_.session[SESSION_KEY]["windows"]["look"] = window
    assert sessions.current_window(request_, "look", "live") is None
    sessions.channels(other := visit(rf, someone), create=True)
    other.session[SESSION_KEY]["windows"] = {"pay": window}
    assert sessions.current_window(other, "pay", "live") is None
    stranger = visit(rf, SimpleNamespace(**vars(someone) | {"pk": 8}), request_.session)
    assert sessions.current_window(stranger, "pay", "live") is None
    assert sessions.current_window(request_, "pay", "live") is not None


def test_window_ends_with_a_change_of_password(request_, someone):  # T22
    open_window(request_)
    password_changed(someone)
    assert sessions.current_window(request_, "pay", "live") is None


def test_window_survives_a_rotation_of_the_secret_key(rf, alice, settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "old", []
    open_window(request := visit(rf, alice))
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["old"]
    assert sessions.current_window(request, "pay", "live")
    settings.SECRET_KEY_FALLBACKS = []
    assert sessions.current_window(request, "pay", "live") is None


# Hosted URLs


SOON = datetime(2100, 1, 1, tzinfo=UTC)


def remember(request, *keys, expires_at=SOON):
    for key in keys:
        sessions.remember_hosted_url(request, key, f"https://hosted/{key}", expires_at)


def recalled(request, *keys):
    return [sessions.recall_hosted_url(request, key).removeprefix("https://hosted/") for key in keys]


def test_hosted_urls_of_the_last_five_challenges_are_kept(request_):
    remember(request_, *"abcdefg")
    assert recalled(request_, *"abcdefg") == ["", "", *"cdefg"]


def test_hosted_url_is_kept_as_long_as_its_challenge(request_):  # T23
    remember(request_, "a", expires_at=datetime(2026, 1, 1, 12, 10, tzinfo=UTC))
    with time_machine.travel("2026-01-01 12:09:59Z", tick=False) as clock:
        assert recalled(request_, "a") == ["a"]
        clock.shift(1)
        assert recalled(request_, "a") == [""]
        remember(request_, "b")
    assert request_.session[SESSION_KEY]["urls"].keys() == {"b"}


# In cookies


class OwnCookieStore(CookieStore):
    """A project's own engine, whatever it is called."""


@pytest.mark.parametrize("store", [CookieStore, OwnCookieStore])
def test_cookie_session_never_carries_a_hosted_url_or_a_window(rf, someone, store):  # T20 T23
    request = visit(rf, someone, store())
    remember(request, "a")
    open_window(request)
    assert SESSION_KEY not in request.session


def test_window_that_came_to_lie_in_a_cookie_is_none(rf, someone, request_):  # T20
    """As after an upgrade: an older version opened it."""
    open_window(request_)
    request = visit(rf, someone, CookieStore())
    request.session[SESSION_KEY] = request_.session[SESSION_KEY]
    assert sessions.current_window(request, "pay", "live") is None
    assert sessions.current_window(request_, "pay", "live") is not None


@pytest.mark.parametrize("kept", [SessionStore, FileStore, CookieStore, OwnCookieStore])
def test_session_and_engine_that_lie_in_a_cookie_are_told(kept):
    answers = {sessions.lies_in_a_cookie(kept), sessions.lies_in_a_cookie(kept())}
    assert answers == {issubclass(kept, CookieStore)}


# Through real sessions


@pytest.fixture(params=["db", "cache", "cached_db", "file"])
def engine(request, settings, tmp_path, monkeypatch):
    monkeypatch.setattr(FileStore, "_storage_path", str(tmp_path), raising=False)
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{request.param}"
    return request.param


def test_window_is_kept_by_every_session_engine_on_the_server(engine, gated, authsignal, alice):
    gated(max_age=60)
    gated.client = gated.sign_in()
    before = gated.client.cookies["sessionid"].value
    assert gated.get().content == gated.get().content == b"done"
    assert len(authsignal.requests) == 1
    assert gated.client.cookies["sessionid"].value != before


def test_approval_on_cookie_sessions_serves_one_request(gated, authsignal, settings):  # T20
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    authsignal.challenge("pay")
    gated(max_age=60)
    gated.client = gated.sign_in()
    for passed in (1, 2):
        complete_step_up(gated.client, gated.get())
        assert gated.get().content == b"done"
        copied = gated.client.cookies["sessionid"].value
        assert (outcome(gated.get()), gated.runs) == ("challenge", passed)
    gated.client.logout()
    thief = Client()
    thief.cookies["sessionid"] = copied
    assert (outcome(gated.get(thief)), gated.runs) == ("challenge", 2)


def test_log_out_and_new_login_end_the_window_on_every_engine(engine, gated, authsignal, alice):
    gated(max_age=60)
    gated.client = gated.sign_in()
    gated.get()
    gated.client.force_login(alice)
    gated.get()
    gated.client.logout()
    gated.client.force_login(alice)
    gated.get()
    assert len(authsignal.requests) == 3


def test_change_of_password_ends_the_window_but_not_the_session(gated, authsignal, alice):  # T22
    def change(request):
        request.user.set_password("new")
        request.user.save()
        update_session_auth_hash(request, request.user)
        return HttpResponse("changed")

    gated.serve(step_up_required("pay", max_age=60)(gated.view), path("change/", change))
    gated.get()
    assert gated.client.get("/change/").content == b"changed"
    assert gated.get().content == b"done"
    assert len(authsignal.requests) == 2


def test_window_planted_before_the_login_is_worth_nothing(gated, authsignal, alice):  # T20
    gated(max_age=60)
    gated.get()
    facts = gated.client.session[SESSION_KEY]
    victim = Client()
    session = victim.session
    session[SESSION_KEY] = facts
    session.save()
    victim.cookies["sessionid"] = session.session_key
    victim.force_login(alice)
    gated.get(victim)
    assert len(authsignal.requests) == 2


def test_rotation_of_the_secret_key_keeps_people_in_their_window(gated, authsignal, settings):
    gated(max_age=60)
    gated.get()
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "new"
    assert gated.get().content == b"done"
    assert len(authsignal.requests) == 1
