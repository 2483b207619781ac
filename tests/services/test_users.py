"""Enrolment: by the user, shortly after a login; by the project, for a number it verified."""

from __future__ import annotations

import pytest
from django.db import InterfaceError, OperationalError

from django_authsignal.client import AuthsignalError
from django_authsignal.models import ActionEvent, Status, TrackedAction
from django_authsignal.services.users import Phase, enrol_path, enrol_phone
from django_authsignal.testing import assert_tracked, complete_step_up
from tests.gated import broken_database

ROWS = TrackedAction.objects
ENROL = "/step-up/enrol/"


@pytest.fixture
def client(gated, authsignal, alice):
    """Alice, who has no authenticator and has just signed in."""
    authsignal.unenrolled(alice)
    return gated.client


def start(client, path=ENROL):
    return client.post(path, {"action": "start"})


def test_enrolment_is_an_action_that_can_never_be_spent(client, authsignal):
    response = start(client)
    assert response.status_code == 303
    row = ROWS.get()
    assert (row.action, row.enforced, row.status, row.reason) == ("enrolAuthenticator", False, Status.VOID, "enrolment")
    (entry,) = authsignal.requests
    assert entry.payload["redirectUrl"] == f"http://testserver{ENROL}"
    assert not {"redirectToSettings", "scope"} & entry.payload.keys()


def test_enrolled_user_is_told_so_by_the_service(client, authsignal, alice):
    authsignal.enrol(alice)
    response = start(client)
    assert (response.status_code, response.context["state"]) == (200, Phase.ALREADY)


@pytest.mark.parametrize(
    "change",
    [
        {"state": "BLOCK"},
        {"state": "CHALLENGE_REQUIRED"},
        {"url": "https://evil.example/"},
        {"url": None, "challengeUrl": None},
    ],
    ids=str,
)
def test_answer_that_opens_no_enrolment_sends_nobody_anywhere(client, wire, change):  # T12, T43
    wire.tamper = lambda answer: answer | change
    response = start(client)
    assert (response.status_code, "Location" in response) == (503, False)


def test_service_that_cannot_be_asked_is_noted(client, authsignal):
    authsignal.down()
    response = start(client)
    assert (response.status_code, response.context["retry_url"]) == (503, ENROL)
    row = ROWS.get()
    assert (row.status, row.events.get().kind) == (Status.VOID, ActionEvent.Kind.ANOMALY)


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_database_that_fails_starts_no_enrolment(client, authsignal, error):  # F20
    with broken_database("authsignal_trackedaction", error=error):
        response = start(client)
    assert response.status_code == 503
    assert authsignal.requests == []


def test_way_back_is_remembered_under_a_signature(client, authsignal, rf):
    path = enrol_path(rf.get("/gated/?x=1"))
    hosted = start(client, path)
    page = complete_step_up(client, hosted)
    assert "token=" not in page.context["continue_url"]
    done = client.get(page.context["continue_url"])
    assert (done.context["state"], done.context["continue_url"]) == (Phase.DONE, "/gated/?x=1")


def test_form_leaves_nothing_to_come_back_to(rf):
    assert enrol_path(rf.post("/gated/")) == ENROL


def test_return_is_believed_from_the_service_alone(client, authsignal, alice):
    assert client.get(f"{ENROL}?returned=1").context["state"] == Phase.START
    authsignal.enrol(alice)
    assert client.get(f"{ENROL}?returned=1").context["state"] == Phase.DONE
    authsignal.down()
    assert client.get(f"{ENROL}?returned=1").status_code == 503


def test_enrolment_on_the_hosted_page_ends_enrolled(client, authsignal, alice):
    complete_step_up(client, start(client), method="SMS")
    assert authsignal.store.user(str(alice.pk)).methods == ("SMS",)


# By the project


def test_number_is_enrolled_once(authsignal, alice):
    authsignal.unenrolled(alice)
    assert enrol_phone(alice, "+64271234567", "SMS") is True
    assert enrol_phone(alice, "+64271234567", "SMS") is False
    assert enrol_phone(alice, "+64271234567", "WHATSAPP") is True
    assert enrol_phone(alice, "+64277654321", "SMS") is True
    assert [factor.address for factor in authsignal.store.user(str(alice.pk)).authenticators][-1] == "+64277654321"


def test_dry_run_looks_and_changes_nothing(authsignal, alice):
    authsignal.unenrolled(alice)
    assert enrol_phone(alice, "+64271234567", "SMS", dry_run=True) is True
    assert [entry.method for entry in authsignal.requests] == ["GET"]


@pytest.mark.parametrize("status", [401, 404, 422, 500])
def test_error_of_the_service_reaches_the_caller(authsignal, alice, status):
    authsignal.fail_next(status, times=2)
    with pytest.raises(AuthsignalError):
        enrol_phone(alice, "+64271234567", "SMS")


def test_tracked_enrolment_is_no_step_up(client):
    start(client)
    assert_tracked("enrolAuthenticator", times=1)
