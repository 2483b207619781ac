"""The demo command as a newcomer runs it: a process of its own, on a database of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from contextlib import closing

import pytest
import requests

from tests.rig.servers import ROOT


@pytest.fixture
def start_demo(tmp_path):
    """Start `manage.py demo`, return the process and what it printed up to its last line."""
    started = []

    def start(*arguments):
        process = subprocess.Popen(
            [sys.executable, "manage.py", "demo", *arguments],
            cwd=ROOT,
            env=os.environ
            | {"DJANGO_SETTINGS_MODULE": "example_project.settings", "BANK_DATABASE": str(tmp_path / "bank.sqlite3")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        printed = ""
        for line in process.stdout:
            printed += line
            if "Ctrl-C" in line:
                return process, printed
        raise AssertionError(f"the demo ended by itself:\n{printed}")

    yield start
    for process in started:
        process.kill()
        process.communicate()


def address_of(name, printed):
    return re.search(rf"{name} +(http://\S+)", printed)[1]


def test_demo_serves_the_bank_and_the_sandbox_and_ends_cleanly(start_demo):
    process, printed = start_demo("--port", "18000", "--sandbox-port", "18001")

    for part in ["Bank", "Admin", "Sandbox"]:
        with urllib.request.urlopen(address_of(part, printed), timeout=10) as page:
            assert page.status == 200
    assert "123456" in printed

    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "closed" in rest
    assert "Traceback" not in rest


def test_demo_takes_the_next_ports_when_its_own_are_busy(start_demo):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = str(taken.getsockname()[1])
        _, printed = start_demo("--port", busy, "--sandbox-port", busy)

    bank, sandbox = address_of("Bank", printed), address_of("Sandbox", printed)
    assert f":{busy}/" not in bank + sandbox
    assert bank.rsplit(":")[-1] != sandbox.rsplit(":")[-1]


def test_second_start_keeps_the_bank_as_it_was(start_demo):
    first, _ = start_demo("--port", "18000", "--sandbox-port", "18001")
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=10)

    _, printed = start_demo("--port", "18000", "--sandbox-port", "18001")

    with urllib.request.urlopen(address_of("Bank", printed), timeout=10) as page:
        assert page.status == 200


@pytest.fixture
def alice():
    """Her browser."""
    with requests.Session() as session:
        yield session


def test_demo_shows_webhooks_at_work(start_demo, alice, tmp_path):
    _, printed = start_demo("--port", "18000", "--sandbox-port", "18001")
    bank = address_of("Bank", printed)

    def post(path, **form):
        alice.get(f"{bank}sign-in/", timeout=10)
        form["csrfmiddlewaretoken"] = alice.cookies["csrftoken"]
        return alice.post(f"{bank}{path}", data=form, timeout=10)

    post("sign-in/", username="alice", password="alice")
    asked = post("transfer/", payee="Landlord", amount="5000")
    page = re.search(r"http://localhost:\d+/hosted\?token=[\w.-]+", asked.text)[0]
    code = {"do": "verify", "code": "123456"}
    assert requests.post(page, data=code, timeout=10, allow_redirects=False).status_code == 303

    end = time.monotonic() + 10
    while types_of_webhooks(tmp_path / "bank.sqlite3") != ["action.log_created"]:
        assert time.monotonic() < end, "the bank has heard nothing"
        time.sleep(0.1)


def types_of_webhooks(database):
    with closing(sqlite3.connect(database, timeout=10)) as connection:
        return [kind for (kind,) in connection.execute("SELECT type FROM authsignal_webhookevent")]
