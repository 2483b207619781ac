"""Deployments that are settled when a server starts, over real sockets."""

from __future__ import annotations

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import quote, urlsplit

import pytest
import requests
from django.db import connection
from django.test import Client

from django_authsignal.client.signature import HEADER
from django_authsignal.models import ActionEvent, TrackedAction, WebhookEvent
from django_authsignal.sandbox.rules import Outcome
from django_authsignal.sandbox.server import SandboxServer
from django_authsignal.services.pages import sign_page
from example_project.bank.models import Transfer
from tests.journeys.steps import Form
from tests.rig.proxy import Proxy
from tests.rig.servers import gunicorn, serve_bank
from tests.webhooks.events import PATH, authenticator, encoded, signed

from .databases import copied

pytestmark = [pytest.mark.races, pytest.mark.django_db(transaction=True)]

HOSTED = re.compile(r"http://localhost:\d+/hosted\?token=[\w.-]+")


class Visitor:
    """A customer's browser; every request is a connection of its own, and so any worker's."""

    def __init__(self, url, user):
        self.url = url
        signed_in = Client()
        signed_in.force_login(user)
        self.session = requests.Session()
        self.session.headers["Connection"] = "close"
        self.session.cookies.set("sessionid", signed_in.cookies["sessionid"].value)
        self.send("GET", "/step-up/enrol/")  # a page with a form for everybody

    def send(self, method, path, **options):
        where = path if path.startswith("http") else self.url + path
        return self.session.request(method, where, **options, timeout=10, allow_redirects=False)

    def post(self, path, **form):
        return self.send("POST", path, data={**form, "csrfmiddlewaretoken": self.session.cookies["csrftoken"]})

    def press_continue(self, page):
        form = Form(page)
        return self.send("POST", form.action, data=form.data).status_code

    def start(self):
        """Send the form; the holding page."""
        return self.post("/transfer/", amount="5000", payee="Landlord")

    def come_back(self, page, code):
        """Pass the challenge and return."""
        verified = requests.post(
            HOSTED.search(page.text)[0], {"do": "verify", "code": code}, timeout=10, allow_redirects=False
        )
        return self.send("GET", verified.headers["Location"]).status_code

    def close(self):
        self.session.close()

    def journey(self, code):
        """What each step of a whole journey is answered, replays included."""
        page = self.start()
        steps = [page.status_code, self.press_continue(page), self.come_back(page, code)]
        return [*steps, *(self.press_continue(page) for _ in range(3)), self.start().status_code]


EXPECTED = [403, 403, 303, 302, 409, 409, 403]


def preloaded(fd):
    *options, _ = gunicorn(fd, workers=2, threads=1)
    return [*options, "--preload", "tests.deployments.preloaded:application"]


def test_client_that_was_used_before_the_fork(alice, bob, sandbox_store, monkeypatch):  # F30
    """Both workers at once, without asserts, and with every warning an error."""
    monkeypatch.setenv("PYTHONOPTIMIZE", "2")
    monkeypatch.setenv("PYTHONWARNINGS", "error,ignore::ResourceWarning")  # of gunicorn's own listener
    with (
        SandboxServer(sandbox_store, "localhost") as sandbox,
        Proxy(("localhost", urlsplit(sandbox.url).port)) as proxy,
        serve_bank(connection.settings_dict, f"http://localhost:{proxy.port}/v1", server=preloaded) as bank,
    ):
        sandbox_store.origin = f"http://localhost:{proxy.port}"
        with (
            closing(Visitor(bank.url, alice)) as hers,
            closing(Visitor(bank.url, bob)) as his,
            ThreadPoolExecutor() as threads,
        ):
            answers = [threads.submit(visitor.journey, sandbox_store.code) for visitor in (hers, his)]
            assert [answer.result(60) for answer in answers] == [EXPECTED] * 2
        log = bank.log()
    assert Transfer.objects.count() == 2
    masters, *workers = proxy.sent
    assert re.findall(rb"(?:GET|POST) /v1/[^ ]+", masters) == [b"GET /v1/users/somebody"]
    assert b"POST /v1/validate" in b"".join(workers)
    assert (len(re.findall("Booting worker", log)), re.findall("Traceback|Error", log)) == (2, [])


def test_two_databases_with_a_transaction_around_every_request(alice, boss, sandbox_store, tmp_path):  # A13 T8 T72
    """ATOMIC_REQUESTS on both; the gate's rows are in the second, and every door stands outside both transactions."""
    sandbox_store.force("manageAuthenticators", Outcome.CHALLENGE)
    with copied("split", tmp_path) as split, SandboxServer(sandbox_store, "localhost") as sandbox:
        settings = {
            "DATABASES": {name: told(one) for name, one in [("default", connection.settings_dict), ("split", split)]},
            "DATABASE_ROUTERS": ["tests.deployments.databases.SplitOff"],
        }
        with serve_bank(connection.settings_dict, f"{sandbox.url}/v1", workers=1, settings=settings) as bank:
            with closing(Visitor(bank.url, alice)) as visitor:
                assert visitor.journey(sandbox_store.code) == EXPECTED
                rows = TrackedAction.objects.using("split")
                assert Counter(rows.values_list("status", flat=True)) == {"pending": 1, "spent": 1}
                pages = [f"/step-up/unlock/?page={quote(sign_page('/statement/'))}", "/step-up/manage/"]
                assert [visitor.send("GET", page).status_code for page in pages] == [302, 302]
                assert visitor.post("/step-up/enrol/").status_code == 200
                assert visitor.post("/transfer/", amount="1", payee="Blocked Ltd").status_code == 403
            with closing(Visitor(bank.url, boss)) as office:
                history = f"/admin/authsignal/trackedaction/{rows.get(reason='block').pk}/"
                assert office.post(f"{history}refresh/").status_code == 302
                assert office.post(f"{history}lift/", reason="The customer called; her papers are right").ok
                assert ActionEvent.objects.using("split").filter(kind__in=["refreshed", "lifted"]).count() >= 2
                assert deliver(office, authenticator("created", str(alice.pk))) == 200
    assert Transfer.objects.count() == 1
    assert TrackedAction.objects.using("default").count() == WebhookEvent.objects.using("default").count() == 0


def deliver(visitor, event):
    body = encoded(event)
    headers = {"Content-Type": "application/json", HEADER: signed(body)}
    return visitor.send("POST", PATH, data=body, headers=headers).status_code


@pytest.fixture
def boss(django_user_model):
    return django_user_model.objects.create_superuser("boss", "boss@bank.example", "boss")


def told(database):
    """As settings of a server, of JSON values."""
    names = ("ENGINE", "NAME", "USER", "HOST", "OPTIONS")
    return {name: str(database[name]) if name == "NAME" else database[name] for name in names} | {
        "ATOMIC_REQUESTS": True
    }
