"""Who asks for what."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.cache import SessionStore
from django.urls import ResolverMatch

from django_authsignal.policy import StepUpPolicy
from django_authsignal.services.question import is_signed_in, question, return_path

POLICY = StepUpPolicy("pay", bind=["amount"], ask_again=["iban"])


@pytest.fixture
def request_(rf, someone, authsignal):
    request = rf.post("/pay/?x=1", {"amount": "5"}, REMOTE_ADDR="203.0.113.9")
    request.user, request.session = someone, SessionStore()
    request.resolver_match = ResolverMatch(print, (), {}, route="pay/")
    return request


@pytest.fixture
def someone():
    return SimpleNamespace(pk=7, is_authenticated=True, get_session_auth_hash=lambda: "hash")


def test_question_binds_the_request_to_all_that_an_approval_is_bound_to(request_, settings):
    settings.AUTHSIGNAL_TENANT_ID = "t"
    claim = question(request_, POLICY).claim
    assert (claim.user_pk, claim.authsignal_user_id, claim.action) == (7, "7", "pay")
    assert (claim.tenant, claim.environment, claim.method, claim.route) == ("t", "sandbox", "POST", "pay/")
    assert (claim.ip_address, claim.return_path, claim.key) == ("203.0.113.9", "", None)
    assert all(len(digests) == 1 for digests in (claim.bindings, claim.channels, claim.auth_hashes))


def test_given_values_replace_those_of_the_policy(request_):
    assert question(request_, POLICY).values == {"amount": "5"}
    assert question(request_, POLICY, {"amount": 6}).values == {"amount": 6}


def test_what_was_typed_has_no_printable_form(request_):  # T65
    asked = question(request_, POLICY, {"payee": "bob@bank.example", "more": ["bob@bank.example"]})
    assert "bob" not in repr((asked, asked.values, asked.decided("challenge")))
    assert asked.values == {"payee": "bob@bank.example", "more": ["bob@bank.example"]}


def test_decision_carries_what_the_answer_needs(request_):
    decision = question(request_, POLICY).decided("challenge", reason="x")
    assert (decision.action_code, decision.key, decision.reason) == ("pay", None, "x")
    assert (decision.values, decision.ask_again) == ({"amount": "5"}, ("iban",))


def test_two_questions_of_one_session_share_the_channel(request_):
    assert question(request_, POLICY).claim.channels == question(request_, POLICY).claim.channels


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        (None, False),
        (AnonymousUser(), False),
        (SimpleNamespace(is_authenticated=True, is_active=False), False),
        (SimpleNamespace(is_authenticated=True, is_active=True), True),
        (SimpleNamespace(is_authenticated=True), True),
    ],
)
def test_only_an_active_user_is_signed_in(rf, user, expected):  # T22, T34
    request = rf.get("/")
    request.user = user
    assert is_signed_in(request) is expected


def test_request_without_a_user_has_nobody_signed_in(rf):
    assert not is_signed_in(rf.get("/"))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/pay/", "/pay/"),
        ("/pay/?a=1&b=%2F", "/pay/?a=1&b=%2F"),
        ("/é/", "/%C3%A9/"),
        ("/" + "a" * 1999, "/" + "a" * 1999),
        ("/" + "a" * 2000, ""),
    ],
)
def test_page_asked_for_by_get_is_where_the_return_ends(rf, path, expected):
    assert return_path(rf.get(path)) == expected


@pytest.mark.parametrize("path", ["//evil.example/", "///evil.example", "/\\evil.example", "/\t/evil.example"])
def test_path_that_leads_elsewhere_is_forgotten(rf, path):  # T25
    request = rf.get("/")
    request.path = path
    assert "evil.example" not in return_path(request) or return_path(request).startswith(("/%", "/evil"))


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "QUERY"])
def test_request_that_is_no_get_has_nowhere_to_return_to(rf, method):  # T27
    assert return_path(rf.generic(method, "/pay/")) == ""
