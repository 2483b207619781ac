"""What a decision tells beside its outcome: which row it is about, why, and when to try again."""

from __future__ import annotations

import logging
import ssl
import uuid

import pytest
import requests
from django.utils import timezone

from django_authsignal.models import ActionEvent, Status, TrackedAction
from django_authsignal.testing import complete_step_up
from tests.gated import ACTION, outcome

ROWS = TrackedAction.objects


def noted(row):
    return [(event.kind, event.detail) for event in row.events.all()]


def told(response):
    """What the decision behind *response* says of its row."""
    decision = response.step_up
    return decision.key, decision.reason, decision.retry_after


@pytest.fixture
def proofs(gated):
    """Reason and key of every proof that the view was given."""
    seen = []

    def view(request):
        seen.append((request.step_up_proof.reason, request.step_up_proof.key))
        return Gated.view(gated, request)

    Gated = type(gated)  # noqa: N806
    gated.view = view
    return seen


# What stops


@pytest.mark.parametrize(
    ("decide", "policy", "said"),
    [
        ("block", {}, ("blocked", "block", "BLOCK")),
        ("review", {}, ("under_review", "review", "REVIEW_REQUIRED")),
        ("allow", {"minimum": "challenge"}, ("blocked", "minimum", "ALLOW")),
    ],
)
def test_refusal_names_its_row_and_the_row_what_was_answered(gated, authsignal, decide, policy, said):
    getattr(authsignal, decide)(ACTION)
    gated(**policy)
    response, row = gated.get(), gated.row
    assert (outcome(response), row.reason, row.remote_state) == said
    assert (row.status, row.is_enrolled, row.remote_state_source) == (Status.REFUSED, True, "track")
    assert told(response) == (row.idempotency_key, said[1], None)


@pytest.mark.parametrize(("unenrolled", "answered"), [("enrol", "enrol"), ("deny", "blocked")])
def test_user_without_an_authenticator_is_refused_with_what_was_answered(  # T11
    gated, authsignal, alice, unenrolled, answered
):
    authsignal.unenrolled(alice)
    gated(unenrolled=unenrolled)
    response, row = gated.get(), gated.row
    assert outcome(response) == answered
    assert (row.status, row.reason, row.remote_state, row.is_enrolled) == (
        Status.REFUSED,
        "unenrolled",
        "ALLOW",
        False,
    )
    assert told(response) == (row.idempotency_key, "unenrolled", None)


def test_outage_names_its_row_and_what_was_wrong(gated, authsignal, caplog):
    authsignal.down()
    gated()
    response, row = gated.get(), gated.row
    assert told(response) == (row.idempotency_key, "unavailable", 10)
    ((kind, detail),) = noted(row)
    assert kind == ActionEvent.Kind.OUTAGE
    assert detail in caplog.text
    assert "/actions/" in detail
    assert {record.levelno for record in caplog.records if "decided" in record.getMessage()} == {logging.WARNING}


def test_outage_of_encryption_does_not_mend_itself_and_is_an_error(gated, wire, caplog):  # F4
    def refuse(request):
        raise requests.exceptions.SSLError(ssl.SSLCertVerificationError("expired"))

    wire.before = refuse
    gated()
    assert gated.get().status_code == 503
    assert {record.levelno for record in caplog.records if "decided" in record.getMessage()} == {logging.ERROR}


def test_answer_that_must_not_be_names_its_row_and_what_it_was(gated, wire):
    wire.tamper = lambda answer: answer | {"state": "CHALLENGE_SUCCEEDED"}
    gated()
    response, row = gated.get(), gated.row
    assert told(response) == (row.idempotency_key, "upstream_error", None)
    assert noted(row) == [(ActionEvent.Kind.ANOMALY, "first answer CHALLENGE_SUCCEEDED")]


def test_page_on_another_host_is_named_as_what_must_not_be(gated, wire, authsignal):  # T43
    authsignal.challenge(ACTION)
    wire.tamper = lambda answer: answer | {"url": "https://evil.example/"}
    gated()
    gated.get()
    assert noted(gated.row) == [(ActionEvent.Kind.ANOMALY, "the hosted page is on a host that is not allowed")]


def test_sixth_open_challenge_is_too_many_and_tells_when_to_try_again(gated, authsignal):  # T49
    authsignal.challenge(ACTION)
    gated()
    answers = [gated.post({"amount": str(amount)}) for amount in range(6)]
    assert [outcome(answer) for answer in answers] == ["challenge"] * 5 + ["throttled"]
    assert told(answers[-1]) == (None, "", 600)
    assert ROWS.count() == 5


def test_cap_that_was_reached_while_the_service_was_asked_holds(gated, authsignal, wire):  # T49
    authsignal.challenge(ACTION)
    gated()
    for amount in range(4):
        gated.post({"amount": str(amount)})

    def fill(request):
        wire.before = lambda request: None
        gated.post({"amount": "fifth"})

    wire.before = fill
    response = gated.post({"amount": "sixth"})
    assert (outcome(response), *told(response)) == ("throttled", None, "", 600)
    assert [row.reason for row in ROWS.filter(status=Status.VOID)] == ["throttled"]
    assert ROWS.filter(status=Status.PENDING).count() == 5


def test_twenty_first_challenge_of_an_hour_is_too_many(gated, authsignal):  # T49
    authsignal.challenge(ACTION)
    gated()
    gated.post()
    ended = gated.row
    ROWS.update(status=Status.VOID, ended_at=timezone.now())
    for _ in range(18):
        ended.pk, ended.idempotency_key, ended.status = None, uuid.uuid4(), Status.VOID
        ended.save()
    assert [outcome(gated.post({"amount": str(amount)})) for amount in (7, 8)] == ["challenge", "throttled"]


def test_way_back_is_the_requests_own_origin_in_debug(gated, authsignal, settings):
    settings.AUTHSIGNAL_SITE_URL, settings.DEBUG = "", True
    gated()
    gated.get()
    assert authsignal.requests[0].payload["redirectUrl"].startswith("http://testserver/step-up/return/")


def test_name_of_a_rule_longer_than_we_keep_is_cut(gated, wire):
    wire.tamper = lambda answer: answer | {"ruleIds": ["r" * 100]}
    gated()
    gated.get()
    assert gated.row.rule_ids == ["r" * 64]


@pytest.mark.parametrize(
    ("decide", "policy"), [("allow", {}), ("unenrolled", {"unenrolled": "allow"})], ids=["allowed", "unenrolled"]
)
def test_row_that_was_lost_is_named_and_asked_for_again_soon(gated, wire, authsignal, alice, decide, policy):
    getattr(authsignal, decide)(alice if policy else ACTION)
    wire.before = lambda request: ROWS.update(status=Status.VOID, ended_at=timezone.now())
    gated(**policy)
    assert told(gated.get()) == (gated.row.idempotency_key, "", 10)


def test_loser_without_a_winner_to_show_names_its_own_row(gated, wire, authsignal):
    authsignal.challenge(ACTION)
    gated()

    def win(request):
        wire.before = lambda request: None
        gated.get()
        ROWS.filter(status=Status.PENDING).update(
            status=Status.APPROVED, approved_at=timezone.now(), remote_state="CHALLENGE_SUCCEEDED"
        )

    wire.before = win
    response = gated.get()
    assert told(response) == (ROWS.get(reason="superseded").idempotency_key, "", 10)


# A challenge that is pending


@pytest.fixture
def pending(gated, authsignal):
    authsignal.challenge(ACTION)
    gated(bind=lambda request: {})
    return gated.get()


def forget_hosted_url(gated):
    session = gated.client.session
    session["_authsignal"].pop("urls")
    session.save()


def test_pending_challenge_is_shown_again_as_it_was(gated, pending):
    first, again = pending.step_up, gated.get().step_up
    assert (again.key, again.url, again.expires_at) == (first.key, first.url, first.expires_at)
    assert again.url
    assert again.expires_at == gated.row.expires_at


def test_page_that_was_asked_for_again_is_remembered(gated, pending, authsignal):
    forget_hosted_url(gated)
    again, remembered = gated.get(), gated.get()
    assert again.step_up.url == remembered.step_up.url != pending.step_up.url  # a new token
    assert len(authsignal.requests) == 2


def test_newest_page_that_waits_is_the_one_to_come_back_to(gated, pending):
    assert gated.row.return_path == "/gated/"
    gated.client.get("/gated/?page=2")
    assert (gated.row.return_path, ROWS.count()) == ("/gated/?page=2", 1)


def test_script_that_waits_changes_nothing_of_where_to_come_back_to(gated, pending):
    gated.get(headers={"Accept": "application/json"})
    assert (gated.row.return_path, ROWS.count()) == ("/gated/", 1)


def test_outage_of_a_pending_challenge_names_its_row_and_when_to_try_again(gated, pending, authsignal):
    forget_hosted_url(gated)
    authsignal.down()
    key, _reason, retry_after = told(gated.get())
    assert (key, retry_after) == (pending.step_up.key, 10)


def test_wrong_answer_about_a_pending_challenge_names_its_row_and_what_was_wrong(gated, pending, wire):
    forget_hosted_url(gated)
    wire.tamper = lambda answer: answer | {"idempotencyKey": "other"}
    assert told(gated.get())[0] == pending.step_up.key
    ((kind, detail),) = noted(gated.row)
    assert kind == ActionEvent.Kind.ANOMALY
    assert "the answer is about another idempotency key" in detail


# Windows


@pytest.fixture
def verified(gated, authsignal):
    """`verified(max_age=60)`: the action was allowed after a challenge by SMS; the service blocks it since."""

    def verify(**policy):
        authsignal.challenge(ACTION)
        gated(**policy)
        complete_step_up(gated.client, gated.get())
        assert gated.get().content == b"done"
        authsignal.block(ACTION)

    return verify


@pytest.mark.parametrize("demanded", [{}, {"minimum": "challenge"}, {"verification_methods": ["SMS"]}], ids=str)
def test_window_is_worth_the_challenge_that_opened_it(gated, verified, demanded):  # T14
    verified(max_age=60, **demanded)
    assert gated.get().content == b"done"


def test_window_that_no_challenge_opened_is_worth_none(gated, authsignal):  # T13
    gated(max_age=60)
    assert gated.get().content == b"done"
    authsignal.block(ACTION)
    gated(max_age=60, minimum="challenge")
    assert outcome(gated.get()) == "blocked"


def test_single_use_opens_no_window(gated):
    gated()
    assert gated.get().content == b"done"
    assert "windows" not in gated.client.session["_authsignal"]


# What goes on


def test_proof_tells_how_and_by_which_row_it_was_allowed(gated, authsignal, alice, proofs):
    gated()
    gated.get()
    assert proofs.pop() == ("allow", gated.row.idempotency_key)
    authsignal.unenrolled(alice)
    gated(unenrolled="allow", on_unavailable="allow")
    gated.get()
    assert proofs.pop() == ("unenrolled", gated.row.idempotency_key)
    assert (gated.row.reason, noted(gated.row)) == ("unenrolled", [(ActionEvent.Kind.BYPASSED, "unenrolled")])
    authsignal.down()
    gated.get()
    assert proofs.pop() == ("unavailable", gated.row.idempotency_key)
    assert noted(gated.row) == [(ActionEvent.Kind.BYPASSED, "unavailable")]
