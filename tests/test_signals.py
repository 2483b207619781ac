"""Signals: sent when the fact is committed, and unable to change it."""

from __future__ import annotations

import logging
from contextlib import contextmanager

import pytest
from django.db import transaction

from django_authsignal import signals
from django_authsignal.models import TrackedAction
from django_authsignal.services.users import enrol_phone
from django_authsignal.testing import complete_step_up

from .gated import gated as gated

NAMES = [name for name in signals.__all__ if name != "enrolment_changed"]


@pytest.fixture
def heard(django_capture_on_commit_callbacks):
    """`with heard() as names:` what was sent, in order, as (name, status of the row then)."""

    @contextmanager
    def listen():
        sent = []
        receivers = []
        for name in NAMES:

            def receive(sender, action, name=name, **details):
                assert sender is TrackedAction
                details.pop("signal")
                sent.append((name, action.status, *details.values()))

            receivers.append((getattr(signals, name), receive))
            getattr(signals, name).connect(receive)
        with django_capture_on_commit_callbacks(execute=True):
            yield sent
        for signal, receive in receivers:
            signal.disconnect(receive)

    return listen


def test_challenge_is_told_step_by_step(gated, authsignal, heard):
    authsignal.challenge("pay")
    gated()
    with heard() as sent:
        response = gated.get()
    assert [name for name, *_ in sent] == ["action_tracked", "step_up_challenged"]
    with heard() as sent:
        complete_step_up(gated.client, response)
    assert sent == [("step_up_approved", "approved")]
    with heard() as sent:
        gated.get()
    assert sent == [("step_up_spent", "spent")]


def test_allow_is_told_as_tracked_and_spent(gated, heard):
    gated()
    with heard() as sent:
        gated.get()
    assert [name for name, *_ in sent] == ["action_tracked", "step_up_spent"]


@pytest.mark.parametrize("decide", ["block", "review"])
def test_refusal_is_told(gated, authsignal, heard, decide):
    getattr(authsignal, decide)("pay")
    gated()
    with heard() as sent:
        gated.get()
    assert sent[-1] == ("step_up_refused", "refused")


def test_method_that_is_not_accepted_is_told_as_refused(gated, authsignal, heard):
    authsignal.challenge("pay")
    gated(verification_methods=["PASSKEY"])
    complete_step_up(gated.client, gated.get())
    with heard() as sent:
        assert gated.get().status_code == 403
    assert sent == [("step_up_refused", "refused")]


def test_failed_challenge_is_told_as_refused(gated, authsignal, heard):
    authsignal.challenge("pay")
    gated()
    with heard() as sent:
        complete_step_up(gated.client, gated.get(), "fail")
    assert sent[-1] == ("step_up_refused", "refused")


def test_going_on_without_an_approval_says_why(gated, authsignal, heard, alice):
    authsignal.unenrolled(alice)
    gated(unenrolled="allow", on_unavailable="allow")
    with heard() as sent:
        gated.get()
    assert sent[-1] == ("step_up_bypassed", "spent", "unenrolled")
    authsignal.down()
    with heard() as sent:
        gated.get()
    assert sent == [("step_up_bypassed", "void", "unavailable")]


def test_report_only_is_told_as_tracked(gated, heard):
    gated(mode="report_only")
    with heard() as sent:
        gated.get()
    assert sent == [("action_tracked", "void")]


def test_outage_that_stops_a_request_tells_nothing(gated, authsignal, heard):
    authsignal.down()
    gated()
    with heard() as sent:
        assert gated.get().status_code == 503
    assert sent == []


def test_failing_receiver_changes_no_decision(gated, django_capture_on_commit_callbacks, caplog):
    def fail(**kwargs):
        raise ValueError("a receiver's own business")

    gated()
    signals.step_up_spent.connect(fail)
    try:
        with django_capture_on_commit_callbacks(execute=True), caplog.at_level(logging.ERROR):
            assert gated.get().content == b"done"
    finally:
        signals.step_up_spent.disconnect(fail)
    assert "a receiver's own business" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_signal_waits_for_the_commit_around_it(alice):
    sent = []

    def receive(**kwargs):
        sent.append(kwargs["action"])

    signals.action_tracked.connect(receive)
    try:
        with transaction.atomic():
            signals.announce(signals.action_tracked, TrackedAction())
            assert sent == []
        assert len(sent) == 1
        with transaction.atomic():
            signals.announce(signals.action_tracked, TrackedAction())
            transaction.set_rollback(True)
    finally:
        signals.action_tracked.disconnect(receive)
    assert len(sent) == 1


def test_enrolment_by_the_project_is_told(authsignal, alice):
    heard = []

    def receive(sender, user, **kwargs):
        heard.append((sender, user, kwargs["change"], kwargs["verification_method"], kwargs["source"]))

    signals.enrolment_changed.connect(receive)
    try:
        enrol_phone(alice, "+64271234567", "SMS")
    finally:
        signals.enrolment_changed.disconnect(receive)
    assert heard == [(type(alice), alice, "created", "SMS", "project")]
