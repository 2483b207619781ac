"""The sandbox's webhooks and the package's receiver, over real sockets: the bank in gunicorn and in uvicorn."""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
import requests
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client

from django_authsignal.models import ActionEvent, TrackedAction, WebhookEvent
from django_authsignal.sandbox.sending import Sender
from django_authsignal.sandbox.server import SandboxServer
from django_authsignal.sandbox.store import Store
from example_project.bank.models import Transfer
from tests.conftest import BANK_RULES
from tests.rig.servers import gunicorn, serve_bank, uvicorn

from .events import PATH, authenticator, encoded, log, signed

pytestmark = pytest.mark.races

NEW, OLD = "sandbox_test", "sandbox_before"
HOSTED = re.compile(r"http://localhost:\d+/hosted\?token=[\w.-]+")
CODE = "734019"
ORDERED = ["CHALLENGE_REQUIRED", "CHALLENGE_SUCCEEDED", "BLOCK", "REVIEW_REQUIRED", "ALLOW"]


@pytest.fixture(scope="module")
def outbox(tmp_path_factory):
    return tmp_path_factory.mktemp("provider") / "outbox.txt"


@pytest.fixture(scope="module")
def tenant():
    """What the sandbox of the server remembers."""
    return Store(BANK_RULES, secret=NEW, code=CODE)


@pytest.fixture(scope="module", params=[gunicorn, uvicorn], ids=["gunicorn", "uvicorn"])
def server(request, django_db_setup, tenant, outbox):
    """One for all tests here, amid a rotation of its secret; the tables are emptied between the tests."""
    settings = {
        "AUTHSIGNAL_SECRET": NEW,
        "AUTHSIGNAL_SECRET_FALLBACKS": [OLD],
        "INSTALLED_APPS": [*django_settings.INSTALLED_APPS, "tests.webhooks.outbox.Outbox"],
        "BANK_OUTBOX": str(outbox),
    }
    with (
        SandboxServer(tenant, "localhost") as sandbox,
        serve_bank(connection.settings_dict, f"{sandbox.url}/v1", server=request.param, settings=settings) as server,
    ):
        yield server


@pytest.fixture
def store(server, tenant, transactional_db):
    """The sandbox, which tells the bank; its batches wait until a test flushes them."""
    tenant.send_webhooks(f"{server.url}{PATH}", pause=60)
    yield tenant
    tenant.webhooks.close()


class Customer:
    """Alice's browser, over the socket."""

    def __init__(self, server, user):
        self.url = server.url
        signed_in = Client()
        signed_in.force_login(user)
        self.session = requests.Session()
        self.session.cookies.set("sessionid", signed_in.cookies["sessionid"].value)
        self.session.get(f"{self.url}/transfer/", timeout=10)

    def post(self, path, **form):
        form["csrfmiddlewaretoken"] = self.session.cookies["csrftoken"]
        return self.session.post(f"{self.url}{path}", data=form, timeout=10, allow_redirects=False)

    def transfer(self):
        return self.post("/transfer/", payee="Landlord", amount="5000")

    def is_asked(self):
        """Try a transfer; the hosted page that its challenge leads to."""
        answer = self.transfer()
        assert answer.status_code == 403
        return HOSTED.search(answer.text)[0]

    def comes_back(self, hosted):
        return self.session.get(hosted.headers["Location"], timeout=10)


@pytest.fixture
def customer(server, store, alice):
    customer = Customer(server, alice)
    with closing(customer.session):
        yield customer


def open_page(url):
    return requests.get(url, timeout=10)


def type_code(url):
    return requests.post(url, data={"do": "verify", "code": CODE}, timeout=10, allow_redirects=False)


def answers(server):
    """The statuses that the receiver has answered since the server started."""
    return re.findall(rf'"POST {PATH} HTTP/1.1" (\d+)', server.log())


@pytest.fixture
def answered(server):
    """``answered(…)`` waits until these are the statuses that the receiver has answered during this test."""
    before = len(answers(server))

    def wait(*statuses):
        end = time.monotonic() + 3
        # A server writes its log after it has answered.
        while answers(server)[before:] != [str(status) for status in statuses]:
            assert time.monotonic() < end, f"answered were {answers(server)[before:]}"
            time.sleep(0.02)

    return wait


def test_transfer_goes_through_when_the_bank_agrees(customer, store, answered):
    """The whole journey, with every webhook that belongs to it."""
    page = customer.is_asked()
    assert open_page(page).status_code == 200
    hosted = type_code(page)
    assert hosted.status_code == 303
    answered(200)
    assert not WebhookEvent.objects.exists()
    assert not Transfer.objects.exists()

    assert customer.comes_back(hosted).status_code == 200
    assert customer.transfer().status_code == 302
    assert Transfer.objects.count() == 1

    assert store.webhooks.flush_logs()
    answered(200, 200)
    assert set(WebhookEvent.objects.values_list("type", "outcome")) == {
        ("action.log_created", "recorded"),
        ("challenge.log_created", "recorded"),
    }
    row = TrackedAction.objects.get()
    assert (row.status, row.remote_state) == ("spent", "CHALLENGE_SUCCEEDED")


def test_challenge_of_a_session_that_has_ended_does_not_succeed(customer, store, alice, answered):
    """The link may still lie open somewhere; the bank's veto reaches the hosted page."""
    page = customer.is_asked()
    assert customer.post("/sign-out/").status_code == 302

    hosted = type_code(page)

    assert (hosted.status_code, "Your application refused it" in hosted.text) == (409, True)
    answered(409)
    row = TrackedAction.objects.get()
    assert (row.status, row.reason, row.approved_at) == ("void", "logged_out", None)
    assert store.action(str(alice.pk), row.action, str(row.idempotency_key)).state == "CHALLENGE_REQUIRED"
    assert not Transfer.objects.exists()


def test_answer_to_the_veto_is_no_grant(customer, store, alice, answered):
    """A34, T58: the service asks, the bank agrees, and the challenge is not passed after all."""
    page = customer.is_asked()
    row = TrackedAction.objects.get()
    action = store.action(str(alice.pk), row.action, str(row.idempotency_key))

    assert store.webhooks.allows_success(action, "SMS", None)

    answered(200)
    assert customer.transfer().status_code == 403
    row.refresh_from_db()
    assert (row.status, row.approved_at) == ("pending", None)
    assert HOSTED.fullmatch(page)


@pytest.mark.parametrize(
    ("secrets", "accepted"),
    [((NEW, OLD), True), ((OLD, NEW), True), ((OLD,), True), ((NEW,), True), (("sandbox_else",), False)],
    ids=["both", "both, the old one first", "the old one", "the new one", "neither"],
)
def test_secret_is_rotated(server, store, secrets, accepted):  # A33
    sender = Sender(f"{server.url}{PATH}", secrets, time.time)
    assert sender.post(authenticator("created", "7")) is accepted
    assert WebhookEvent.objects.count() == accepted


def test_hundred_duplicates_at_once_are_one_event_with_one_effect(server, store, make_row):  # A33 T56
    row = make_row()
    body = encoded(log(row, "BLOCK"))
    headers = {"Content-Type": "application/json", "X-Signature-V2": signed(body)}
    together = threading.Barrier(100)

    def send(_):
        together.wait(10)
        return requests.post(f"{server.url}{PATH}", body, headers=headers, timeout=30).status_code

    with ThreadPoolExecutor(100) as threads:
        assert list(threads.map(send, range(100))) == [200] * 100
    assert WebhookEvent.objects.get().outcome == "revoked"
    assert ActionEvent.objects.get().kind == "revoked"
    row.refresh_from_db()
    assert row.status == "refused"


def test_all_orders_of_five_events_end_the_same(server, store, make_row):  # T57
    orders = list(itertools.permutations(enumerate(ORDERED)))
    rows = [make_row(binding=f"v1:{number}") for number in range(len(orders))]
    deliveries = list(zip(rows, orders, strict=True))

    def deliver(share):
        with closing(HTTPConnection(urlsplit(server.url).netloc, timeout=30)) as line:
            for row, order in share:
                for second, state in order:
                    send(line, log(row, state, second))

    # Ten lines at once, because answers on a kept one come late: uvicorn leaves Nagle's algorithm on for --fd.
    with ThreadPoolExecutor(10) as threads:
        list(threads.map(deliver, (deliveries[start::10] for start in range(10))))

    assert WebhookEvent.objects.count() == 600
    ends = TrackedAction.objects.values_list(
        "status", "reason", "remote_state", "remote_state_at", "remote_state_source"
    )
    assert [end[:3] for end in ends.distinct().order_by()] == [("refused", "revoked", "ALLOW")]


def send(line, event):
    body = encoded(event)
    line.request("POST", PATH, body, {"Content-Type": "application/json", "X-Signature-V2": signed(body)})
    with line.getresponse() as response:
        response.read()
        assert response.status == 200


@pytest.fixture
def messaging(store):
    store.webhooks.sends_messages = True
    return store


def test_code_reaches_its_user_through_the_bank_and_rests_nowhere(server, messaging, customer, outbox, answered):  # T59
    assert open_page(customer.is_asked()).status_code == 200
    answered(200)
    assert json.loads(outbox.read_text()) == {"to": "+64270000000", "code": CODE}
    outbox.unlink()
    assert not WebhookEvent.objects.exists()
    assert CODE not in server.log()


def test_challenge_does_not_start_when_the_banks_provider_fails(server, messaging, customer, outbox, answered):  # T59
    outbox.mkdir()
    try:
        page = open_page(customer.is_asked())
    finally:
        outbox.rmdir()
    assert (page.status_code, "No code was sent" in page.text) == (502, True)
    answered(503)
    assert CODE not in server.log()


def test_enrolment_is_heard_of(store, alice, answered):
    store.enrol(str(alice.pk), "EMAIL_OTP", {"email": "alice@example.com"})
    answered(200)
    known = WebhookEvent.objects.get()
    assert (known.type, uuid.UUID(known.event_id).version) == ("authenticator.created", 4)
