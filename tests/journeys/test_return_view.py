"""The way back from the hosted page: a hint, never a proof, and never a leak."""

from __future__ import annotations

import logging
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.apps import apps
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils.log import AdminEmailHandler

from django_authsignal.testing import complete_step_up

from .steps import press_continue, row, statuses


@pytest.fixture
def client(bank, alice):
    return bank.sign_in(alice)


@pytest.fixture
def holding(bank, client):
    return bank.transfer(client)


@pytest.fixture
def return_url(holding):
    return f"/step-up/return/{holding.step_up.key}/"


def track_token(holding):
    """The token inside the hosted page's URL: a valid one, of a challenge that nobody has passed."""
    return holding.step_up.url.partition("token=")[2]


FORGED = {
    "none": lambda token: "",
    "empty": lambda token: "?token=",
    "garbage": lambda token: "?token=%00%0d%0aSet-Cookie:x",
    "unpassed": lambda token: f"?token={token}",
    "two": lambda token: f"?token={token}&token={token}",
    "too long": lambda token: f"?token={'a' * 5000}",
    "unsigned": lambda token: f"?token={token[:-3]}xyz",
    "claims": lambda token: "?state=CHALLENGE_SUCCEEDED&isValid=true&userId=1",
}


def token_in(page):
    """The token in the URL that the browser asked for."""
    return parse_qs(page.request["QUERY_STRING"])["token"][0]


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_forged_return_leaves_the_row_pending(bank, client, holding, return_url, forged):  # T24
    client.get(return_url + forged(track_token(holding)))
    assert statuses() == ["pending"]
    assert press_continue(client, holding).status_code == 403
    assert bank.ledger == []


def test_two_tokens_are_not_tried(bank, client, holding, return_url):  # T24
    complete_step_up(client, holding, "quit")
    calls = len(bank.authsignal.requests)
    token = track_token(holding)
    client.get(f"{return_url}?token={token}&token={token}")
    assert len(bank.authsignal.requests) == calls


def test_unknown_foreign_and_expired_keys_answer_alike(bank, client, holding, return_url, bob, clock):  # T35
    stranger = bank.sign_in(bob)
    unknown = "/step-up/return/00000000-0000-4000-8000-000000000000/"
    bank.transfer(client, 6000)
    clock.shift(601)
    pages = [(stranger, return_url), (stranger, unknown), (client, return_url)]
    answers = [browser.get(path) for browser, path in pages]
    assert {answer.status_code for answer in answers} == {403}
    assert len({blank(answer) for answer in answers}) == 1


def blank(page):
    """A page without the key in its own URL."""
    return page.content.replace(urlsplit(page.request["PATH_INFO"]).path.split("/")[3].encode(), b"")


@pytest.mark.parametrize("method", ["post", "put", "delete", "head", "options"])
def test_return_answers_only_get(client, holding, return_url, method):  # A23
    response = getattr(client, method)(f"{return_url}?token={track_token(holding)}")
    assert response.status_code in (200, 405)
    assert (response.content, statuses()) == (b"", ["pending"])


def test_return_without_cookies_makes_one_hop_and_no_loop(bank, client, holding):  # T30
    stranger = Client()
    bounce = complete_step_up(stranger, holding)
    hop = bounce.context["continue_url"]
    assert (bounce.status_code, hop.startswith("/step-up/return/")) == (200, True)
    second = stranger.get(hop)
    assert (second.status_code, "token" in second["Location"]) == (303, False)
    assert stranger.get(second["Location"]).status_code == 403
    assert client.get(hop).status_code == 303  # with the cookies the hop brings, it is approved
    assert row(holding).status == "approved"


def test_cross_site_get_of_the_return_executes_nothing(bank, client, holding):  # A24 T27
    back = complete_step_up(client, holding)
    client.get(back["Location"])
    assert (bank.ledger, statuses()) == ([], ["approved"])


def test_unavailable_service_can_be_asked_again_by_reloading(bank, client, holding, return_url):  # T24
    bank.authsignal.fail_next(503)
    first = complete_step_up(client, holding)
    assert (first.status_code, row(holding).status) == (503, "pending")
    assert client.get(return_url, {"token": token_in(first)}).status_code == 303
    assert row(holding).status == "approved"


@pytest.mark.parametrize("status", [400, 401, 404, 422, 302])
def test_refused_validation_approves_nothing(bank, client, holding, status):  # T24
    bank.authsignal.fail_next(status)
    assert complete_step_up(client, holding).status_code == 502
    assert (row(holding).status, bank.ledger) == ("pending", [])


def everything_stored():
    """Every column of every row, and every session, as text."""
    rows = [str(row) for model in apps.get_models() for row in model.objects.values_list()]
    return "\n".join([*rows, *(str(session.get_decoded()) for session in Session.objects.all())])


class Mails(AdminEmailHandler):
    """The error mails that administrators would get, with everything that Django puts into them."""

    def __init__(self):
        super().__init__(include_html=True)
        self.sent = []

    def send_mail(self, subject, message, *args, html_message="", **kwargs):
        self.sent.append(subject + message + html_message)


@pytest.fixture
def mails():
    handler = Mails()
    logging.getLogger("django").addHandler(handler)
    yield handler.sent
    logging.getLogger("django").removeHandler(handler)


@pytest.fixture
def traces(caplog, mails):
    """`traces(*pages)`: all that is kept or shown of a journey, at every log level."""
    caplog.set_level(logging.DEBUG)

    def collect(*pages):
        logs = [record.getMessage() + str(record.exc_text) for record in caplog.records]
        shown = [page.content.decode() + str(page.headers) + str(page.cookies) for page in pages]
        return "\n".join([*logs, *shown, *mails, everything_stored()])

    return collect


def test_token_is_nowhere_afterwards(bank, client, holding, traces):  # A21 T23
    """Logs, all tables, sessions, Location, cookies, pages and mails are searched for what came back."""
    back = complete_step_up(client, holding)
    token = token_in(back)
    clean = client.get(back["Location"])
    press_continue(client, holding)
    assert (len(token) > 100, len(bank.ledger)) == (True, 1)
    assert token not in traces(back, clean)


@pytest.mark.parametrize("failure", ["down", "fault", "nonsense", "refused"])
def test_token_is_not_told_when_the_return_fails(bank, client, holding, traces, failure):  # A21 T23
    if failure == "down":
        bank.authsignal.down()
    elif failure != "refused":
        bank.authsignal.fail_next(500 if failure == "fault" else 302)
    page = complete_step_up(client, holding, "fail" if failure == "refused" else "approve")
    assert token_in(page) not in traces(page)


@pytest.mark.parametrize("debug", [False, True])
def test_crash_of_the_return_tells_no_token(bank, client, holding, traces, settings, debug):  # A21 T23
    """The page and the mail of an unforeseen error, which show the request and every frame's variables."""
    client.raise_request_exception = False
    settings.DEBUG = debug
    settings.AUTHSIGNAL_TIMEOUT = "not a number"
    page = complete_step_up(client, holding)
    assert page.status_code == 500
    assert token_in(page) not in traces(page)


def test_hosted_page_is_kept_in_the_session_alone_and_not_for_long(bank, client, holding, clock):  # A21 T23
    hosted = track_token(holding)
    assert hosted in str(client.session["_authsignal"])
    clock.shift(601)
    bank.transfer(client, 6000)
    assert hosted not in everything_stored()


def test_hosted_page_is_never_kept_in_a_cookie(bank, alice, settings):  # A21 T23
    """Sessions that live in cookies: a refresh asks the service again, under the same key."""
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    client = bank.sign_in(alice)
    first, again = bank.transfer(client), bank.transfer(client)
    keys = [entry.payload["idempotencyKey"] for entry in bank.authsignal.requests]
    assert (keys[0] == keys[1], again.step_up.key == first.step_up.key, statuses()) == (True, True, ["pending"])
    assert "hosted" not in str(dict(client.session))
    complete_step_up(client, again)
    assert press_continue(client, again).status_code == 302


def test_token_leaves_the_address_bar_even_for_a_stranger(holding, return_url):  # A21 T23
    stranger = Client()
    page = stranger.get(f"{return_url}?{urlencode({'token': track_token(holding)})}")
    assert page["Referrer-Policy"] == "no-referrer"
    assert page.status_code == 200  # and not a redirect to /sign-in/?next=…token…
    final = stranger.get(page.context["continue_url"])
    assert final["Location"] == return_url


def test_refused_challenge_is_told_and_can_be_started_again(bank, client, holding):
    back = complete_step_up(client, holding, "fail")
    page = client.get(back["Location"])
    assert (page.status_code, row(holding).status) == (403, "refused")
    assert b"The verification failed" in page.content


def test_status_tells_one_word_to_whoever_holds_the_capability(bank, client, holding):
    words = []
    stranger, path = Client(), holding.context["status_url"]
    words.append(stranger.get(path).content)
    complete_step_up(client, holding)
    words.append(stranger.get(path).content)
    press_continue(client, holding)
    words.append(stranger.get(path).content)
    assert words == [b"pending", b"approved", b"spent"]
    assert (stranger.get(path + "x").status_code, stranger.cookies) == (404, {})
