"""`track()` records what was done. It never gates, never raises, and never makes anybody wait."""

from __future__ import annotations

import socket
import time

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import path as route

from django_authsignal.models import TrackedAction
from django_authsignal.shortcuts import track
from django_authsignal.testing import assert_tracked
from example_project.urls import urlpatterns as bank_urls
from tests.gated import broken_database

from .conftest import browser_of
from .steps import answered

PATHS = ["/audited/", "/audited/async/"]
ANSWERS = ["ALLOW", "BLOCK", "CHALLENGE_REQUIRED", "REVIEW_REQUIRED", "CHALLENGE_SUCCEEDED", "NEWLY_INVENTED"]


@pytest.mark.parametrize("path", PATHS)
def test_visit_is_recorded_under_wsgi_and_asgi(any_client, done, path):
    assert answered(any_client, "post", path, {"a": "1"}).content == b"done"
    assert_tracked("looked", custom={"page": path}, times=1)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("answer", ANSWERS)
def test_whatever_the_answer_the_view_goes_on(client, done, authsignal, path, answer):
    authsignal.answer("looked", answer)
    assert client.post(path, {"a": "1"}).content == b"done"
    assert_tracked("looked", custom={"page": path}, times=1) if answer != "NEWLY_INVENTED" else None
    row = TrackedAction.objects.get()
    assert (row.enforced, row.status, row.approved_at, row.spent_at) == (False, "void", None, None)


def test_every_call_is_recorded_anew(client, done, authsignal):
    for _ in range(8):  # more than may be open
        client.get("/audited/")
    assert (len(done), TrackedAction.objects.count(), len(authsignal.requests)) == (8, 8, 8)


def test_audit_trail_opens_and_spends_nothing(client, done, authsignal, settings):
    """An approval of the same action is not used up, and none is made."""
    authsignal.allow("looked")
    client.get("/audited/")
    assert list(TrackedAction.objects.values_list("status", "reason")) == [("void", "report_only")]


@pytest.mark.parametrize("path", PATHS[:1])
@pytest.mark.parametrize("fault", ["down", "500", "400", "401"])
def test_fault_of_the_service_is_recorded_and_stops_nothing(client, done, authsignal, path, fault):
    authsignal.down() if fault == "down" else authsignal.fail_next(int(fault), times=2)
    assert client.get(path).content == b"done"
    assert TrackedAction.objects.get().reason == "unavailable"


def test_fault_of_the_database_stops_nothing(client, done, caplog):  # F20
    with broken_database("INSERT", "authsignal"):
        assert client.get("/audited/").content == b"done"
    assert "could not be tracked" in caplog.text


@pytest.mark.parametrize("custom", [{"a": object()}, {"a": float("nan")}, {"a": {1, 2}}, "text", 5])
def test_values_that_cannot_be_sent_stop_nothing(alice, custom, caplog, authsignal):
    request = browser_of(alice).get("/plain/").wsgi_request
    track(request, "looked", custom=custom)
    assert "could not be tracked" in caplog.text
    assert authsignal.requests == []


def test_stranger_is_not_tracked(db, done, authsignal):  # A26 T34
    assert Client().get("/audited/").content == b"done"
    assert (authsignal.requests, TrackedAction.objects.count()) == ([], 0)


def test_request_without_a_user_is_not_tracked(authsignal):
    track(RequestFactory().get("/"), "looked")
    assert authsignal.requests == []


@pytest.mark.parametrize("path", PATHS[1:])
def test_service_that_does_not_answer_costs_a_second(client, done, settings, path):  # F1
    with socket.create_server(("127.0.0.1", 0)) as silent:  # connects, and says nothing
        settings.AUTHSIGNAL_ADAPTER = None
        settings.AUTHSIGNAL_API_URL = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        start = time.monotonic()
        assert client.get(path).content == b"done"
        assert 0.5 < time.monotonic() - start < 2


def test_audit_trail_reads_no_body(client, settings):
    """A view that streams its upload must find it unread."""

    def streaming(request):
        track(request, "looked")
        return HttpResponse(request.read(4))

    settings.ROOT_URLCONF = (route("stream/", streaming), *bank_urls)
    assert client.post("/stream/", b"12345678", "application/octet-stream").content == b"1234"
    assert TrackedAction.objects.count() == 1
