"""What an answer, an error or an outage of the service becomes."""

from __future__ import annotations

import logging
import socket
import time
import uuid
from datetime import date
from decimal import Decimal

import pytest
import time_machine
from django.db import InterfaceError, OperationalError
from django.utils.translation import gettext_lazy

from django_authsignal.models import ActionEvent, Status, TrackedAction
from django_authsignal.testing import assert_tracked
from tests.gated import ACTION, broken_database, outcome

ROWS = TrackedAction.objects


def noted(row):
    return [(event.kind, event.detail) for event in row.events.all()]


# What is told


def test_track_call_names_user_action_key_and_the_way_back(gated, authsignal, alice):
    gated()
    gated.get(headers={"User-Agent": "Browser/1"})
    (entry,) = authsignal.requests
    key = str(gated.row.idempotency_key)
    assert entry.segments == ("users", str(alice.pk), "actions", ACTION)
    assert entry.payload == {
        "ipAddress": "127.0.0.1",
        "userAgent": "Browser/1",
        "locale": "en",
        "custom": {},
        "idempotencyKey": key,
        "redirectUrl": f"http://testserver/step-up/return/{key}/",
    }


def test_custom_joins_the_projects_attributes_and_the_bound_values_win(gated, settings):
    settings.AUTHSIGNAL_ATTRIBUTES = lambda request: {"custom": {"plan": "gold", "amount": 1, "via": "web"}}
    gated(bind=["amount"], custom={"via": "form", "amount": 2})
    gated.post({"amount": "5"})
    assert_tracked(ACTION, custom={"plan": "gold", "via": "form", "amount": "5"}, times=1)


@pytest.mark.parametrize("nothing", [None, {}])
def test_custom_may_be_a_function_of_the_request(gated, nothing):
    gated(custom=lambda request: {"path": request.path} if request.GET else nothing)
    gated.client.get("/gated/?x=1")
    gated.get()
    assert_tracked(ACTION, custom={"path": "/gated/"}, times=1)
    assert_tracked(ACTION, times=2)


def test_values_are_told_as_json_knows_them(gated, authsignal):
    key = uuid.uuid4()
    gated(
        custom={
            "amount": Decimal("5000.10"),
            "day": date(2026, 1, 2),
            "id": key,
            "many": (1, date(2026, 1, 2)),
            "none": None,
            "yes": True,
            "text": gettext_lazy("Verify"),
        }
    )
    gated.get()
    assert authsignal.requests[0].payload["custom"] == {
        "amount": 5000.10,
        "day": "2026-01-02",
        "id": str(key),
        "many": [1, "2026-01-02"],
        "none": None,
        "yes": True,
        "text": "Verify",
    }


def test_answer_is_kept_on_the_row(gated, wire):
    wire.tamper = lambda answer: answer | {"ruleIds": ["r1", "r2"]}
    gated()
    gated.get()
    row = gated.row
    assert (row.remote_state, row.remote_state_source, row.is_enrolled) == ("ALLOW", "track", True)
    assert (row.rule_ids, row.answered_at is not None) == (["r1", "r2"], True)


# What must not be


@pytest.mark.parametrize(
    "tamper",
    [
        lambda answer: answer | {"idempotencyKey": str(uuid.uuid4())},
        lambda answer: answer | {"idempotencyKey": answer["idempotencyKey"].upper()},
        lambda answer: answer | {"idempotencyKey": ""},
        lambda answer: {name: value for name, value in answer.items() if name != "idempotencyKey"},
        lambda answer: answer | {"state": None},
        lambda answer: answer | {"state": ["ALLOW"]},
        lambda answer: answer | {"state": "allow"},
        lambda answer: answer | {"state": "CHALLENGE_SUCCEEDED"},
        lambda answer: answer | {"state": "REVIEW_SUCCEEDED"},
        lambda answer: answer | {"state": "CHALLENGE_REQUIRED", "url": None, "challengeUrl": None},
        lambda answer: answer | {"state": "CHALLENGE_REQUIRED", "url": "https://evil.example/"},
        lambda answer: answer | {"state": "CHALLENGE_REQUIRED", "url": "javascript:alert(1)"},
        lambda answer: [answer],
    ],
)
def test_answer_that_must_not_be_opens_nothing_and_is_noted(gated, wire, tamper, caplog):  # T1, T15, T43
    wire.tamper = tamper
    gated()
    response = gated.get()
    assert (response.status_code, outcome(response), gated.runs) == (502, "upstream_error", 0)
    assert (gated.row.status, gated.row.reason) == (Status.VOID, "upstream_error")
    assert [kind for kind, _ in noted(gated.row)] == [ActionEvent.Kind.ANOMALY]
    assert caplog.records[-1].levelno == logging.ERROR
    assert response.headers.get("Location") is None


def test_refused_secret_is_critical_once_a_minute(gated, authsignal, settings, caplog, monkeypatch):  # F10
    now = time.monotonic() + 3600  # whatever other tests did before
    monkeypatch.setattr(time, "monotonic", lambda: now)
    settings.AUTHSIGNAL_SECRET = "sandbox_wrong"
    gated()

    def alarms():
        caplog.clear()
        assert gated.get().status_code == 502
        return [record for record in caplog.records if record.levelno == logging.CRITICAL]

    (alarm,) = alarms()
    assert "AUTHSIGNAL_SECRET" in alarm.getMessage()
    assert "401" in alarm.getMessage()
    assert "sandbox_wrong" not in caplog.text
    assert alarms() == []
    now += 59
    assert alarms() == []
    now += 2
    assert len(alarms()) == 1
    assert ROWS.filter(events__kind=ActionEvent.Kind.ANOMALY).count() == 4


def test_minimum_met_by_allow_is_a_configuration_error(gated, caplog):  # T13
    gated(minimum="challenge")
    response = gated.get()
    assert (response.status_code, gated.row.reason) == (403, "minimum")
    assert "demands a challenge" in caplog.text


# Outages


def test_outage_is_noted_and_told_when_to_try_again(gated, authsignal, caplog):
    authsignal.down()
    gated()
    response = gated.get()
    assert (response.status_code, response["Retry-After"]) == (503, "10")
    assert (gated.row.status, gated.row.reason) == (Status.VOID, "unavailable")
    assert [kind for kind, _ in noted(gated.row)] == [ActionEvent.Kind.OUTAGE]
    assert "action 'pay' could not be decided" in caplog.text


@pytest.mark.parametrize(
    ("header", "seconds"), [("30", "30"), ("1", "1"), ("0", "10"), ("90000", "60"), ("soon", "10")]
)
def test_retry_after_of_the_service_is_passed_on(gated, authsignal, header, seconds):  # F7
    authsignal.store.journal.fail_next(503, times=2, headers={"Retry-After": header})
    gated()
    assert gated.get()["Retry-After"] == seconds


def test_outage_is_overlooked_for_five_requests_an_hour(gated, authsignal, bob):  # T40
    authsignal.down()
    gated(on_unavailable="allow")
    with time_machine.travel("2026-01-01 12:00Z", tick=False) as clock:
        answers = [gated.get().status_code for _ in range(7)]
        assert (answers, gated.runs) == ([200] * 5 + [503] * 2, 5)
        assert gated.get(gated.sign_in(bob)).status_code == 200
        clock.shift(3601)
        gated.client = gated.sign_in()
        assert gated.get().status_code == 200
    assert ROWS.filter(events__kind=ActionEvent.Kind.BYPASSED).count() == 7
    assert set(ROWS.values_list("status", flat=True)) == {Status.VOID}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_answered_error_is_never_overlooked(gated, authsignal, status):  # T40
    authsignal.fail_next(status, times=2)
    gated(on_unavailable="allow")
    assert (gated.get().status_code, gated.runs) == (503, 0)


def test_outage_is_not_overlooked_where_a_window_would_open(gated, authsignal):  # T40
    authsignal.down()
    gated(on_unavailable="allow", max_age=60)
    assert gated.get().content == b"done"
    assert "windows" not in gated.client.session["_authsignal"]


# Pending challenges


@pytest.fixture
def pending(gated, authsignal):
    authsignal.challenge(ACTION)
    gated()
    gated.get()
    return gated.row


def forget_hosted_url(gated):
    session = gated.client.session
    session["_authsignal"].pop("urls")
    session.save()


def test_pending_challenge_whose_page_is_not_remembered_is_tracked_again(gated, pending, authsignal):
    forget_hosted_url(gated)
    response = gated.get()
    assert (response.status_code, response.step_up.key) == (302, pending.idempotency_key)
    assert [entry.payload["idempotencyKey"] for entry in authsignal.requests] == [str(pending.idempotency_key)] * 2
    gated.get()
    assert len(authsignal.requests) == 2  # remembered again


def test_pending_challenge_during_an_outage_stays_pending(gated, pending, authsignal):
    forget_hosted_url(gated)
    authsignal.down()
    assert gated.get().status_code == 503
    pending.refresh_from_db()
    assert pending.status == Status.PENDING


def test_pending_challenge_answered_wrongly_is_an_alarm(gated, pending, wire):
    forget_hosted_url(gated)
    wire.tamper = lambda answer: answer | {"idempotencyKey": "other"}
    assert gated.get().status_code == 502
    pending.refresh_from_db()
    assert (pending.status, noted(pending)[0][0]) == (Status.PENDING, ActionEvent.Kind.ANOMALY)


@pytest.mark.parametrize(
    "change",
    [
        {"state": "CHALLENGE_SUCCEEDED"},
        {"state": "ALLOW"},
        {"url": "https://evil.example/"},
        {"url": None, "challengeUrl": None},
    ],
    ids=str,
)
def test_challenge_that_the_service_no_longer_offers_is_asked_anew(gated, pending, wire, change):  # T43
    forget_hosted_url(gated)
    wire.tamper = lambda answer: answer if answer["idempotencyKey"] != str(pending.idempotency_key) else answer | change
    response = gated.get()
    assert (outcome(response), response.step_up.key) == ("challenge", gated.row.idempotency_key)
    pending.refresh_from_db()
    assert (pending.status, pending.reason) == (Status.VOID, "superseded")
    assert gated.row != pending


# Races: something else happens while the service is asked


def meanwhile(wire, act):
    """Do *act* once, while the next call is on its way."""

    def once(request):
        wire.before = lambda request: None
        act()

    wire.before = once


@pytest.mark.parametrize("policy", [{}, {"unenrolled": "allow"}], ids=str)
def test_row_that_ended_meanwhile_lets_nothing_pass(gated, wire, authsignal, alice, policy):  # T6
    if policy:
        authsignal.unenrolled(alice)
    gated(**policy)
    meanwhile(wire, lambda: ROWS.update(status=Status.VOID, reason="revoked"))
    response = gated.get()
    assert (response.status_code, gated.runs, gated.row.reason) == (503, 0, "revoked")
    assert not gated.row.events.exists()


def test_loser_of_two_first_submits_shows_the_winners_challenge(gated, wire, authsignal):  # T6, T49
    authsignal.challenge(ACTION)
    gated()
    answers = []
    meanwhile(wire, lambda: answers.append(gated.get()))
    loser, winner = gated.get(), answers[0]
    assert outcome(loser) == outcome(winner) == "challenge"
    assert loser.step_up.key == winner.step_up.key
    assert sorted(ROWS.values_list("status", "reason")) == [("pending", ""), ("void", "superseded")]


APPROVED = {"status": Status.APPROVED, "approved_at": "2026-01-01T00:00Z", "remote_state": "CHALLENGE_SUCCEEDED"}


@pytest.mark.parametrize("winner", [APPROVED, {"status": Status.PENDING}], ids=["approved", "without a page"])
def test_loser_whose_winner_cannot_be_shown_is_told_to_try_again(gated, wire, authsignal, winner):
    """An approval is nothing to show; nor is a challenge whose page, asked for again, is on another host."""
    authsignal.challenge(ACTION)
    gated()
    winners = set()

    def win():
        winners.add(str(gated.get().step_up.key))
        ROWS.filter(status=Status.PENDING).update(**winner)

    meanwhile(wire, win)
    elsewhere = {"url": "https://evil.example/"}
    wire.tamper = lambda answer: answer | (elsewhere if answer["idempotencyKey"] in winners else {})
    response = gated.get()
    assert (response.status_code, outcome(response), response["Retry-After"]) == (503, "unavailable", "10")


# The database


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
@pytest.mark.parametrize("words", [["authsignal"], ["INSERT", "authsignal"], ["SELECT", "authsignal"]], ids=str)
def test_database_that_fails_before_the_row_asks_nothing(gated, authsignal, caplog, words, error):  # F20
    gated()
    with broken_database(*words, error=error):
        response = gated.get()
    assert (response.status_code, outcome(response), gated.runs) == (503, "unavailable", 0)
    assert response["Retry-After"] == "10"
    assert authsignal.requests == []
    assert "could not be decided" in caplog.text


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
@pytest.mark.parametrize("decide", ["allow", "challenge", "block"])
def test_database_that_fails_after_the_answer_opens_nothing(gated, authsignal, decide, error):  # F21
    getattr(authsignal, decide)(ACTION)
    gated()
    with broken_database("UPDATE", "authsignal", error=error):
        response = gated.get()
    assert (response.status_code, gated.runs, len(authsignal.requests)) == (503, 0, 1)
    assert gated.row.status == Status.CREATED


# Report-only


@pytest.fixture
def watched(gated):
    return gated(mode="report_only")


@pytest.mark.parametrize("decide", ["allow", "challenge", "block", "review"])
def test_report_only_records_the_answer_and_stops_nothing(watched, authsignal, decide):
    getattr(authsignal, decide)(ACTION)
    assert watched.get().content == b"done"
    row = watched.row
    assert (row.enforced, row.status, row.reason) == (False, Status.VOID, "report_only")
    assert row.remote_state


def test_report_only_survives_every_fault(watched, authsignal, wire, caplog):
    wire.tamper = lambda answer: []
    assert watched.get().content == b"done"
    assert watched.row.reason == "unavailable"
    wire.is_down = True
    assert watched.get().content == b"done"
    for words in (["INSERT", "authsignal"], ["UPDATE", "authsignal"]):
        for error in (OperationalError, InterfaceError):
            with broken_database(*words, error=error):
                assert watched.get().content == b"done"
    assert watched.runs == 6
    assert caplog.text.count("report-only: action 'pay' could not be tracked") == 4


@pytest.mark.parametrize(
    "broken",
    [
        {"AUTHSIGNAL_SITE_URL": ""},
        {"AUTHSIGNAL_SECRET": ""},
        {"AUTHSIGNAL_USER_ID": lambda user: ".."},
        {"AUTHSIGNAL_USER_ID": lambda user: None},
        {"AUTHSIGNAL_ATTRIBUTES": lambda request: None},
        {"AUTHSIGNAL_ATTRIBUTES": lambda request: {"custom": {"object": float("nan")}}},
        {"AUTHSIGNAL_ATTRIBUTES": lambda request: {"username": object()}},
    ],
)
def test_report_only_survives_settings_that_cannot_work(watched, settings, broken, caplog):
    for name, value in broken.items():
        setattr(settings, name, value)
    assert watched.get().content == b"done"
    assert caplog.records


@pytest.mark.parametrize("argument", ["bind", "custom"])
def test_report_only_survives_a_failing_function_of_the_policy(gated, argument, caplog):
    def fail(request):
        raise KeyError("amount")

    gated(mode="report_only", **{argument: fail})
    assert gated.get().content == b"done"
    assert caplog.records


def test_report_only_binds_what_it_can(gated, authsignal):
    gated(mode="report_only", bind=["amount"])
    assert gated.get().content == b"done"
    assert authsignal.requests == []
    gated.post({"amount": "5"})
    assert_tracked(ACTION, custom={"amount": "5"}, times=1)


def test_report_only_delays_a_request_by_a_second_at_most(watched, settings):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.AUTHSIGNAL_API_URL = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        settings.AUTHSIGNAL_ADAPTER = None
        started = time.monotonic()
        assert watched.get().content == b"done"
    assert time.monotonic() - started < 2.5  # a read alone could take 4


def test_report_only_opens_no_window_and_is_invisible_to_caps(gated, authsignal):
    authsignal.challenge(ACTION)
    gated(mode="report_only", max_age=60)
    for _ in range(25):
        gated.get()
    assert "windows" not in gated.client.session["_authsignal"]
    gated()
    assert outcome(gated.get()) == "challenge"


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PUT"])
def test_report_only_leaves_other_methods_to_the_view(gated, authsignal, method):  # T32
    gated(mode="report_only", methods=["POST"])
    assert gated.client.generic(method, "/gated/").status_code == 200
    assert (gated.runs, authsignal.requests) == (1, [])


def test_report_only_tracks_no_stranger(watched, client, authsignal):  # T34
    assert client.get("/gated/").content == b"done"
    assert authsignal.requests == []
