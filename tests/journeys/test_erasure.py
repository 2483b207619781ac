"""What stays of a person after whole journeys, after a prune and after an erasure; and that nothing old works again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client

from django_authsignal import signals
from django_authsignal.models import ActionEvent, DailyFigure, TrackedAction, WebhookEvent
from django_authsignal.services.completion import status_capability
from django_authsignal.services.retention import prune
from django_authsignal.sessions import SESSION_KEY
from django_authsignal.testing import assert_step_up_required, complete_step_up
from tests.webhooks.events import CODE, authenticator, batch, log, message, post, verify

from .steps import press_continue, row, statuses

EMAIL = "alice.private@bank.example"
PHONE = "+64211234567"
AMOUNT = 4711.37
PAYEE = "Xanthippe"
AGENT = "Mozilla/5.0 (a browser of her own)"
TABLES = (TrackedAction, ActionEvent, WebhookEvent, DailyFigure)


@pytest.fixture(autouse=True)
def _told_everything(bank, settings):
    """The service is told all that a project could tell it."""
    settings.AUTHSIGNAL_ATTRIBUTES = lambda request: {"email": EMAIL, "phoneNumber": PHONE, "username": "Alice Private"}
    bank.authsignal.challenge("withdrawFunds")


@pytest.fixture
def sender():
    """A project that sends the codes itself."""
    sent = []

    def receive(sender, event, **kwargs):
        sent.append(event.text("code"))
        return True

    signals.webhook_received.connect(receive)
    yield sent
    signals.webhook_received.disconnect(receive)


@pytest.fixture
def client(bank, alice):
    return bank.sign_in(alice, headers={"User-Agent": AGENT})


def journey(bank, client, amount=AMOUNT, result="approve"):
    """One transfer from the first submit to the last: the holding page and the URL of the return, token included."""
    holding = bank.transfer(client, amount, PAYEE)
    back = complete_step_up(client, holding, result)
    press_continue(client, holding)
    return holding, f"{back.request['PATH_INFO']}?{back.request['QUERY_STRING']}"


def everything_stored():
    """Every column of every row of the package's tables, as the database holds it."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table.startswith("authsignal_"):
                cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
                found += [f"{table} {cell}" for line in cursor.fetchall() for cell in line]
    return found


def hits(secrets, texts):
    return [(secret, text) for secret in secrets for text in texts if secret in text]


# What is stored at all


def test_nothing_personal_and_no_secret_is_stored_by_whole_journeys(bank, client, alice, sender):  # T66 T59 A35 T23
    """Passed, failed, left, allowed and blocked; by form and by script; with every kind of webhook."""
    urls = [journey(bank, client, AMOUNT + number, how)[1] for number, how in enumerate(["approve", "fail", "quit"])]
    bank.authsignal.allow("withdrawFunds")
    bank.transfer(client, AMOUNT, PAYEE)
    bank.authsignal.block("withdrawFunds")
    client.post("/transfer/", {"amount": AMOUNT, "payee": PAYEE}, headers={"Accept": "application/json"})
    action = TrackedAction.objects.first()
    personal = {"email": EMAIL, "phoneNumber": PHONE, "custom": {"amount": AMOUNT}, "ipAddress": "203.0.113.9"}
    told = log(action, "CHALLENGE_SUCCEEDED")
    told["data"] |= personal
    for event in (
        message(to=EMAIL, userId=str(alice.pk)),
        message("sms.created", to=PHONE, userId=str(alice.pk)),
        message("push.created", userId=str(alice.pk)),
        authenticator("created", str(alice.pk), phoneNumber=PHONE, email=EMAIL),
        verify(action, **personal),
        batch(told),
    ):
        assert post(event).status_code in (200, 409)
    assert (sender.count(CODE), len(statuses()), WebhookEvent.objects.count()) == (3, 6, 2)
    stored = everything_stored()
    assert len(stored) > 100
    tokens = [url.partition("token=")[2] for url in urls]
    secrets = [
        EMAIL,
        "private",
        PHONE,
        "211234567",
        "4711.37",
        "4712.37",
        "4713.37",
        PAYEE,
        CODE,
        AGENT,
        "203.0.113.9",
        *tokens,
    ]
    assert all(tokens)
    assert hits(secrets, stored) == []


def test_session_holds_nothing_personal(bank, client, alice):  # T66 T23
    """Nor the token of the return; only the hosted page of a challenge that is pending, on server-side sessions."""
    _, url = journey(bank, client)
    bank.transfer(client, AMOUNT, PAYEE)
    session = dict(client.session)
    [hosted, _] = session[SESSION_KEY].pop("urls").popitem()[1]
    assert hosted.startswith("http://sandbox.localhost/")
    secrets = [EMAIL, PHONE, "4711.37", PAYEE, AGENT, url.partition("token=")[2]]
    assert hits(secrets, [json.dumps(session)]) == []


# After a prune


@pytest.fixture
def past(bank, settings, clock, alice):
    """Transfers of 40 days ago: spent, failed, approved and not sent again, pending. Pruned since.

    The session outlives them, with everything that it was told.
    """
    settings.SESSION_COOKIE_AGE = 400 * 86_400
    client = bank.sign_in(alice)
    spent, failed = journey(bank, client, 1000), journey(bank, client, 2000, "fail")
    waiting = bank.transfer(client, 3000, PAYEE)
    back = complete_step_up(client, waiting)
    approved = waiting, f"{back.request['PATH_INFO']}?{back.request['QUERY_STRING']}"
    left = bank.transfer(client, 4000, PAYEE)
    pending = left, f"/step-up/return/{left.step_up.key}/?token={approved[1].partition('token=')[2]}"
    pages = [spent, failed, approved, pending]
    actions = [row(page) for page, _ in pages if TrackedAction.objects.filter(idempotency_key=page.step_up.key)]
    events = [make(action) for action in actions for make in (verify, succeeded)]
    for event in events:
        post(event)
    assert sorted(statuses()) == ["approved", "pending", "pending", "refused", "spent"]
    clock.shift(40 * 86_400)
    assert prune(timedelta(days=30)).actions == 5
    assert not any(table.objects.exists() for table in (TrackedAction, ActionEvent, WebhookEvent))
    return Past(client, pages, actions, events, bank.ledger)


@dataclass(frozen=True)
class Past:
    """What an attacker, or a patient customer, has kept of it."""

    client: Client
    pages: list
    """Holding pages, each with the URL of its return."""
    actions: list
    events: list
    paid: list


def succeeded(action):
    return log(action, "CHALLENGE_SUCCEEDED")


@pytest.mark.parametrize("login", ["same", "new"])
def test_old_forms_with_their_keys_only_start_a_new_challenge(bank, past, alice, login):  # A43
    client = past.client if login == "same" else bank.sign_in(alice)
    for page, _ in past.pages:
        answer = press_continue(client, page)
        assert_step_up_required(answer)
        assert answer.step_up.key != page.step_up.key
    assert (bank.ledger, set(statuses())) == (past.paid, {"pending"})


def test_old_return_urls_with_their_tokens_approve_nothing(bank, past, alice):  # A43
    """Nor with a token that the service would still vouch for: it remembers the success."""
    service = bank.authsignal.store
    for page, url in past.pages:
        known = service.action(str(alice.pk), "withdrawFunds", str(page.step_up.key))
        for address in (url, f"{url.partition('?')[0]}?token={service.token(known)}"):
            assert b"You are verified" not in past.client.get(address, follow=True).content
            assert_step_up_required(press_continue(past.client, page))
    assert (bank.ledger, set(statuses())) == (past.paid, {"pending"})


def test_old_webhooks_make_no_row_and_grant_nothing(bank, past):  # A43 T56
    """Signed anew, as by a service that never heard our answer."""
    assert {post(event).status_code for event in (*past.events, batch(*past.events))} == {200}
    assert not TrackedAction.objects.exists()
    for page, _ in past.pages:
        assert_step_up_required(press_continue(past.client, page))
    assert bank.ledger == past.paid


def test_old_status_urls_tell_nothing(past):  # A43
    for action in past.actions:
        answer = past.client.get(f"/step-up/status/{status_capability(action.idempotency_key)}/")
        assert (answer.status_code, answer.content) == (200, b"expired")


def test_prune_between_two_submits_changes_nothing_for_them(bank, client):  # T68
    """However little is kept: what still counts is younger."""
    holding = bank.transfer(client, AMOUNT, PAYEE)
    complete_step_up(client, holding)
    call_command("authsignal_prune", days=1, verbosity=0)
    assert press_continue(client, holding).status_code == 302
    assert len(bank.ledger) == 1


# After an erasure


def test_nothing_of_the_person_is_left_after_an_erasure(bank, client, alice):  # A44 T66
    """Not even the id and the address that the history keeps until then."""
    journey(bank, client)
    row_pk = TrackedAction.objects.get().pk
    TrackedAction.objects.update(ip_address="203.0.113.9", authsignal_user_id="opaque-7")
    TrackedAction.objects.get().note(ActionEvent.Kind.LIFTED, f"called from {PHONE}")
    assert hits(["203.0.113.9", "opaque-7", PHONE], everything_stored()) != []
    call_command("authsignal_forget", "alice", verbosity=0)
    assert hits(["203.0.113.9", "opaque-7", PHONE], everything_stored()) == []
    action = TrackedAction.objects.get(pk=row_pk)
    assert (action.user, action.status, action.action) == (None, "spent", "withdrawFunds")


def test_old_forms_and_returns_of_an_erased_person_pay_nothing(bank, client, alice):  # A43 A44
    spent = journey(bank, client, 1000)
    waiting = bank.transfer(client, 3000, PAYEE)
    back = complete_step_up(client, waiting)
    paid = bank.ledger
    call_command("authsignal_forget", "alice", verbosity=0)
    for page, url in (spent, (waiting, f"{back.request['PATH_INFO']}?{back.request['QUERY_STRING']}")):
        client.get(url)
        press_continue(client, page)
    assert bank.ledger == paid
