"""What real servers print, with every logger at DEBUG and their own access logs: nothing confidential (T23 T65 A21).

Over real connections, so that urllib3 logs too.
"""

from __future__ import annotations

import re
from base64 import b64encode
from contextlib import closing

import pytest
import requests
from django.db import connection

from django_authsignal.sandbox.server import SandboxServer
from django_authsignal.sandbox.store import Store
from tests.conftest import BANK_RULES
from tests.rig.servers import gunicorn, serve_bank, uvicorn
from tests.webhooks.events import HEADER, PATH, encoded, message, signed
from tests.webhooks.test_sockets import CODE, Customer, type_code

from .site import EMAIL, PHONE, SECRET

pytestmark = pytest.mark.races

EVERYTHING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"level": "DEBUG", "handlers": ["console"]},
    "loggers": {name: {"level": "DEBUG"} for name in ("django", "urllib3", "requests", "django_authsignal")},
}
SETTINGS = {"AUTHSIGNAL_SECRET": SECRET, "AUTHSIGNAL_ATTRIBUTES": "tests.secrets.site.told", "LOGGING": EVERYTHING}


@pytest.fixture
def tenant():
    return Store(BANK_RULES, secret=SECRET, code=CODE)


@pytest.fixture(params=[gunicorn, uvicorn], ids=["gunicorn", "uvicorn"])
def server(request, transactional_db, tenant):
    with (
        SandboxServer(tenant, "localhost") as sandbox,
        serve_bank(connection.settings_dict, f"{sandbox.url}/v1", server=request.param, settings=SETTINGS) as running,
    ):
        yield running


@pytest.fixture
def customer(server, alice):
    customer = Customer(server, alice)
    with closing(customer.session):
        yield customer


def test_logs_of_a_server_show_nothing_confidential(server, tenant, customer):
    """A passed challenge, and one failure of each kind: of the service, on the way back, in webhooks, by a stranger."""
    hosted = [customer.is_asked()]
    back = [type_code(hosted[0]).headers["Location"]]
    for failure in (503, 401):
        tenant.journal.fail_next(failure, times=2)
        assert customer.session.get(back[0], timeout=20).status_code in (502, 503)
        tenant.journal.next_fault()
    assert requests.get(back[0], timeout=10).status_code == 200  # a stranger: the hop that brings Strict cookies
    assert customer.session.get(back[0], timeout=10).ok
    tenant.journal.fail_next(500, times=2)
    assert customer.post("/transfer/", payee="Landlord", amount="6000").status_code == 503
    body = encoded(message("sms.created", to=PHONE, code=CODE, userId="1"))
    for header in (signed(body, secret=SECRET), "t=1,v2=x"):
        assert requests.post(f"{server.url}{PATH}", body, headers={HEADER: header}, timeout=10).status_code in (
            400,
            503,
        )
    assert customer.transfer().status_code == 302
    log = server.log()
    assert '"POST /v1/validate HTTP/1.1" 200' in log  # urllib3's own, at DEBUG
    assert re.search(r"(GET|POST) /step-up/", log)
    words = [SECRET, b64encode(f"{SECRET}:".encode()).decode(), EMAIL, PHONE, f'"{CODE}"', "eyJ", "token="]
    words += [*hosted, *back, *(cookie.value for cookie in customer.session.cookies)]
    assert [(word, log[log.index(word) - 200 :][:260]) for word in words if word in log] == []
