import os
import subprocess
import sys

import pytest
import requests

from django_authsignal.sandbox.server import SandboxServer
from django_authsignal.sandbox.store import Store

SECRET = "sandbox_t/e+s="  # as opaque as a real one may be


class Clock:
    def __init__(self):
        self.now = 1_800_000_000.25

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def rules():
    return {"actions": {"pay": "CHALLENGE", "close": "BLOCK", "refund": "REVIEW"}}


@pytest.fixture
def store(rules, clock):
    return Store(rules, secret=SECRET, clock=clock)


@pytest.fixture
def server(store):
    with SandboxServer(store) as server:
        yield server


class Service:
    """The API over a real socket, by bare requests."""

    def __init__(self, url):
        self.url = url
        self.session = requests.Session()
        self.session.auth = (SECRET, "")

    def __call__(self, method, path, payload=None, **options):
        options.setdefault("json", payload)
        return self.session.request(method, f"{self.url}{path}", timeout=5, **options)

    def track(self, user, action, **payload):
        return self("POST", f"/v1/users/{user}/actions/{action}", payload).json()

    def enrol(self, user, **payload):
        payload.setdefault("verificationMethod", "SMS")
        return self("POST", f"/v1/users/{user}/authenticators", payload).json()

    def validate(self, token, **payload):
        return self("POST", "/v1/validate", {"token": token, **payload}).json()


@pytest.fixture
def service(server):
    service = Service(server.url)
    yield service
    service.session.close()


@pytest.fixture
def command():
    """Starts ``manage.py authsignal_sandbox`` and gives its process; ends what a test left running."""
    started = []

    def start(*arguments):
        process = subprocess.Popen(
            [sys.executable, "manage.py", "authsignal_sandbox", "--no-color", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "DJANGO_SETTINGS_MODULE": "tests.settings"},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def read_until(process, text):
    lines = []
    while not lines or text not in lines[-1]:
        line = process.stdout.readline()
        assert line, "".join(lines)
        lines.append(line)
    return "".join(lines)
