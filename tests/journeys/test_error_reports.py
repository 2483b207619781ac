"""Whatever breaks: neither the debug page nor the error mail shows a secret, a token or a person (T65 A38)."""

from __future__ import annotations

import logging
from base64 import b64encode
from contextlib import contextmanager

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from django.views.debug import ExceptionReporter

from django_authsignal.models import TrackedAction
from django_authsignal.testing import complete_step_up
from django_authsignal.testing.adapter import SandboxAdapter
from django_authsignal.testing.reading import hosted_url

EMAIL, PHONE = "alice.private@bank.example", "+64211234567"
FORM = {"amount": "5000", "payee": "Landlord"}


class OddError(Exception):
    """What nobody has thought of."""


class Breaking(SandboxAdapter):
    """The sandbox, until a call whose method and path hold these words breaks in our hands."""

    words = ()

    def send(self, request, *args, **kwargs):
        if self.words and all(word in f"{request.method} {request.url}" for word in self.words):
            raise OddError
        return super().send(request, *args, **kwargs)


@pytest.fixture
def network(authsignal, settings):
    settings.AUTHSIGNAL_ATTRIBUTES = lambda request: {"email": EMAIL, "phoneNumber": PHONE}
    settings.AUTHSIGNAL_ADAPTER = Breaking(authsignal.store)
    authsignal.challenge("withdrawFunds")
    return settings.AUTHSIGNAL_ADAPTER


@pytest.fixture
def mails():
    """The error mails of this test."""
    texts = []

    class Mailer(logging.Handler):
        def emit(self, record):
            if record.exc_info:
                reporter = ExceptionReporter(record.request, *record.exc_info, is_email=True)
                texts.extend([reporter.get_traceback_html(), reporter.get_traceback_text()])

    mailer, logger = Mailer(logging.ERROR), logging.getLogger("django.request")
    logger.addHandler(mailer)
    yield texts
    logger.removeHandler(mailer)


@contextmanager
def broken_statement(*words):
    def execute(run, sql, params, many, context):
        if all(word in sql for word in words):
            raise OddError
        return run(sql, params, many, context)

    with connection.execute_wrapper(execute):
        yield


def transfer(client):
    return client.post("/transfer/", FORM)


def come_back(client, holding):
    return complete_step_up(client, holding)


def go_on(client, holding):
    come_back(client, holding)
    return client.post("/transfer/", FORM | {"_step_up_key": str(holding.step_up.key)})


def enrol_return(client, holding):
    return client.get("/step-up/enrol/?returned=1")


def forgetful(client, holding):
    """The challenge is shown again, by a session that has forgotten where it is."""
    session = client.session
    session["_authsignal"] = {**session["_authsignal"], "urls": {}}
    session.save()
    return transfer(client)


POINTS = {
    "track": (("POST", "/actions/withdrawFunds"), None, None, transfer),
    "track again": (("POST", "/actions/withdrawFunds"), None, "challenged", forgetful),
    "validate": (("POST", "/validate"), None, "challenged", come_back),
    "enrol": (("POST", "/actions/enrolAuthenticator"), None, None, lambda client: client.post("/step-up/enrol/")),
    "enrol return": (("GET", "/users/"), None, "challenged", enrol_return),
    "manage": (("POST", "/actions/manage"), None, None, lambda client: client.get("/step-up/manage/")),
    "look": (None, ("SELECT", "authsignal_trackedaction"), None, transfer),
    "begin": (None, ("INSERT", "authsignal_trackedaction"), None, transfer),
    "answer": (None, ("UPDATE", "authsignal_trackedaction"), None, transfer),
    "approve": (None, ("UPDATE", "authsignal_trackedaction"), "challenged", come_back),
    "spend": (None, ("UPDATE", "authsignal_trackedaction", "spent_at"), "challenged", go_on),
    "view": (None, ("INSERT", "bank_transfer"), "challenged", go_on),
}


@pytest.mark.parametrize("debug", [True, False], ids=["page", "mail"])
@pytest.mark.parametrize(("call", "statement", "before", "act"), POINTS.values(), ids=POINTS)
def test_no_report_shows_what_is_confidential(  # T65 A38
    network, settings, alice, mails, call, statement, before, act, debug
):
    client = Client(raise_request_exception=False)
    client.force_login(alice)
    holding = transfer(client) if before else None
    secrets = [hosted_url(holding).partition("token=")[2]] if holding else []
    settings.DEBUG = debug
    network.words = call or ()
    with broken_statement(*(statement or ["no such statement"])):
        response = act(client, holding) if before else act(client)
    assert response.status_code == 500
    assert "OddError" in "".join([response.text, *mails])
    secret = django_settings.AUTHSIGNAL_SECRET
    secrets += [secret, b64encode(f"{secret}:".encode()).decode(), EMAIL, PHONE, "token=ey"]
    assert [word for word in secrets if word in "".join([response.text, *mails])] == []
    assert TrackedAction.objects.filter(status="approved").count() <= 1
