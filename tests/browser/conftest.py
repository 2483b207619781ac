"""Alice before one of the bank's pages, in Chromium, over real servers and under a strict policy."""

from __future__ import annotations

import re

import pytest
from django.db import connection

from django_authsignal.sandbox.server import SandboxServer
from example_project.bank.models import Transfer
from example_project.bank.seed import open_account
from tests.rig.servers import gunicorn, serve_bank


def strict(fd, **options):
    return [*gunicorn(fd, workers=1, threads=8)[:-1], "tests.browser.wsgi:application"]


@pytest.fixture
def bank_url(transactional_db, sandbox_store):
    open_account("alice")
    with (
        SandboxServer(sandbox_store, "localhost") as sandbox,
        serve_bank(connection.settings_dict, f"{sandbox.url}/v1", server=strict) as server,
    ):
        yield server.url


@pytest.fixture
def visit(new_page, bank_url):
    """Open a page of the bank as alice; whatever the console complains about fails the test."""
    complaints = []

    def open_page(path, **options):
        page = new_page(**options)
        page.context.on("console", lambda message: complaints.append(message.text) if is_complaint(message) else None)
        page.goto(f"{bank_url}/sign-in/")
        page.get_by_label("Username").fill("alice")
        page.get_by_label("Password").fill("alice")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="Balance").wait_for()
        page.goto(bank_url + path)
        return page

    yield open_page
    assert complaints == []


def is_complaint(message):
    """Chromium itself reports answers of 400 and more, which are the gate's own words here."""
    expected = re.match(r"Failed to load resource: the server responded with a status of 4", message.text)
    return message.type in ("error", "warning") and not expected


@pytest.fixture
def dialog_of():
    return lambda page: page.get_by_role("dialog")


@pytest.fixture
def paid():
    """The ledger: what was really paid."""
    return lambda: [(row.payee, float(row.amount)) for row in Transfer.objects.order_by("pk")]
