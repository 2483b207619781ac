"""Nothing that somebody else chose begins a line of the log, colours it or turns it round (T71)."""

from __future__ import annotations

import logging
import re

import pytest

from django_authsignal.testing import complete_step_up
from tests.journeys.steps import ABSENT, press_continue, row
from tests.webhooks.events import batch, event, log, message, post

EVIL = "x\r\nCRITICAL forged line\x1b[31m\u202egnirts\u2066\x00\x85\u2028y"
TURNING = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f]")


@pytest.fixture
def lines(caplog):
    """`lines()`: what the package has logged, each record as it is formatted, without its traceback."""
    caplog.set_level(logging.DEBUG)
    return lambda: [record.getMessage() for record in caplog.records if record.name.startswith("django_authsignal")]


@pytest.fixture
def client(bank, alice):
    bank.authsignal.challenge("act")
    return bank.sign_in(alice, raise_request_exception=False, headers={"User-Agent": EVIL.replace("\x00", "")})


def assert_harmless(lines, *, least=1):
    assert len(lines) >= least
    for line in lines:
        assert line.isprintable(), line
        assert not TURNING.search(line)
        assert not line.startswith("CRITICAL")


@pytest.mark.parametrize("member", ["state", "idempotencyKey", "ruleIds", "url", "errorCode"])
def test_answer_of_the_service_forges_no_line(client, edge, lines, member):  # T71
    edge.members = {member: [EVIL] if member == "ruleIds" else EVIL}
    client.post("/act/")
    client.post("/watched/")
    assert_harmless(lines(), least=0 if member in ("errorCode", "ruleIds") else 1)


@pytest.mark.parametrize("status", [400, 401, 404, 422, 429, 500, 503])
def test_error_of_the_service_forges_no_line(bank, client, lines, status):  # T71
    challenged = client.post("/act/")
    fail_next = bank.authsignal.store.journal.fail_next
    fail_next(status, times=2, code=EVIL)
    complete_step_up(client, challenged)
    fail_next(status, times=2, code=EVIL)
    client.post("/act/?other")
    assert_harmless(lines(), least=0 if status == 401 else 1)


def test_user_and_browser_forge_no_line(bank, client, lines, settings):  # T71
    """Names, ids, headers, fields, paths and tokens, in whatever fails afterwards."""
    settings.AUTHSIGNAL_USER_ID = lambda user: "bidi\u202eid"
    headers = {"Authsignal-Step-Up": "x\x1b[31m", "X-Forwarded-For": "6.6.6.6\x1b", "Referer": "/\u202e"}
    bank.authsignal.down()
    for path in ("/act/", "/act/?q=%0d%0aCRITICAL", "/act/%E2%80%AE/", "/window/", "/watched/"):
        client.post(path, {"amount": EVIL, "payee": EVIL}, headers=headers)
    bank.authsignal.up()
    challenged = client.post("/act/", headers={"Accept": EVIL.replace("\x00", "")})
    client.get(f"/step-up/return/{challenged.step_up.key}/", {"token": EVIL})
    settings.AUTHSIGNAL_USER_ID = lambda user: EVIL
    client.post("/act/")
    assert_harmless(lines())


@pytest.mark.parametrize("place", ["type", "id", "tenantId", "source", "data"])
def test_webhook_forges_no_line(bank, client, lines, place):  # T71
    """Signed ones: what cannot be checked is refused before anything is logged."""
    bank.authsignal.challenge("withdrawFunds")
    bank.transfer(client)
    said = event("action.log_created", {"userId": EVIL, "actionCode": EVIL, "idempotencyKey": EVIL, "state": EVIL})
    if place != "data":
        said[place] = EVIL
    for one in (said, batch(said), {**message("sms.created"), place: said[place]}):
        post(one)
    assert_harmless(lines(), least=0)


def test_unknown_action_of_a_row_forges_no_line(client, edge, lines):  # T71
    edge.members = {"idempotencyKey": ABSENT, "state": EVIL}
    client.post("/act/")
    assert_harmless(lines())


def test_log_event_with_hostile_members_is_harmless(bank, client, lines):  # T71
    holding = bank.transfer(client)
    told = log(row(holding), "BLOCK")
    told["data"] |= {"rules": [EVIL], "verificationMethod": EVIL, "state": f"BLOCK{EVIL}"}
    post(told)
    press_continue(client, holding)
    assert_harmless(lines(), least=0)
