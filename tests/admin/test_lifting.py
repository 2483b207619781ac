"""An operator lifts a block into a new challenge: never an approval (T67, A39)."""

from __future__ import annotations

import logging
import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from django_authsignal.models import ActionEvent, TrackedAction
from django_authsignal.sandbox.rules import Outcome
from django_authsignal.signals import step_up_challenged
from django_authsignal.statuses import Status
from django_authsignal.testing import assert_step_up_required, complete_step_up

from .steps import ACTION, CHALLENGED, LIST, WHY, events, lift, lifted_from, lines, page_of, said, staff, titles

REFUSED = {"status": Status.REFUSED, "reason": "block", "answered_at": 1, "ended_at": 1, "remote_state": "BLOCK"}


@pytest.mark.parametrize("answer", [Outcome.BLOCK, Outcome.REVIEW, Outcome.CHALLENGE, Outcome.ALLOW])
def test_a_lifted_block_lets_the_request_through_once_its_challenge_is_passed(bank, blocked, operator, answer):
    """Whatever the rules say by now (T67, A39)."""
    bank.authsignal.store.force(ACTION, answer)
    assert "The user has 10 minutes to send the same request again" in said(lift(operator, blocked))[0]
    new = lifted_from(blocked)
    assert (new.status, new.approved_at, new.spent_at, new.remote_state) == (
        "pending",
        None,
        None,
        "CHALLENGE_REQUIRED",
    )
    challenged = bank.transfer(blocked.browser)
    assert_step_up_required(challenged, action=ACTION)
    assert bank.ledger == []
    complete_step_up(blocked.browser, challenged)
    bank.transfer(blocked.browser)
    assert len(bank.ledger) == 1
    new.refresh_from_db()
    assert (new.status, new.verification_method) == (Status.SPENT, "SMS")


def test_a_refused_review_can_be_lifted_too(bank, alice, operator):
    bank.authsignal.review(ACTION)
    bank.transfer(bank.sign_in(alice))
    lift(operator, TrackedAction.objects.get())
    assert TrackedAction.objects.filter(status=Status.PENDING).count() == 1


@pytest.mark.parametrize("result", ["quit", "wrong_code", "fail"])
def test_nothing_goes_through_while_the_challenge_is_not_passed(bank, blocked, operator, result):
    lift(operator, blocked)
    challenged = bank.transfer(blocked.browser)
    complete_step_up(blocked.browser, challenged, result)
    bank.transfer(blocked.browser)
    assert bank.ledger == []


@pytest.mark.parametrize("change", ["amount", "browser", "user", "password"])
def test_only_the_blocked_request_itself_can_use_it(bank, blocked, operator, alice, bob, change):
    lift(operator, blocked)
    browser = blocked.browser
    if change == "password":
        alice.set_password("another")
        alice.save()
    if change != "amount":
        browser = bank.sign_in(bob if change == "user" else alice)
    assert bank.transfer(browser, 9 if change == "amount" else 5000).status_code == 403
    assert set(TrackedAction.objects.values_list("status", flat=True)) == {Status.PENDING, Status.REFUSED}
    assert bank.ledger == []


def test_after_its_time_the_request_is_blocked_again(bank, blocked, operator):
    lift(operator, blocked)
    TrackedAction.objects.filter(status=Status.PENDING).update(expires_at=timezone.now())
    assert bank.transfer(blocked.browser).status_code == 403
    assert bank.ledger == []


def test_who_lifted_what_and_why_is_on_both_records_and_in_both_logs(blocked, operator, caplog):
    with caplog.at_level(logging.WARNING, "django_authsignal"):
        lift(operator, blocked)
    new = lifted_from(blocked)
    assert events(blocked) == events(new) == [("lifted", f"operator {operator.user.pk}: {WHY}")]
    entries = LogEntry.objects.order_by("pk")
    assert [(entry.user, entry.object_id) for entry in entries] == [
        (operator.user, str(blocked.pk)),
        (operator.user, str(new.pk)),
    ]
    # Without the reason, which goes with the user's data.
    assert {entry.get_change_message() for entry in entries} == {"Lift into a new challenge: lifted"}
    assert f"operator {operator.user.pk} lifts the block" in caplog.text
    assert titles(page_of(operator, new)) == [
        "An operator asked for it in place of a block",
        "Authsignal asked for a challenge",
        "The challenge began",
        "An operator lifted the block into a new challenge",
    ]
    assert titles(page_of(operator, blocked))[-1] == "An operator lifted the block into a new challenge"
    assert f"Operator {operator.user.pk}: {WHY}." in lines(page_of(operator, new))


def test_block_and_challenge_lead_to_each_other(bank, blocked, operator, django_assert_num_queries):
    with django_assert_num_queries(6):
        assert link(page_of(operator, blocked)) is None
    page = lift(operator, blocked)
    new = lifted_from(blocked)
    assert link(page) == (blocked.pk, "The block that was lifted")
    with django_assert_num_queries(7):
        assert link(page_of(operator, blocked)) == (new.pk, "The challenge in place of this block")


def test_each_of_several_lifts_of_one_request_leads_to_its_own_challenge(bank, blocked, operator):
    lift(operator, blocked)
    first = lifted_from(blocked)
    first.end(Status.VOID, "expired")
    bank.transfer(blocked.browser)
    again = TrackedAction.objects.get(reason="block", pk__gt=first.pk)
    lift(operator, again)
    second = TrackedAction.objects.get(status=Status.PENDING)
    for block, challenge in ((blocked, first), (again, second)):
        assert link(page_of(operator, block))[0] == challenge.pk
        assert link(page_of(operator, challenge))[0] == block.pk


def test_a_side_of_a_lift_whose_other_side_is_gone_has_no_link(blocked, operator, make_row):
    lift(operator, blocked)
    new = lifted_from(blocked)
    other = make_row(user=blocked.user, action=ACTION, expires_at=9)  # lifted as well, but another request
    other.note(ActionEvent.Kind.LIFTED)
    new.delete()
    assert link(page_of(operator, blocked)) is None


def link(page):
    """Key and text of the link to the other side of a lift."""
    found = re.search(rf'<a href="{LIST}([0-9]+)/change/">(The (?:block|challenge) [^<]*)</a>', page.text)
    return found and (int(found[1]), found[2])


def test_receivers_hear_that_a_challenge_began(blocked, operator, django_capture_on_commit_callbacks):
    told = []

    def hear(action, **kwargs):
        told.append(action.pk)

    step_up_challenged.connect(hear)
    with django_capture_on_commit_callbacks(execute=True):
        lift(operator, blocked)
    step_up_challenged.disconnect(hear)
    assert told == [lifted_from(blocked).pk]


def test_the_service_hears_nothing_of_the_operators_browser(bank, blocked, operator):
    before = len(bank.authsignal.requests)
    lift(operator, blocked)
    new = lifted_from(blocked)
    asked, changed = bank.authsignal.requests[before:]
    back = f"http://testserver/step-up/return/{new.idempotency_key}/"
    assert asked.payload == {"idempotencyKey": str(new.idempotency_key), "redirectUrl": back}
    assert (changed.method, changed.payload) == ("PATCH", {"state": "CHALLENGE_REQUIRED"})
    assert new.ip_address is None


def test_the_page_tells_what_will_happen_and_asks_why(operator, blocked):
    page = operator.get(f"{LIST}{blocked.pk}/lift/")
    assert page.status_code == 200
    assert "The user has 10 minutes" in page.text
    assert 'name="reason"' in page.text
    assert TrackedAction.objects.count() == 1


@pytest.mark.parametrize("why", ["", "    ", "four", "x" * 201])
def test_a_reason_is_required(operator, blocked, why):
    response = lift(operator, blocked, why)
    assert response.status_code == 200
    assert response.context["form"].errors["reason"]
    assert TrackedAction.objects.count() == 1


# What cannot be lifted


def refused(client, row, words):
    """Neither the page nor a POST lifts *row*, and its own page does not offer it."""
    before = TrackedAction.objects.count()
    assert f"{row.pk}/lift/" not in page_of(client, row).text
    for response in (client.get(f"{LIST}{row.pk}/lift/", follow=True), lift(client, row)):
        assert words in said(response)[0]
    assert TrackedAction.objects.count() == before
    assert not ActionEvent.objects.filter(kind="lifted", action=row).exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"status": Status.CREATED},
        {"status": Status.PENDING, "expires_at": 3600, **CHALLENGED},
        {"status": Status.APPROVED, "approved_at": 1, "expires_at": 3600},
        {"status": Status.SPENT, "spent_at": 1},
        {"status": Status.VOID, "reason": "expired", "ended_at": 1},
        {"status": Status.VOID, "reason": "block", "ended_at": 1},
        {**REFUSED, "reason": "challenge"},
        {**REFUSED, "reason": "unenrolled"},
        {**REFUSED, "reason": "revoked"},
        {**REFUSED, "enforced": False},
    ],
)
def test_nothing_but_the_services_own_refusals_can_be_lifted(operator, make_row, authsignal, fields):
    refused(operator, make_row(**fields), "Only what Authsignal blocked or wants reviewed")


def test_a_block_of_yesterday_cannot_be_lifted(operator, make_row, authsignal):
    row = make_row(**{**REFUSED, "created_at": timezone.now() - timedelta(hours=24, seconds=1)})
    refused(operator, row, "older than 24 hours")


def test_a_user_who_is_gone_or_inactive_gets_no_challenge(operator, make_row, authsignal, alice):
    gone = make_row(**REFUSED, user=None)
    refused(operator, gone, "gone or not active")
    alice.is_active = False
    alice.save()
    refused(operator, make_row(**REFUSED), "gone or not active")


@pytest.mark.parametrize("fields", [{"environment": "live"}, {"tenant": "another"}])
def test_a_block_of_another_environment_or_tenant_cannot_be_lifted(operator, make_row, authsignal, fields):  # T48
    refused(operator, make_row(**REFUSED, **fields), "another environment or tenant")


def test_nobody_lifts_a_block_of_their_own(make_row, authsignal, admin_client, admin_user):
    refused(admin_client, make_row(**REFUSED, user=admin_user), "a block of your own")


@pytest.mark.parametrize(
    "permissions", [(), ("view",), ("view", "refresh"), ("unblock",), ("view", "change", "delete")]
)
def test_forged_posts_without_the_permission_are_refused(blocked, permissions):
    client = staff("clerk", *permissions)
    for method in (client.get, client.post):
        assert method(f"{LIST}{blocked.pk}/lift/", {"reason": WHY}).status_code == 403
    if "refresh" not in permissions:
        assert client.post(f"{LIST}{blocked.pk}/refresh/").status_code == 403
    assert TrackedAction.objects.count() == 1
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("name", ["refresh", "lift"])
def test_forged_posts_from_another_site_are_refused(blocked, operator, name):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(operator.user)
    assert strict.post(f"{LIST}{blocked.pk}/{name}/", {"reason": WHY}).status_code == 403
    assert TrackedAction.objects.count() == 1


def test_a_refresh_takes_a_post(operator, blocked):
    assert operator.get(f"{LIST}{blocked.pk}/refresh/").status_code == 405


@pytest.mark.parametrize("key", ["999999", "x", "99999999999999999999999", "_2D1"])
@pytest.mark.parametrize("name", ["refresh", "lift"])
def test_rows_that_are_not_there_are_not_found(operator, name, key):
    assert operator.post(f"{LIST}{key}/{name}/").status_code == 404


def test_buttons_are_for_those_who_may(blocked, viewer, operator):
    for name in ("refresh", "lift"):
        assert f"{blocked.pk}/{name}/" in page_of(operator, blocked).text
        assert f"{blocked.pk}/{name}/" not in page_of(viewer, blocked).text
