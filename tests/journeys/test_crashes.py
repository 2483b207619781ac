"""Requests whose process is killed, point by point, and what a sync makes of the rows that they leave."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.models import F
from django.test import Client

from django_authsignal.client.signature import HEADER, sign
from django_authsignal.models import TrackedAction, WebhookEvent
from django_authsignal.sandbox.records import timestamp
from django_authsignal.sandbox.server import SandboxServer
from example_project.bank.models import Transfer
from example_project.bank.seed import open_account
from tests.rig import commands
from tests.webhooks.events import log

pytestmark = pytest.mark.races

AMOUNT = {"amount": "5000", "payee": "Landlord"}
PAID = [("Landlord", Decimal(5000))]
REQUEST = """
import json
from django.test import Client
client = Client(SERVER_NAME="localhost")
client.cookies["sessionid"] = {session!r}
getattr(client, {method!r})({path!r}, **{arguments!r})
"""


@dataclass
class Site:
    """The bank, a customer's browser, and the service beside them."""

    browser: Client
    store: Any
    api_url: str

    def killed(self, point: str, method: str, path: str, **arguments: Any) -> None:
        """Send a request to a process of the bank's that dies at *point*."""
        session = self.browser.cookies["sessionid"].value
        code = REQUEST.format(session=session, method=method, path=path, arguments=arguments)
        done = commands.run(connection.settings_dict, self.api_url, "shell", "-v0", "-c", code, crash=point)
        assert done.returncode == commands.KILLED, done.stderr

    def transfer(self) -> Any:
        return self.browser.post("/transfer/", AMOUNT)

    def transfer_killed(self, point: str) -> None:
        self.killed(point, "post", "/transfer/", data=AMOUNT)

    def says(self, state: str) -> Any:
        """The service's action of the row that waits comes into *state*; a second later than whatever came before."""
        row = TrackedAction.objects.get(status="pending")
        action = self.store.action(row.authsignal_user_id, row.action, str(row.idempotency_key))
        action = self.store.update_action(action, state=state, method="SMS")
        return self.store.update_action(action, state_updated_at=action.state_updated_at + 1)

    def passed(self) -> str:
        """The customer passes the challenge; the path to come back to."""
        action = self.says("CHALLENGE_SUCCEEDED")
        return f"/step-up/return/{action.key}/?token={self.store.token(action)}"


@pytest.fixture
def site(transactional_db, sandbox_store, settings):
    settings.ROOT_URLCONF = "example_project.urls"
    settings.AUTHSIGNAL_ADAPTER = None
    browser = Client(SERVER_NAME="localhost")
    browser.force_login(open_account("alice"))
    with SandboxServer(sandbox_store, "localhost") as sandbox:
        settings.AUTHSIGNAL_SECRET = sandbox_store.secret
        settings.AUTHSIGNAL_API_URL = f"{sandbox.url}/v1"
        yield Site(browser, sandbox_store, settings.AUTHSIGNAL_API_URL)


def found():
    """Each row as it stands: status, why it ended, what the service said last."""
    return list(TrackedAction.objects.order_by("pk").values_list("status", "reason", "remote_state"))


def ledger():
    return list(Transfer.objects.order_by("pk").values_list("payee", "amount"))


def known(site):
    """What the service has tracked."""
    return [action.state for action in site.store.actions(TrackedAction.objects.first().authsignal_user_id)]


def sync():
    """A minute later, and once more; the second run has nothing left to do."""
    TrackedAction.objects.update(created_at=F("created_at") - timedelta(seconds=61))
    summaries = []
    for _ in range(2):
        out = StringIO()
        call_command("authsignal_sync", json=True, figures=False, verbosity=0, stdout=out)
        summaries.append(json.loads(out.getvalue()))
    assert {**summaries[1], "rows": 0} == dict.fromkeys(summaries[1], 0)


def pay_after_challenge(site):
    """Retry from the beginning, as the customer would."""
    assert site.transfer().step_up.outcome == "challenge"
    site.browser.get(site.passed())
    assert site.transfer().status_code == 302


def test_killed_before_the_row_is_written(site):  # K0
    site.transfer_killed("K0")
    assert (found(), len(site.store.journal.requests), ledger()) == ([], 0, [])
    sync()
    pay_after_challenge(site)
    assert ledger() == PAID


@pytest.mark.parametrize(
    ("point", "remote"),
    [("K1", []), ("K2", ["CHALLENGE_REQUIRED"]), ("K3", ["CHALLENGE_REQUIRED"])],
    ids=["K1", "K2", "K3"],
)
def test_killed_around_the_call(site, point, remote):  # K1 K2 K3
    site.transfer_killed(point)
    assert (found(), known(site), ledger()) == ([("created", "", "")], remote, [])
    sync()
    assert (found(), ledger()) == ([("void", "lost", "".join(remote))], [])
    pay_after_challenge(site)
    assert ledger() == PAID


def test_killed_before_the_challenge_is_shown(site):  # K4
    site.transfer_killed("K4")
    waits = [("pending", "", "CHALLENGE_REQUIRED")]
    assert found() == waits
    sync()
    assert (found(), ledger()) == (waits, [])
    pay_after_challenge(site)  # of the same row
    assert (len(found()), ledger()) == (1, PAID)


def test_killed_when_the_challenge_is_validated(site):  # K5
    site.transfer()
    back = site.passed()
    site.killed("K5", "get", back)
    sync()
    assert found() == [("pending", "", "CHALLENGE_SUCCEEDED")]  # recorded, and no approval
    assert (site.transfer().status_code, ledger()) == (403, [])
    assert site.browser.get(back).status_code == 303
    assert (site.transfer().status_code, ledger()) == (302, PAID)


def test_killed_when_the_approval_is_saved(site):  # K6
    site.transfer()
    site.killed("K6", "get", site.passed())
    sync()
    assert (found(), ledger()) == ([("approved", "", "CHALLENGE_SUCCEEDED")], [])
    assert (site.transfer().status_code, ledger()) == (302, PAID)
    assert site.transfer().step_up.outcome == "challenge"


@pytest.mark.parametrize(("point", "paid"), [("K7", []), ("K8", PAID)], ids=["K7", "K8"])
def test_killed_around_the_view(site, point, paid):  # K7 K8
    site.transfer()
    site.browser.get(site.passed())
    site.transfer_killed(point)
    spent = [("spent", "", "CHALLENGE_SUCCEEDED")]
    assert (found(), ledger()) == (spent, paid)
    sync()
    assert (found(), ledger()) == (spent, paid)
    assert site.transfer().step_up.outcome == "challenge"  # what is spent stays spent
    assert ledger() == paid


def test_killed_in_a_webhook(site):  # K9
    site.transfer()
    row, action = TrackedAction.objects.get(), site.says("BLOCK")
    event = log(row, "BLOCK", tenantId=site.store.tenant_id)
    event["data"]["stateUpdatedAt"] = timestamp(action.state_updated_at)
    body = json.dumps(event).encode()
    sent = {
        "data": body,
        "content_type": "application/json",
        "headers": {HEADER: sign(body, settings.AUTHSIGNAL_SECRET, int(time.time()))},
    }
    site.killed("K9", "post", "/step-up/webhook/", **sent)
    taken_back = [("refused", "revoked", "BLOCK")]
    assert (found(), WebhookEvent.objects.count()) == (taken_back, 1)
    assert site.browser.post("/step-up/webhook/", **sent).status_code == 200
    sync()
    assert (found(), WebhookEvent.objects.count(), ledger()) == (taken_back, 1, [])
