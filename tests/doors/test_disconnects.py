"""A client leaves a real ASGI server halfway: at most one effect, none unapproved, and the history says so (T36)."""

from __future__ import annotations

import http.client
import threading
import time
from contextlib import closing, contextmanager
from urllib.parse import urlencode, urlsplit

import pytest
from django.conf import settings as django_settings
from django.db import connection, transaction
from django.test import Client

from django_authsignal.models import ActionEvent, TrackedAction
from django_authsignal.sandbox.journal import Journal
from django_authsignal.sandbox.rules import Rules
from django_authsignal.sandbox.server import SandboxServer
from django_authsignal.sandbox.store import Outcome, Store
from example_project.bank.models import Transfer
from tests.rig.servers import serve_bank, uvicorn

PATHS = {"decorated": "/decorated/", "PROTECT": "/area/", "require_step_up": "/service/"}
ACTIONS = {"/decorated/": "payDecorated", "/area/": "payArea", "/service/": "payService"}
KEY_HEADER = "Authsignal-Step-Up"


class HeldJournal(Journal):
    """The sandbox answers when it is let go."""

    def __init__(self):
        super().__init__()
        self.reached, self.go = threading.Event(), threading.Event()
        self.go.set()

    def next_fault(self):
        self.reached.set()
        self.go.wait(5)
        return super().next_fault()


@pytest.fixture(scope="module")
def service():
    """What the sandbox of the server remembers."""
    service = Store(Rules(enrol_everyone=True), secret=django_settings.AUTHSIGNAL_SECRET)
    service.journal = HeldJournal()
    return service


@pytest.fixture(scope="module")
def server(django_db_setup, service):
    """One for all tests here; the tables are emptied between them."""

    def doors(fd):
        return [word.replace("tests.rig.asgi", "tests.doors.asgi") for word in uvicorn(fd)]

    with (
        SandboxServer(service, "localhost") as sandbox,
        serve_bank(connection.settings_dict, f"{sandbox.url}/v1", server=doors) as server,
    ):
        yield server


@pytest.fixture
def store(service):
    service.journal.reached.clear()
    yield service
    service.journal.go.set()


class Visitor:
    """Alice with a raw connection, which she can cut."""

    def __init__(self, server, user):
        self.address = urlsplit(server.url).netloc
        browser = Client()
        browser.force_login(user)
        self.cookies = f"sessionid={browser.cookies['sessionid'].value}; csrftoken={'c' * 32}"

    @contextmanager
    def sent(self, path, form=None, **headers):
        line = http.client.HTTPConnection(self.address, timeout=20)
        body = urlencode({"amount": "5", "seconds": "0", **(form or {})})
        common = {
            "Cookie": self.cookies,
            "X-CSRFToken": "c" * 32,
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        with closing(line):
            line.request("POST", path, body, common | headers)
            yield line

    def post(self, path, form=None, **headers):
        with self.sent(path, form, **headers) as line, line.getresponse() as response:
            return response.status, response.read()

    @contextmanager
    def leaving(self, path, form=None, **headers):
        """Send, do what the block does, and hang up."""
        with self.sent(path, form, **headers):
            yield
        time.sleep(0.2)  # until the server has heard it


@pytest.fixture
def visitor(transactional_db, server, alice):
    return Visitor(server, alice)


@pytest.fixture(params=PATHS)
def path(request, store):
    path = PATHS[request.param]
    store.force(ACTIONS[path], Outcome.CHALLENGE)
    return path


def until(condition, seconds=3.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)


def approve(visitor, path, form=None):
    """Pass the challenge of this very request as the hosted page would; the row's key."""
    assert visitor.post(path, form)[0] == 403
    row = TrackedAction.objects.get()
    facts = {
        "remote_state": "CHALLENGE_SUCCEEDED",
        "remote_state_at": row.created_at,
        "remote_state_source": "validate",
    }
    assert row.approve(facts, row.created_at, row.expires_at - row.created_at)
    return str(row.idempotency_key)


def unfinished():
    return ActionEvent.objects.filter(kind="unfinished").count()


def test_client_that_leaves_while_the_service_is_asked_leaves_nothing_approved(visitor, store, path):  # A45 T36
    store.journal.go.clear()
    with visitor.leaving(path):
        assert store.journal.reached.wait(5)
    store.journal.go.set()
    until(lambda: TrackedAction.objects.filter(status="pending").exists())
    assert Transfer.objects.count() == 0
    assert visitor.post(path)[0] == 403
    assert TrackedAction.objects.count() == 1


def test_client_that_leaves_while_its_request_is_allowed_is_paid_at_most_once(visitor, store, path):  # A45 T36
    """ALLOW spends at once: whatever became of the view, the history does not leave it open."""
    store.force(ACTIONS[path], Outcome.ALLOW)
    store.journal.go.clear()
    with visitor.leaving(path):
        assert store.journal.reached.wait(5)
    store.journal.go.set()
    until(lambda: TrackedAction.objects.filter(status="spent").exists())
    until(lambda: Transfer.objects.count() + unfinished() == 1)


def test_client_that_leaves_while_its_approval_is_spent_is_paid_at_most_once(visitor, path):  # A45 T36
    key = approve(visitor, path)
    with transaction.atomic():
        TrackedAction.objects.select_for_update().get()  # on SQLite the transaction itself is the lock
        with visitor.leaving(path, **{KEY_HEADER: key}):
            time.sleep(0.4)
        assert Transfer.objects.count() == 0
    until(lambda: TrackedAction.objects.get().status == "spent")
    until(lambda: Transfer.objects.count() + unfinished() == 1)
    assert visitor.post(path, **{KEY_HEADER: key})[0] == 409
    assert Transfer.objects.count() + unfinished() == 1


def test_client_that_leaves_its_view_has_spent_its_approval(visitor, path):  # A45 T36
    form = {"seconds": "3"}
    key = approve(visitor, path, form)
    with visitor.leaving(path, form, **{KEY_HEADER: key}):
        until(lambda: TrackedAction.objects.get().status == "spent")
    until(lambda: unfinished() == 1)
    assert visitor.post(path, form, **{KEY_HEADER: key})[0] == 409
    assert Transfer.objects.count() == 0


@pytest.mark.parametrize(("path", "action"), [("/sync/decorated/", "payDecorated"), ("/sync/area/", "payArea")])
def test_sync_view_that_pays_although_its_client_left_is_not_called_unfinished(visitor, store, path, action):  # T36
    """Whoever reads the history must not pay once more."""
    store.force(action, Outcome.CHALLENGE)
    form = {"seconds": "0.6"}
    key = approve(visitor, path, form)
    with visitor.leaving(path, form, **{KEY_HEADER: key}):
        until(lambda: TrackedAction.objects.get().status == "spent")
    until(lambda: Transfer.objects.count() == 1)
    time.sleep(0.3)  # whatever is noted of it, is noted now
    assert visitor.post(path, form, **{KEY_HEADER: key})[0] == 409
    assert (Transfer.objects.count(), unfinished()) == (1, 0)


def test_client_that_leaves_while_its_visit_is_recorded_changes_nothing(visitor, store):  # A45
    store.journal.go.clear()
    with visitor.leaving("/audited/"):
        assert store.journal.reached.wait(5)
    store.journal.go.set()
    until(lambda: TrackedAction.objects.filter(status="void", enforced=False).exists())
    assert visitor.post("/audited/") == (200, b"seen")


def test_client_that_stays_is_paid_once(visitor, path):  # A45
    key = approve(visitor, path)
    assert visitor.post(path, **{KEY_HEADER: key}) == (200, b"paid")
    assert visitor.post(path, **{KEY_HEADER: key})[0] == 409
    assert (Transfer.objects.count(), unfinished()) == (1, 0)
