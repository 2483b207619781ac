"""Replicas that lag, and rows that live elsewhere: decided and spent where they are written, and nowhere else."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from django.core.management import call_command
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from rest_framework.authtoken.models import Token

from django_authsignal.models import ActionEvent, TrackedAction, WebhookEvent
from example_project.bank.models import Transfer

from .databases import Lagging, SplitOff, copied
from .journey import Payment, call, look, must, pay

pytestmark = pytest.mark.django_db(transaction=True)
"""Real transactions on every database, not savepoints of a test's own."""
OURS = (TrackedAction, ActionEvent, WebhookEvent)


class Primary:
    """The bank as its primary has it, whatever a router says."""

    def __init__(self, bank):
        self.authsignal, self.sign_in = bank.authsignal, bank.sign_in

    @property
    def ledger(self):
        return [*Transfer.objects.using("default").order_by("pk")]


@pytest.fixture
def primary(bank, alice):
    Token.objects.create(user=alice)
    return Primary(bank)


@pytest.fixture
def second(settings, tmp_path):
    """`second("stale", Lagging())`: from now on there is a copy of the database, and a router."""
    with ExitStack() as stack:

        def start(alias, router):
            stack.enter_context(copied(alias, tmp_path))
            settings.DATABASE_ROUTERS = [router]

        yield start
        settings.DATABASE_ROUTERS = []


def count(alias):
    return sum(model.objects.using(alias).count() for model in OURS)


# A transaction around every request


@pytest.mark.parametrize("journey", [pay, look, call])
def test_journey_inside_transactions(bank, alice, customer, journey, monkeypatch):  # A13 T8
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    journey(bank, alice, customer)


# A replica that has stood still


def test_journey_beside_a_replica_that_lags(primary, alice, customer, second, journey):  # T72
    second("stale", Lagging())
    journey(primary, alice, customer)
    assert (count("stale"), count("default") > 0) == (0, True)


def test_gate_asks_no_replica(primary, alice, customer, second):  # T72
    second("stale", Lagging())
    with CaptureQueriesContext(connections["stale"]) as asked:
        look(primary, alice, customer)
    assert asked.captured_queries != []  # the users are read there
    assert [query["sql"] for query in asked if "authsignal_" in query["sql"]] == []


@pytest.mark.parametrize("event", ["spent", "refused", "logged out"])
def test_approval_that_only_a_replica_still_shows_is_worth_nothing(primary, alice, customer, second, event):  # T72
    payment = Payment(primary, customer)
    payment.start()
    payment.come_back()
    second("stale", Lagging())
    if event == "spent":
        payment.send_again()
    elif event == "refused":
        told = {"userId": str(alice.pk), "actionCode": "withdrawFunds", "idempotencyKey": str(payment.page.step_up.key)}
        log = {**told, "state": "BLOCK", "stateUpdatedAt": "2099-01-01T00:00:00.000Z", "outcome": "BLOCK"}
        assert customer.post(**primary.authsignal.signed_webhook("action.log_created", log)).status_code == 200
    else:
        customer.logout()
        customer.force_login(alice)
    paid = payment.paid
    assert list(TrackedAction.objects.using("stale").values_list("status", flat=True)) == ["approved"]
    for again in (payment.send_again, payment.come_back, payment.send_again):
        again()
    assert payment.paid == paid == (event == "spent")


def test_challenges_that_no_replica_shows_are_counted(primary, alice, customer, second):  # T49 T72
    """Five challenges may be open; a replica that shows none opens no room for more."""
    second("stale", Lagging())
    form = {"payee": "Landlord", "csrfmiddlewaretoken": str(customer.get("/transfer/").context["csrf_token"])}
    answers = [customer.post("/transfer/", {**form, "amount": 2000 + n}).status_code for n in range(7)]
    assert answers == [403] * 5 + [429] * 2
    assert len(primary.authsignal.requests) == 5


def test_webhook_that_no_replica_shows_is_told_twice_and_recorded_once(primary, alice, customer, second):  # T56 T72
    second("stale", Lagging())
    told = {"userId": str(alice.pk), "verificationMethod": "SMS"}
    webhook = primary.authsignal.signed_webhook("authenticator.created", told)
    assert [customer.post(**webhook).status_code for _ in range(3)] == [200] * 3
    assert WebhookEvent.objects.using("default").count() == 1


# The gate's own database


def test_journey_with_the_gates_rows_elsewhere(primary, alice, customer, second, journey):
    second("split", SplitOff())
    journey(primary, alice, customer)
    assert (count("default"), count("split") > 0) == (0, True)


def test_failing_view_leaves_the_spend_where_it_was_made(primary, alice, customer, second, settings):  # A13 T8
    """Transactions of the one database are none of the other's."""
    second("split", SplitOff())
    settings.ROOT_URLCONF = "tests.journeys.urls"
    customer.raise_request_exception = False
    primary.authsignal.challenge("pay")
    payment = Payment(primary, customer)
    token = str(customer.get("/transfer/").context["csrf_token"])
    payment.page = customer.post("/fail/", {"csrfmiddlewaretoken": token})
    payment.come_back()
    assert [payment.send_again().status_code for _ in range(2)] == [500, 409]
    row = TrackedAction.objects.using("split").get()
    assert (row.status, [event.kind for event in row.events.all()]) == ("spent", ["unfinished"])


def test_history_and_commands_find_rows_elsewhere(primary, alice, bank, customer, second, django_user_model, capsys):
    boss = django_user_model.objects.create_superuser("boss", "boss@bank.example", "boss")
    second("split", SplitOff())
    payment = Payment(primary, customer)
    payment.start()
    payment.come_back()
    payment.send_again()
    key = str(payment.page.step_up.key)
    office = bank.sign_in(boss)
    listed = office.get("/admin/authsignal/trackedaction/")
    must(listed.status_code == 200 and b"withdrawFunds" in listed.content, "the history shows it", listed)
    story = office.get(f"/admin/authsignal/trackedaction/{TrackedAction.objects.get().pk}/change/")
    must(story.status_code == 200 and key.encode() in story.content, "its story is told", story)
    for command in (["explain", "alice"], ["sync"], ["prune", "--dry-run"], ["forget", "alice"]):
        call_command(f"authsignal_{command[0]}", *command[1:])
    assert "withdrawFunds" in capsys.readouterr().out
    assert (count("default"), payment.paid) == (0, 1)
