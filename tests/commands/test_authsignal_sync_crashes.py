"""``manage.py authsignal_sync`` as a process: killed anywhere and run again, and interrupted by Ctrl-C."""

from __future__ import annotations

import json
import signal
import threading
from datetime import datetime
from itertools import count

import pytest
from django.conf import settings
from django.db import connection

from django_authsignal.models import ActionEvent, TrackedAction
from django_authsignal.sandbox.rules import Rules
from django_authsignal.sandbox.server import SandboxServer
from django_authsignal.sandbox.store import Store
from example_project.bank.seed import open_account
from tests.rig import commands
from tests.rig.proofs import often, record

from .past import Past
from .test_authsignal_sync import sync

pytestmark = pytest.mark.races

OWN = {"id", "action_id", "user_id", "authsignal_user_id", "idempotency_key", "binding"}
"""What names a row, or whom it is about."""
OFTEN = often(1, 10)
"""How many times a process dies at each point: the next one always a visit later."""


@pytest.fixture
def store():
    return Store(Rules(enrol_everyone=True), secret=settings.AUTHSIGNAL_SECRET)


@pytest.fixture
def sandbox(transactional_db, store, settings):
    """Its address; this process asks it too."""
    with SandboxServer(store) as server:
        settings.AUTHSIGNAL_API_URL = f"{server.url}/v1"
        yield settings.AUTHSIGNAL_API_URL


def a_past(store, name):
    """Every kind of row that a sync has something to do with, of one user."""
    past = Past(store, open_account(name))
    for status, said in [
        *[("created", "ALLOW"), ("created", "BLOCK"), ("created", None)],
        *[("pending", "CHALLENGE_REQUIRED"), ("pending", "CHALLENGE_FAILED"), ("approved", "CHALLENGE_SUCCEEDED")],
        *[("spent", "CHALLENGE_SUCCEEDED"), ("spent", None), ("refused", "BLOCK"), ("void", None)],
    ]:
        past.row(status, said, age=900)
    past.says(past.row("spent", age=900), "BLOCK")
    past.says(past.row("approved", age=60), "BLOCK")
    return past


def settled(past):
    """The user's rows and their events, as far as two runs must agree."""
    rows = TrackedAction.objects.filter(user=past.user).order_by("pk")
    events = ActionEvent.objects.filter(action__in=rows).order_by("action__pk", "kind", "detail")
    place = {row.pk: place for place, row in enumerate(rows)}
    return [
        [shared(values) for values in rows.values()],
        [(place[values["action_id"]], *shared(values)) for values in events.values()],
    ]


def shared(values):
    """What two runs must agree in; of a time, whether there is one."""
    return [
        (name, "a time" if isinstance(value, datetime) else value) for name, value in values.items() if name not in OWN
    ]


def process(api_url, crash):
    return commands.run(connection.settings_dict, api_url, "authsignal_sync", "--json", crash=crash)


POINTS = [("K1", 2), ("K2", 1), ("K3", 1), ("written", 3), ("saved", 4)]


@pytest.mark.parametrize("point", POINTS, ids=lambda point: f"{point[0]}-{point[1]}")
def test_run_that_was_killed_and_run_again_ends_as_if_undisturbed(sandbox, store, point):  # K1 K2 K3 A31
    past = a_past(store, "alice")
    assert sync()["rows"] == 12
    undisturbed = settled(past)
    name, first = point
    for time in range(first, first + OFTEN):
        past = a_past(store, f"bob{time}")
        killed = process(sandbox, f"{name}:{time}")
        assert (killed.returncode, killed.stdout) == (commands.KILLED, ""), killed.stderr
        assert (settled(past) == undisturbed, sync()["exit_code"], settled(past)) == (False, 0, undisturbed)
    record("crashes", "sync", kills=OFTEN)


def test_point_that_is_never_met_kills_nobody(sandbox, store):
    a_past(store, "alice")
    done = process(sandbox, "saved:1000")
    assert (done.returncode, json.loads(done.stdout)["rows"]) == (0, 12)


def test_ctrl_c_keeps_what_is_done_tells_it_and_goes_on_later(sandbox, store):
    past = [Past(store, open_account(f"user{number}")) for number in range(30)]
    rows = [one.row("created", "ALLOW") for one in past]
    reached, go_on, calls = threading.Event(), threading.Event(), count(1)
    actions = store.actions

    def slowly(user_id):
        if next(calls) == 20:
            reached.set()
            go_on.wait(20)
        return actions(user_id)

    store.actions = slowly
    with commands.start(connection.settings_dict, sandbox, "authsignal_sync", "--json", "--workers", "1") as running:
        assert reached.wait(20)
        running.send_signal(signal.SIGINT)
        go_on.set()
        output, errors = running.communicate(timeout=20)
    summary = json.loads(output)
    ended = TrackedAction.objects.filter(status="void", reason="lost").count()
    assert (running.returncode, summary["exit_code"]) == (130, 130)
    assert summary["lost"] == ended
    assert 0 < ended < len(rows)
    assert "Interrupted" in errors
    sync()
    assert TrackedAction.objects.filter(status="void", reason="lost").count() == len(rows)
