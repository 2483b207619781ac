"""``action.verify``: may a challenge succeed? Our answer can veto it and grants nothing (T58, A34)."""

from __future__ import annotations

import time
import uuid
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from django_authsignal.models import ActionEvent, Status, TrackedAction, WebhookEvent
from django_authsignal.services.users import MANAGE_ACTION
from django_authsignal.testing import complete_step_up
from tests.gated import broken_database, outcome

from .events import batch, log, post, verify


@pytest.mark.parametrize(
    ("status", "answer"),
    [("created", 200), ("pending", 200), ("approved", 200), ("spent", 200), ("refused", 409), ("void", 409)],
)
def test_challenge_succeeds_unless_its_row_came_to_nothing(make_row, status, answer):
    assert post(verify(make_row(status))).status_code == answer


@pytest.mark.parametrize("status", ["pending", "approved"])
def test_challenge_whose_time_has_passed_does_not_succeed(make_row, status):
    row = make_row(status, expires_at=timezone.now() - timedelta(seconds=1))
    assert post(verify(row)).status_code == 409


def test_challenge_that_nobody_knows_here_succeeds(post_event, make_row):
    row = make_row("void")
    row.idempotency_key = uuid.uuid4()
    assert post(verify(row)).status_code == 200


@pytest.mark.parametrize("name", ["idempotencyKey", "action", "userId"])
@pytest.mark.parametrize("value", [None, 7, [], "", "\0", "x" * 10_000])
def test_question_that_names_no_action_is_none_of_our_business(make_row, name, value):
    assert post(verify(make_row("void"), **{name: value})).status_code == 200


@pytest.mark.parametrize("status", ["pending", "void"])
def test_question_costs_one_query_and_writes_nothing(make_row, status, statements):
    row = make_row(status)
    before = TrackedAction.objects.filter(pk=row.pk).values().get()
    statements.clear()
    post(verify(row))
    assert [statement[:6] for statement in statements] == ["SELECT"]
    assert TrackedAction.objects.filter(pk=row.pk).values().get() == before
    assert (WebhookEvent.objects.count(), ActionEvent.objects.count()) == (0, 0)


def test_valid_question_about_a_pending_challenge_grants_nothing(gated, authsignal):  # T58 A34
    """It says CHALLENGE_SUCCEEDED and is signed, but that is only about to happen."""
    authsignal.challenge("pay")
    gated("pay")
    assert outcome(gated.post()) == "challenge"
    pending = gated.row
    for said in (verify(pending), verify(pending), log(pending, "CHALLENGE_SUCCEEDED"), log(pending, "ALLOW", 5)):
        assert post(said).status_code == 200
        assert gated.row.status == Status.PENDING
        assert (gated.post().status_code, gated.runs) == (403, 0)
    assert TrackedAction.objects.count() == 1


def test_veto_does_not_hinder_what_the_user_passed_already(gated, authsignal):
    authsignal.challenge("pay")
    gated("pay")
    complete_step_up(gated.client, gated.post())
    assert post(verify(gated.row)).status_code == 200
    assert gated.post().content == b"done"
    assert post(verify(gated.row)).status_code == 200


def test_logout_ends_the_challenge_on_both_sides(gated, authsignal):
    authsignal.challenge("pay")
    gated("pay")
    gated.post()
    assert post(verify(gated.row)).status_code == 200
    gated.client.post("/sign-out/")
    assert (gated.row.reason, post(verify(gated.row)).status_code) == ("logged_out", 409)


def test_deleted_user_can_pass_no_challenge(gated, authsignal, alice):  # T69
    authsignal.challenge("pay")
    gated("pay")
    gated.post()
    get_user_model().objects.get(pk=alice.pk).delete()
    assert (gated.row.reason, post(verify(gated.row)).status_code) == ("account_deleted", 409)


@pytest.mark.parametrize("reason", ["enrolment", "report_only"])
def test_action_that_is_only_recorded_vetoes_nothing(make_row, reason):
    """A visit to the service's settings page, or an action that report-only watches, ends at once: nobody waits for it
    here, but whoever verifies there must get on."""
    row = make_row("void", enforced=False, reason=reason, action=MANAGE_ACTION)
    assert post(verify(row)).status_code == 200


def test_database_that_is_down_is_said_at_once(make_row):  # T60
    row = make_row("void")
    with broken_database():
        started = time.monotonic()
        response = post(verify(row))
        taken = time.monotonic() - started
    assert (response.status_code, response["Retry-After"]) == (503, "30")
    assert taken < 1
    assert post(verify(row)).status_code == 409


def test_log_event_waits_for_a_database_that_is_down(make_row):  # T60
    row = make_row()
    with broken_database():
        response = post(log(row, "BLOCK"))
    assert (response.status_code, response["Retry-After"]) == (503, "30")
    assert not WebhookEvent.objects.exists()


def test_receivers_hear_of_it(make_row, received):
    post(verify(make_row()))
    assert [said["event"].type for said in received] == ["action.verify"]


def test_question_in_a_batch_is_answered_too(make_row, received):
    assert post(batch(verify(make_row()), verify(make_row("void")), log(make_row("spent"), "BLOCK"))).status_code == 409
    assert (len(received), WebhookEvent.objects.count()) == (3, 1)


def test_question_under_a_browsers_own_session_is_answered_the_same(make_row, alice):
    browser = Client()
    browser.force_login(alice)
    assert post(verify(make_row("void")), client=browser).status_code == 409
