"""Decisions in HTTP: one answer for people, one for scripts, and headers for both."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from django.utils import translation
from django.utils.cache import patch_cache_control

from django_authsignal import http
from django_authsignal.policy import StepUpPolicy
from django_authsignal.services.decision import Decision, Outcome
from django_authsignal.wording import WORDS

JSON = {"Accept": "application/json"}
HOSTED = "https://mfa.authsignal.com/x?token=t"
KEY = uuid.UUID("6f9619ff-8b86-4011-b42d-00c04fc964ff")


def challenge(**details):
    facts = {"key": KEY, "url": HOSTED, "expires_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)} | details
    return Decision(outcome=Outcome.CHALLENGE, action_code="pay", **facts)


def decided(outcome, **details):
    return Decision(outcome=outcome, action_code="pay", **details)


def answer(request, decision):
    request.user = AnonymousUser()
    return http.answer(request, decision)


OUTCOMES = [outcome for outcome in Outcome if outcome is not Outcome.ALLOWED]
TABLE = {
    "challenge": (403, "step_up_required"),
    "enrol": (403, "step_up_enrol"),
    "blocked": (403, "step_up_blocked"),
    "under_review": (403, "step_up_under_review"),
    "already_used": (409, "step_up_already_used"),
    "throttled": (429, "step_up_throttled"),
    "unavailable": (503, "step_up_unavailable"),
    "upstream_error": (502, "step_up_error"),
    "invalid": (400, "step_up_invalid"),
    "login": (401, "step_up_login"),
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_each_outcome_has_its_status_and_code_for_scripts(rf, outcome):
    response = answer(rf.post("/pay/", headers=JSON), decided(outcome))
    status, code = TABLE[outcome]
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
    body = json.loads(response.content)
    assert (body["status"], body["code"], body["action"]) == (status, code, "pay")
    assert body["title"]
    assert body["detail"]
    assert not {"challenge_url", "key"} & body.keys() or outcome == "challenge"


@pytest.mark.parametrize("outcome", [outcome for outcome in OUTCOMES if outcome is not Outcome.LOGIN])
def test_each_outcome_has_its_page_for_people(rf, outcome):
    response = answer(rf.post("/pay/", {"a": "1"}), decided(outcome))
    assert response.status_code == TABLE[outcome][0]
    assert str(WORDS[outcome].title) in response.content.decode()


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("headers", [{}, JSON], ids=["page", "json"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_every_answer_is_hardened_and_says_what_was_decided(rf, outcome, headers, method):  # T23, T31, T33
    decision = decided(outcome, retry_after=7 if outcome in ("throttled", "unavailable") else None)
    response = answer(getattr(rf, method)("/pay/", headers=headers), decision)
    assert response.step_up is decision
    assert {"private", "no-store"} <= set(response["Cache-Control"].split(", "))
    assert {"Accept", "Cookie", "HX-Request"} <= set(response["Vary"].split(", "))
    assert response["Referrer-Policy"] == ("same-origin" if b"<form" in response.content else "no-referrer")
    assert response["X-Frame-Options"] == "DENY"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin-allow-popups"
    assert response.get("Retry-After") == ("7" if decision.retry_after else None)


# Scripts


def test_challenge_tells_a_script_all_it_needs(rf):
    body = json.loads(answer(rf.post("/pay/", headers=JSON), challenge()).content)
    assert body["challenge_url"] == HOSTED
    assert body["key"] == str(KEY)
    assert body["expires_at"] == "2026-01-02T03:04:05Z"
    assert body["status_url"].startswith("/step-up/status/")


def test_enrol_tells_a_script_where(rf):
    body = json.loads(answer(rf.post("/pay/", headers=JSON), decided(Outcome.ENROL)).content)
    assert body["enrol_url"] == "/step-up/enrol/"


def test_invalid_tells_a_script_what(rf):
    decision = decided(Outcome.INVALID, details=("a is missing",))
    assert json.loads(answer(rf.post("/pay/", headers=JSON), decision).content)["errors"] == ["a is missing"]


@pytest.mark.parametrize(
    ("headers", "content_type", "expected"),
    [
        ({"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}, "", False),
        ({"Accept": "*/*"}, "", False),
        ({}, "", False),
        ({"Accept": "image/png"}, "", False),
        ({"Accept": "application/json"}, "", True),
        ({"Accept": "application/problem+json"}, "", True),
        ({"Accept": "application/json, text/html;q=0.5"}, "", True),
        ({"Accept": "text/html, application/json"}, "application/json", False),
        ({"Accept": "*/*"}, "application/json", True),
        ({}, "application/vnd.api+json", True),
        ({"Accept": "text/html", "HX-Request": "true"}, "", True),
        ({"Accept": "text/html", "HX-Request": "false"}, "", False),
    ],
)
def test_script_is_known_by_what_it_accepts_sends_or_htmx(rf, headers, content_type, expected):
    request = rf.generic("POST", "/pay/", "{}", content_type=content_type, headers=headers)
    assert http.wants_json(request) is expected


# People


def test_page_asked_for_by_get_goes_straight_to_the_hosted_page(rf):
    response = answer(rf.get("/pay/"), challenge())
    assert (response.status_code, response["Location"]) == (302, HOSTED)


def test_page_asked_for_by_get_goes_to_enrol_and_is_remembered(rf):
    response = answer(rf.get("/pay/?a=1"), decided(Outcome.ENROL))
    assert response.status_code == 302
    assert response["Location"].startswith("/step-up/enrol/?back=")


@pytest.mark.parametrize("method", ["get", "post"])
def test_stranger_is_sent_to_sign_in_and_back(rf, method):
    response = answer(getattr(rf, method)("/pay/?a=1"), decided(Outcome.LOGIN))
    assert (response.status_code, response["Location"]) == (302, "/sign-in/?next=/pay/%3Fa%3D1")


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_form_is_held_only_where_sending_it_again_can_succeed(rf, outcome):
    html = answer(rf.post("/pay/", {"note": "kept"}), decided(outcome)).content.decode()
    held = outcome in (Outcome.CHALLENGE, Outcome.ENROL, Outcome.THROTTLED, Outcome.UNAVAILABLE)
    assert ('value="kept"' in html) is held


def test_what_is_about_to_be_approved_is_shown_as_the_user_reads_it(rf):
    values = {"payeeName": "A & B", "amount": Decimal("5000.10"), "on": date(2026, 1, 2), "many": ["a", ""], "no": []}
    with translation.override("de"):
        html = answer(rf.post("/pay/", {"a": "1"}), challenge(values=values)).content.decode()
    for text in ("Payee name", "A &amp; B", "5.000,10", "2. Januar 2026"):
        assert text in html
    assert html.count("step-up-muted") == 2


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "Yes"),
        (False, "No"),
        (Decimal("5000"), "5,000"),
        (Decimal("1234567.50"), "1,234,567.50"),
        (1234567.5, "1,234,567.5"),
        (Decimal("-0.5"), "-0.5"),
        (Decimal("1E+999"), "1e+999"),
        (Decimal(0), "0"),
        (0, "0"),
        (12345678, "12345678"),  # may be the number of an account
        ("5000", "5000"),
    ],
)
def test_amounts_are_grouped_and_switches_are_words(rf, value, text):
    problem = answer(rf.post("/pay/", headers=JSON), challenge(values={"it": value, "them": [value]}))
    assert json.loads(problem.content)["shown"] == [["It", [text]], ["Them", [text]]]


@pytest.mark.parametrize("value", ["", None])
def test_value_that_is_empty_is_not_shown(rf, value):
    problem = answer(rf.post("/pay/", headers=JSON), challenge(values={"reference": value, "payee": "A"}))
    assert json.loads(problem.content)["shown"] == [["Payee", ["A"]]]


def test_text_that_turns_the_reading_order_is_spelt_out(rf):
    html = answer(
        rf.post("/pay/", {"a": "1"}), challenge(values={"payee": "evil\u202efdp\u2066x\u061c"})
    ).content.decode()
    assert "evil⟨U+202E⟩fdp⟨U+2066⟩x" in html
    assert "\u202e" not in html


def test_value_that_no_page_can_hold_breaks_no_page(rf):
    request = rf.post("/pay/", "{}", content_type="application/json", headers={"Accept": "text/html"})
    assert answer(request, challenge(values={"payee": "\ud800"})).status_code == 403


@pytest.mark.parametrize(
    ("content_type", "body"), [("application/json", "{}"), ("text/plain", "a=1"), (None, {"a": "1\0"})]
)
def test_what_no_form_can_reproduce_gets_a_plain_answer(rf, content_type, body):
    options = {"content_type": content_type} if content_type else {}
    request = rf.post("/pay/", body, headers={"Accept": "text/html"}, **options)
    html = answer(request, challenge()).content.decode()
    assert "send your request again" in html
    assert "step-up-form" not in html
    assert f'href="{HOSTED}"' in html


@pytest.mark.parametrize(("method", "offered"), [("get", True), ("post", False)])
def test_page_that_may_work_later_offers_to_try_again(rf, method, offered):
    html = answer(getattr(rf, method)("/pay/?a=1"), decided(Outcome.UPSTREAM_ERROR)).content.decode()
    assert ('href="/pay/?a=1"' in html) is offered


@pytest.mark.parametrize(("reason", "text"), [("unenrolled", "no way to verify you"), ("block", ""), ("secret", "")])
def test_user_is_told_what_can_be_done_and_nothing_else(rf, reason, text):
    html = answer(rf.post("/pay/"), decided(Outcome.BLOCKED, reason=reason)).content.decode()
    assert text in html
    assert ("step-up-details" in html) is bool(text)


# What never reaches a view


@pytest.mark.parametrize(
    ("methods", "method", "status"),
    [
        (None, "HEAD", 200),
        (None, "OPTIONS", 200),
        (None, "TRACE", 405),
        (None, "GET", None),
        (None, "DELETE", None),
        (["POST"], "GET", None),
        (["POST"], "POST", None),
        (["POST"], "PUT", 405),
        (["POST"], "HEAD", 200),
        (["POST"], "TRACE", 405),
        (["GET"], "POST", 405),
        (["GET"], "GET", None),
    ],
)
def test_gate_answers_what_it_must_not_pass_on(rf, methods, method, status):  # T32
    response = http.answer_itself(rf.generic(method, "/pay/"), StepUpPolicy("pay", methods=methods))
    assert (response and response.status_code) == status
    if response:
        assert response.content == b""
        assert response["Cache-Control"] == "private, no-store"
        assert {"GET", "HEAD", "OPTIONS", *(methods or ["PUT"])} <= set(response["Allow"].split(", "))


@pytest.mark.parametrize(
    ("purpose", "methods", "status"),
    [("prefetch", None, 503), ("prefetch;prerender", None, 503), ("prefetch", ["POST"], None), ("", None, None)],
)
def test_prefetch_of_a_protected_page_starts_nothing(rf, purpose, methods, status):  # T49
    request = rf.get("/pay/", headers={"Sec-Purpose": purpose})
    response = http.answer_itself(request, StepUpPolicy("pay", methods=methods))
    assert (response and response.status_code) == status


def test_protected_answer_is_private_and_keeps_its_own_headers():  # T31
    response = HttpResponse(headers={"Cache-Control": "public, max-age=60", "Vary": "Accept"})
    http.seal(response)
    assert {"private", "no-store"} <= set(response["Cache-Control"].split(", "))
    assert "public" not in response["Cache-Control"]
    assert response["Vary"] == "Accept, Cookie"


def test_protected_answer_without_headers_of_its_own_gets_the_same():  # T31
    sealed, patched = http.seal(HttpResponse()), HttpResponse()
    patch_cache_control(patched, private=True, no_store=True)
    assert sealed["Cache-Control"] == patched["Cache-Control"]
    assert sealed["Vary"] == "Cookie"
