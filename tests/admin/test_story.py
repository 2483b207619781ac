"""The story of one action, in words."""

from __future__ import annotations

import pytest

from django_authsignal import timeline
from django_authsignal.models import ActionEvent, TrackedAction
from django_authsignal.statuses import Status
from django_authsignal.testing import complete_step_up

from .steps import CHALLENGED, LIST, PASSED, lines, page_of, titles

# The story of one action


def test_story_of_a_real_transfer(admin_client, bank, alice):
    browser = bank.sign_in(alice)
    challenged = bank.transfer(browser)
    complete_step_up(browser, challenged, "quit")
    complete_step_up(browser, challenged)
    bank.transfer(browser)
    page = page_of(admin_client, TrackedAction.objects.get())
    assert titles(page) == [
        "The gate met the request",
        "Authsignal asked for a challenge",
        "The challenge began",
        "Came back without passing the challenge",
        "The user passed the challenge",
        "The approval was spent",
    ]
    assert "POST transfer/" in lines(page)
    assert "Verified with SMS." in lines(page)
    assert page.context["standing"] == "Spent: the request was let through, once."
    assert page.text.count("<time datetime=") == 6


def test_story_of_a_blocked_transfer(admin_client, bank, alice):
    bank.transfer(bank.sign_in(alice), 50, "Blocked Ltd")
    page = page_of(admin_client, TrackedAction.objects.get())
    assert titles(page) == ["The gate met the request", "Authsignal blocked it", "Refused"]
    assert page.context["standing"] == "Refused: a rule at Authsignal blocks it."


def test_story_of_an_outage(admin_client, bank, alice, authsignal):
    authsignal.down()
    bank.transfer(bank.sign_in(alice))
    page = page_of(admin_client, TrackedAction.objects.get())
    assert titles(page) == ["The gate met the request", "Ended", "The service could not be asked"]
    assert "Authsignal gave no answer." in lines(page)


@pytest.mark.parametrize(
    ("fields", "standing", "last"),
    [
        ({}, "Authsignal was asked, but no answer is recorded.", "The gate met the request"),
        (
            {"status": Status.SPENT, "answered_at": 1, "spent_at": 1, **CHALLENGED, "remote_state": "ALLOW"},
            "Spent: the request was let through, once.",
            "The request went on",
        ),
        (
            {"status": Status.SPENT, "answered_at": 1, "spent_at": 1, "reason": "unenrolled", "is_enrolled": False},
            "The request went on without verification: the user had no authenticator.",
            "The request went on without verification",
        ),
        (
            {"status": Status.PENDING, "answered_at": 1, "expires_at": 300, **CHALLENGED},
            "The challenge was not passed in time.",
            "Time ran out",
        ),
        (
            {"status": Status.APPROVED, "answered_at": 1, "approved_at": 5, "expires_at": 300, **PASSED},
            "Approved, but not used in time.",
            "Time ran out",
        ),
        (
            {"status": Status.VOID, "reason": "report_only", "enforced": False, "answered_at": 1, "ended_at": 1},
            "Ended: only watched, nothing was stopped.",
            "Ended",
        ),
        (
            {"status": Status.REFUSED, "reason": "challenge", "ended_at": 9},
            "Refused: the challenge was not passed.",
            "Refused",
        ),
        ({"status": Status.VOID, "reason": "brandNew", "ended_at": 9}, "Ended: brandNew.", "Ended"),
    ],
)
def test_where_an_action_stands_and_how_it_came_there(admin_client, make_row, fields, standing, last):
    page = page_of(admin_client, make_row(**fields))
    assert page.context["standing"] == standing
    assert titles(page)[-1] == last
    assert standing in page.text


@pytest.mark.parametrize(
    ("status", "words"), [(Status.PENDING, "for the user to pass the challenge"), (Status.APPROVED, "to be used once")]
)
def test_a_live_action_says_until_when_it_waits(admin_client, make_row, status, words):
    row = make_row(status=status, answered_at=1, approved_at=5, expires_at=3600, **PASSED)
    standing = page_of(admin_client, row).context["standing"]
    assert words in standing
    assert timeline.moment(row.expires_at) in standing


def test_steps_keep_their_order_when_the_services_clock_is_behind(make_row):  # T70
    row = make_row(status=Status.SPENT, answered_at=2, approved_at=-60, spent_at=40, **PASSED)
    story = [str(entry.title) for entry in timeline.story(row, [])]
    assert story[-2:] == ["The user passed the challenge", "The approval was spent"]


def test_watched_actions_say_that_nothing_was_stopped(admin_client, make_row):
    row = make_row(status=Status.VOID, enforced=False, answered_at=1, ended_at=1, reason="report_only", **CHALLENGED)
    page = page_of(admin_client, row)
    assert "Not enforced: the answer stops nothing." in lines(page)
    assert "The challenge began" not in titles(page)


def test_rules_are_named(admin_client, make_row):
    page = page_of(admin_client, make_row(answered_at=1, rule_ids=["rule-7", "rule-9"], **CHALLENGED))
    assert "Rules: rule-7, rule-9." in lines(page)


def test_every_kind_of_event_reads_as_a_sentence(admin_client, make_row):
    row = make_row()
    for kind in ActionEvent.Kind:
        row.note(kind, "unenrolled")
    noted = titles(page_of(admin_client, row))[1:]
    assert len(noted) == len(ActionEvent.Kind)
    assert all(title[0].isupper() for title in noted)
    assert "The user had no authenticator." in lines(page_of(admin_client, row))


def test_detail_costs_the_same_for_many_events(admin_client, make_row, django_assert_num_queries):
    row = make_row()
    for _number in range(20):
        row.note(ActionEvent.Kind.NOT_VERIFIED)
    with django_assert_num_queries(4):
        page_of(admin_client, row)


def test_detail_links_to_all_actions_of_the_user(admin_client, make_row, alice, bob):
    mine = make_row()
    make_row(user=bob)
    link = f"{LIST}?user={alice.pk}"
    assert link in page_of(admin_client, mine).text
    assert [row.pk for row in admin_client.get(link).context["cl"].result_list] == [mine.pk]


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({"status": Status.REFUSED, "reason": "block", "ended_at": 1}, "Authsignal blocked it"),
        ({"status": Status.REFUSED, "reason": "review", "ended_at": 1}, "Authsignal asked for a review"),
        ({"status": Status.REFUSED, "reason": "unenrolled", "ended_at": 1}, "Authsignal allowed it"),
        ({"status": Status.SPENT, "spent_at": 1}, "Authsignal allowed it"),
        (
            {"status": Status.REFUSED, "reason": "revoked", "expires_at": 9, "ended_at": 5},
            "Authsignal asked for a challenge",
        ),
        ({"status": Status.VOID, "reason": "report_only", "enforced": False, "ended_at": 1}, "Authsignal answered"),
    ],
)
def test_what_the_service_answered_first_outlives_its_later_words(admin_client, make_row, fields, answer):
    heard = {"remote_state": "BLOCK", "remote_state_at": 60, "remote_state_source": "webhook"}
    page = page_of(admin_client, make_row(answered_at=1, **heard, **fields))
    assert titles(page)[1] == answer
    assert titles(page)[-1] == "Authsignal says BLOCK"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("webhook", "Told by webhook."),
        ("sync", "Found by the regular comparison."),
        ("operator", "Answered when an operator asked."),
    ],
)
def test_later_words_say_how_they_were_heard(admin_client, make_row, source, words):
    row = make_row(remote_state="CHALLENGE_SUCCEEDED", remote_state_at=9, remote_state_source=source)
    assert words in lines(page_of(admin_client, row))


@pytest.mark.parametrize(
    ("noted", "line"), [("webhook: BLOCK", "Webhook: BLOCK."), ("operator 1: Why?", "Operator 1: Why?")]
)
def test_what_was_noted_reads_as_a_sentence(admin_client, make_row, noted, line):
    row = make_row()
    row.note(ActionEvent.Kind.REVOKED, noted)
    assert line in lines(page_of(admin_client, row))
