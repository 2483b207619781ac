"""Customers before the bank's pages, in Chromium, over real servers and under a strict policy."""

from __future__ import annotations

import re

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from django_authsignal.attributes import authsignal_user_id
from django_authsignal.sandbox.server import SandboxServer
from django_authsignal.sandbox.store import Store
from example_project.bank.models import Transfer
from example_project.bank.seed import open_account
from tests.conftest import BANK_RULES
from tests.rig.servers import gunicorn, serve_bank

LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def strict(fd):
    return [*gunicorn(fd, workers=1, threads=8)[:-1], "tests.browser.wsgi:application"]


@pytest.fixture(scope="package")
def store():
    """What the sandbox remembers; each test signs in customers of its own."""
    return Store(BANK_RULES, secret=settings.AUTHSIGNAL_SECRET)


@pytest.fixture(scope="package")
def bank_url(django_db_setup, store):
    # Once for all tests: starting servers would take most of their time.
    with (
        SandboxServer(store, "localhost") as sandbox,
        serve_bank(connection.settings_dict, f"{sandbox.url}/v1", server=strict) as server,
    ):
        yield server.url


@pytest.fixture
def alice(transactional_db):
    return open_account("alice")


@pytest.fixture
def carol(transactional_db, store):
    """A customer without any authenticator."""
    user = open_account("carol")
    store.update_user(authsignal_user_id(user), {}, authenticators=())
    return user


@pytest.fixture
def sign_in(new_page, bank_url):
    """`page = sign_in(user, "/fetch/")`; whatever the console complains about on the way fails the test."""
    complaints = []

    def hear(message):
        if is_complaint(message):
            complaints.append(message.text)

    def open_page(user, path, **options):
        client = Client()
        client.force_login(user)
        page = new_page(**options)
        cookie = client.cookies[settings.SESSION_COOKIE_NAME]
        page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": bank_url}])
        page.context.on("console", hear)
        page.goto(bank_url + path)
        return page

    yield open_page
    assert complaints == []


def is_complaint(message):
    """Chromium itself reports each answer of 400 and more; those are the gate's own, and expected."""
    expected = r"Failed to load resource: (the server responded with a status of 4|net::ERR_FAILED)"
    return message.type in ("error", "warning") and not re.match(expected, message.text)


@pytest.fixture
def visit(sign_in, alice):
    return lambda path, **options: sign_in(alice, path, **options)


@pytest.fixture
def paid():
    """The ledger: what was really paid."""
    return lambda: [(row.payee, float(row.amount)) for row in Transfer.objects.order_by("pk")]


@pytest.fixture(scope="module")
def violations():
    """What axe finds wrong with a page, in words."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()

    def find(page):
        found = axe.run(page, options={"runOnly": {"type": "tag", "values": LEVELS}})
        return found.generate_report() if found.violations_count else ""

    return find
