"""Two tenants of Authsignal, each with processes of its own, over one database: neither counts for the other (T46)."""

from __future__ import annotations

import pytest

from django_authsignal.connection import get_client
from django_authsignal.models import WebhookEvent
from django_authsignal.testing import assert_step_up_required, complete_step_up
from tests.journeys.steps import press_continue, row, statuses
from tests.webhooks.events import encoded, log, post, signed, verify

from .tenants import Tenants

PASSED = "CHALLENGE_SUCCEEDED"


@pytest.fixture
def tenants(bank, settings):
    return Tenants(settings, bank.authsignal.store.rules)


@pytest.fixture
def client(bank, alice, tenants):
    """Alice's browser; the first tenant's process serves it."""
    tenants.be("first")
    return bank.sign_in(alice)


def track_at(store, known, state=PASSED):
    """The same user, action and key at another tenant, in this state; the token of that."""
    store.track(known.authsignal_user_id, known.action, str(known.idempotency_key))
    action = store.action(known.authsignal_user_id, known.action, str(known.idempotency_key))
    store.update_action(action, state=state)
    return store.token(action)


def test_each_tenant_has_a_client_of_its_own(bank, client, tenants):
    clients = []
    for name in ("first", "second", "first"):
        tenants.be(name)
        bank.transfer(client, 50)
        clients.append(get_client())
    assert clients[0] is not clients[1]
    assert (tenants.asked("first"), tenants.asked("second")) == (2, 1)


def test_challenge_of_one_tenant_is_not_validated_by_the_other(bank, client, tenants):
    """Not even where the other tenant would say yes, about the same user, action and key."""
    holding = bank.transfer(client)
    token = track_at(tenants.be("second"), row(holding))
    page = client.get(f"/step-up/return/{holding.step_up.key}/?token={token}")
    assert client.get(page["Location"]).status_code == 403
    assert (tenants.asked("second"), statuses()) == (0, ["pending"])
    tenants.be("first")
    complete_step_up(client, holding)
    assert row(holding).status == "approved"


def test_token_of_another_tenant_proves_nothing(bank, client, tenants):
    """It is genuine, about the same user, action and key, and signed by a tenant that is not ours."""
    holding = bank.transfer(client)
    token = track_at(tenants.stores["second"], row(holding))
    client.get(f"/step-up/return/{holding.step_up.key}/?token={token}")
    assert statuses() == ["pending"]
    assert press_continue(client, holding).status_code == 403
    assert bank.ledger == []


def test_approval_of_one_tenant_is_not_spent_at_the_other(bank, client, tenants):
    holding = bank.transfer(client)
    complete_step_up(client, holding)
    tenants.be("second")
    assert_step_up_required(press_continue(client, holding))
    assert (bank.ledger, statuses()) == ([], ["void", "pending"])
    assert tenants.asked("second") == 1


def test_window_of_one_tenant_is_not_open_at_the_other(client, tenants, done):
    for store in tenants.stores.values():
        store.force("window", "CHALLENGE_REQUIRED")
    complete_step_up(client, client.get("/window/"))
    assert client.get("/window/").content == b"done"
    tenants.be("second")
    assert_step_up_required(client.get("/window/"))
    assert len(done) == 1


def test_login_that_passed_at_one_tenant_has_not_passed_at_the_other(client, tenants, settings, done):
    settings.AUTHSIGNAL_SIGN_IN_ACTION = "signIn"
    for store in tenants.stores.values():
        store.force("signIn", "CHALLENGE_REQUIRED")
    complete_step_up(client, client.get("/plain/"))
    assert client.get("/plain/").content == b"done"
    tenants.be("second")
    assert_step_up_required(client.get("/plain/"))
    assert len(done) == 1


@pytest.mark.parametrize("status", ["pending", "approved"])
def test_webhook_of_one_tenant_does_not_touch_the_other(bank, client, tenants, status):
    """Signed by a tenant of ours, and of another process; about a row of another tenant; or with a name that is not the
    signer's."""
    holding = bank.transfer(client)
    if status == "approved":
        complete_step_up(client, holding)
    first, second = tenants.stores["first"], tenants.stores["second"]
    veto = encoded(log(row(holding), "BLOCK", tenantId=second.tenant_id))
    assert post(veto, header=signed(veto, secret=second.secret)).status_code == 400
    assert post(veto, header=signed(veto, secret=first.secret)).status_code == 400
    tenants.be("second")
    assert post(veto, header=signed(veto, secret=second.secret)).status_code == 200
    question = encoded({**verify(row(holding)), "tenantId": second.tenant_id})
    assert post(question, header=signed(question, secret=second.secret)).status_code == 200
    assert (statuses(), WebhookEvent.objects.count()) == ([status], 1)
    assert row(holding).remote_state in ("CHALLENGE_REQUIRED", PASSED)
