"""What the tables hold after everything has happened, column by column: nothing else fits (T66)."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from django_authsignal.models import TrackedAction
from django_authsignal.testing import complete_step_up
from tests.journeys.steps import press_continue, row
from tests.webhooks.events import CODE, authenticator, log, message, post, verify

EMAIL, PHONE, PAYEE, AGENT = "alice.private@bank.example", "+64211234567", "Xanthippe", "Mozilla/5.0 (hers)"
UUID = r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}"
TIME = r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:\+00:00)?"
DIGEST = r"v1:[0-9a-f]{64}"
BOOL = r"0|1|True|False"
STATE = r"ALLOW|BLOCK|CHALLENGE_(?:REQUIRED|SUCCEEDED|FAILED)|REVIEW_\w+"
# Texts of ours: a call without its ids, a state, an operator's number. No address, amount, token or code is like that.
DETAIL = r"(?:(?:GET|POST) /[a-z/{}A-Z]+: [a-z0-9 ,'{}A-Z]+|[a-zA-Z _']+|(?:operator \d+|webhook|sync): [A-Z_]+)?"
COLUMNS = {
    "authsignal_trackedaction": {
        "id": r"\d+",
        "user_id": r"\d+",
        "authsignal_user_id": r"\d+",
        "tenant": r"",
        "environment": r"sandbox",
        "action": r"withdrawFunds|act|enrolAuthenticator",
        "idempotency_key": UUID,
        "status": r"created|pending|approved|spent|refused|void",
        "remote_state": rf"|{STATE}",
        "remote_state_at": TIME,
        "remote_state_source": r"|track|validate|webhook|operator|sync",
        "reason": r"[a-z_]*",
        "enforced": BOOL,
        "route": r"transfer/|act/|step-up/enrol/",
        "method": r"GET|POST",
        "return_path": r"|/act/\?q=1",
        "binding": DIGEST,
        "channel": DIGEST,
        "auth_hash": DIGEST,
        "is_enrolled": BOOL,
        "verification_method": r"|SMS|[A-Z_]+",
        "rule_ids": r"\[(?:'[a-z-]+'|\"[a-z-]+\"|, )*\]",
        "ip_address": r"127\.0\.0\.1(?:/32)?",
        **dict.fromkeys(["created_at", "answered_at", "approved_at", "spent_at", "ended_at", "expires_at"], TIME),
    },
    "authsignal_actionevent": {"id": r"\d+", "action_id": r"\d+", "kind": r"[a-z_]+", "detail": DETAIL, "at": TIME},
    "authsignal_webhookevent": {
        "id": r"\d+",
        "tenant": UUID,
        "event_id": UUID,
        "type": r"action\.log_created|authenticator\.created|new\.kind",
        "occurred_at": TIME,
        "received_at": TIME,
        "outcome": r"recorded|revoked",
    },
    "authsignal_dailyfigure": {
        "id": r"\d+",
        "environment": r"sandbox",
        "day": r"\d{4}-\d\d-\d\d",
        "name": r"[a-z_]+",
        "label": r"[\w.:-]*",
        "value": r"\d+(?:\.\d+)?",
        "as_of": TIME,
    },
}


@pytest.fixture
def client(bank, alice, settings):
    told = {"email": EMAIL, "phoneNumber": PHONE, "username": "Alice Private", "custom": {"limit": 4711.25}}
    settings.AUTHSIGNAL_ATTRIBUTES = lambda request: told
    for action in ("withdrawFunds", "act"):
        bank.authsignal.challenge(action)
    return bank.sign_in(alice, headers={"User-Agent": AGENT})


def everything_happens(bank, client, alice, admin_client):
    """One action for each way to end, each kind of event, each webhook, an operator, a sync, a roll-up."""
    for number, result in enumerate(["approve", "fail", "quit"]):
        holding = bank.transfer(client, 4711.37 + number, PAYEE)
        complete_step_up(client, holding, result)
        press_continue(client, holding)
    bank.transfer(client, 9000, PAYEE, _step_up_key=str(holding.step_up.key))
    complete_step_up(client, client.get("/act/?q=1"))
    bank.authsignal.block("withdrawFunds")
    blocked = bank.transfer(client, 4720, PAYEE)
    bank.authsignal.answer("withdrawFunds", "CHALLENGE_SUCCEEDED")
    bank.transfer(client, 4721, PAYEE)
    bank.authsignal.fail_next(401)
    bank.transfer(client, 4722, PAYEE)
    bank.authsignal.fail_next(503, times=2)
    bank.transfer(client, 4723, PAYEE)
    bank.authsignal.down()
    bank.transfer(client, 4724, PAYEE)
    bank.authsignal.up()
    client.post("/step-up/enrol/", {"action": "start"})
    personal = {"email": EMAIL, "phoneNumber": PHONE, "custom": {"amount": 4711.37}, "ipAddress": "203.0.113.9"}
    vetoed = log(row(holding), "BLOCK", 60 * 60 * 24 * 400)
    vetoed["data"] |= personal
    data = message(to=EMAIL)["data"]
    for said in (vetoed, verify(row(blocked), **personal), authenticator("created", str(alice.pk), email=EMAIL)):
        post(said)
    post({**message(to=EMAIL), "type": "new.kind", "data": data})
    post(message("sms.created", to=PHONE))
    admin_client.post(f"/admin/authsignal/trackedaction/{row(blocked).pk}/refresh/")
    old = timezone.now() - timedelta(days=2)
    TrackedAction.objects.filter(status__in=["void", "refused"]).update(created_at=old)
    call_command("authsignal_sync", verbosity=0)
    call_command("authsignal_prune", verbosity=0)


def tables():
    """Every table of the package with its columns, and every row of it."""
    names = {model._meta.db_table for model in apps.get_app_config("authsignal").get_models()}
    with connection.cursor() as cursor:
        for table in sorted(names):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            yield table, [column[0] for column in cursor.description], cursor.fetchall()


def test_every_column_holds_what_it_is_for_and_nothing_else(bank, client, alice, admin_client):  # T66
    everything_happens(bank, client, alice, admin_client)
    found = {}
    for table, columns, rows in tables():
        assert set(columns) == set(COLUMNS[table]), "a new column: say here what it may hold"
        assert rows, f"{table} is empty: nothing was proved"
        for name, values in zip(columns, zip(*rows, strict=True), strict=True):
            texts = {str(value) for value in values if value is not None}
            found[table, name] = [text for text in texts if not re.fullmatch(COLUMNS[table][name], text)]
    assert {place: strays for place, strays in found.items() if strays} == {}


def test_nothing_personal_is_in_any_column(bank, client, alice, admin_client):  # T66
    everything_happens(bank, client, alice, admin_client)
    held = [f"{cell}" for _, _, rows in tables() for line in rows for cell in line]
    personal = [
        EMAIL,
        "private",
        PHONE,
        "211234567",
        "4711.",
        PAYEE,
        AGENT,
        "203.0.113.9",
        CODE,
        "chris@",
        "eyJ",
        "hosted",
    ]
    assert [(word, cell) for word in personal for cell in held if word in cell] == []
