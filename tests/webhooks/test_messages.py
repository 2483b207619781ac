"""Codes on their way to their users: in memory only, passed on or refused, and nowhere afterwards (T59, A35, T65)."""

from __future__ import annotations

import sys
from contextlib import contextmanager

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from django_authsignal import signals
from django_authsignal.client import webhooks
from django_authsignal.models import WebhookEvent
from tests.gated import broken_database

from .events import CODE, authenticator, batch, encoded, event, log, message, post, signed

KINDS = ["email.created", "sms.created", "push.created"]
RECEIVER = tuple(
    f"django_authsignal/{name}.py"
    for name in ("webhook", "client/webhooks", "client/signature", "services/webhooks", "services/reports", "prepared")
)
"""The modules whose frames hold a body, a message or a part of one."""


@pytest.mark.parametrize("kind", KINDS)
def test_message_is_passed_on_to_a_receiver_and_recorded_nowhere(db, kind, received, statements):  # T59
    assert post(message(kind)).status_code == 200
    assert [(said["event"].type, said["event"].data["code"]) for said in received] == [(kind, CODE)]
    assert statements == []


@pytest.mark.parametrize("kind", KINDS)
def test_message_that_nobody_passes_on_is_refused(kind, caplog):
    response = post(message(kind))
    assert (response.status_code, response.json()) == (503, {})
    assert "no receiver of webhook_received returned True" in caplog.text


def test_receiver_that_only_looks_has_sent_nothing(listen):
    """A logger that is connected to everything must not keep the user waiting for a code."""
    listen(signals.webhook_received, lambda event, **kwargs: None)
    assert post(message("sms.created")).status_code == 503


@pytest.mark.parametrize(
    ("said", "answer"), [(message("sms.created"), 503), (event("x", {}), 200)], ids=["sms", "other"]
)
def test_failing_receiver_is_the_services_business_for_messages_only(db, said, answer, received, listen, caplog):
    """One that works beside it does not help: the code may not have been sent."""

    def receiver(event, **kwargs):
        raise ConnectionError("the provider is down")

    listen(signals.webhook_received, receiver)
    assert (post(said).status_code, len(received)) == (answer, 1)
    assert "the provider is down" in caplog.text
    assert ("was not passed on: a receiver failed" in caplog.text) == (answer == 503)


def test_message_is_passed_on_though_the_database_is_down(db, received):  # T60
    with broken_database():
        assert post(message()).status_code == 200
    assert len(received) == 1


def test_code_rests_nowhere(db, make_row, admin_client, received, caplog):  # T59 A35
    """Every column of every table, every query, every log line, every page of the admin about the package's tables."""
    caplog.set_level(0)
    row = make_row()
    said = [message(kind) for kind in KINDS]
    said += [event("new.kind", message()["data"]), event("challenge.log_created", message()["data"])]
    with CaptureQueriesContext(connection) as queries:
        for one in [*said, log(row, "BLOCK"), batch(*said)]:
            assert post(one).status_code == 200
    assert len(received) == 6 + len(KINDS)  # of the batch, what was recorded before is no news
    assert WebhookEvent.objects.count() == 3
    found = {
        "database": [list(model._base_manager.values_list()) for model in apps.get_models()],
        "queries": queries.captured_queries,
        "log": caplog.text,
        "pages": [admin_client.get(address).content for address in admin_pages(row)],
    }
    for place, content in found.items():
        assert not [secret for secret in (CODE, "chris@example.com") if secret in repr(content)], place
        assert str(row.idempotency_key)[:8] in repr(content) or place == "log"  # the search can find something


def admin_pages(row):
    shown = [model for model in apps.get_app_config("authsignal").get_models() if admin.site.is_registered(model)]
    lists = [f"/admin/authsignal/{model._meta.model_name}/" for model in shown]
    return [*lists, f"/admin/authsignal/trackedaction/{row.pk}/change/"]


def test_event_shows_no_member_when_it_is_printed():  # T65
    delivery = webhooks.read(encoded(batch(message())))
    assert CODE not in repr(delivery) + str(delivery) + repr(delivery.events[0].data)


class OddError(Exception):
    """Something that nobody foresaw."""


@pytest.fixture
def functions(db, make_row, received):
    """The functions of ours that a delivery runs through, in the order in which they first come to their end."""
    ended = {}

    def note(frame, event):
        if event == "return":
            ended.setdefault(frame.f_code, None)

    body = encoded(delivery(make_row()))
    header = signed(body)
    with traced(note):
        assert post(body, header=header).status_code == 200
    return list(ended)


def test_no_error_page_shows_a_code_wherever_something_breaks(functions, settings, make_row):  # T65 A38
    """The page of DEBUG, and the mail to the admins beside it, print the local variables of every frame."""
    settings.DEBUG = True
    assert {"webhook", "open_delivery", "verify", "read", "_event", "deliver", "take"} <= {
        code.co_name for code in functions
    }
    browser = Client(raise_request_exception=False)
    for number, code in enumerate(functions):

        def fail(frame, event, code=code):
            if event == "return" and frame.f_code is code:
                raise OddError

        body = encoded(delivery(make_row(binding=f"v1:{number}")))
        header = signed(body)
        with traced(fail):
            response = post(body, header=header, client=browser)
        assert response.status_code == 500, code.co_qualname
        page = response.content.decode()
        assert "OddError" in page
        assert CODE not in page, code.co_qualname


def delivery(row):
    return batch(
        message(), log(row, "BLOCK"), event("x", message()["data"]), authenticator("created", row.authsignal_user_id)
    )


@contextmanager
def traced(note):
    """Call *note* with each frame of the receiver; what it raises is raised there."""

    def trace(frame, event, argument):
        del argument  # what a function returns, which its own frame does not show
        if not frame.f_code.co_filename.endswith(RECEIVER):
            return None
        note(frame, event)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)
