"""A policy is right when it is made, or it is not made."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_authsignal.policy import StepUpPolicy


@pytest.mark.parametrize("action", ["a", "withdrawFunds", "with-draw_2", "A" * 64])
def test_action_code_of_the_service_is_accepted(action):
    assert StepUpPolicy(action).action == action


@pytest.mark.parametrize("action", ["", "a b", "a/b", "é", "a\n", "A" * 65, None, 5])
def test_action_code_that_the_service_would_refuse_is_refused(action):
    with pytest.raises(ImproperlyConfigured, match="is no action code"):
        StepUpPolicy(action)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"unenrolled": "ignore"}, "unenrolled must be one of None, 'enrol', 'deny', 'allow'"),
        ({"on_unavailable": None}, "on_unavailable must be one of 'deny', 'allow'"),
        ({"minimum": "passkey"}, "minimum must be one of 'allow', 'challenge'"),
        ({"mode": "off"}, "mode must be one of None, 'enforce', 'report_only'"),
        ({"methods": "POST"}, r"methods must be a list of names, such as methods=\['POST'\]"),
        ({"methods": [""]}, "methods must be a list of names"),
        ({"methods": ()}, "methods is empty"),
        ({"methods": ["POST", "head"]}, "the gate answers those itself"),
        ({"methods": ["OPTIONS"]}, "the gate answers those itself"),
        ({"methods": ["TRACE"]}, "the gate answers those itself"),
        ({"methods": 5}, "methods must be a list of names"),
        ({"verification_methods": "PASSKEY"}, "verification_methods must be a list of names"),
        ({"verification_methods": []}, "verification_methods is empty"),
        ({"ask_again": "iban"}, "ask_again must be a list of names"),
        ({"ask_again": [1]}, "ask_again must be a list of names"),
        ({"bind": "amount"}, "bind must be a list of names"),
        ({"bind": []}, "bind is empty"),
        ({"bind": ["amount"], "max_age": 60}, "choose one"),
        ({"recheck": True}, "recheck belongs to max_age"),
        ({"max_age": 0}, "max_age must be whole seconds"),
        ({"max_age": -1}, "max_age must be whole seconds"),
        ({"max_age": 86_401}, "max_age must be whole seconds"),
        ({"max_age": True}, "max_age must be whole seconds"),
        ({"max_age": 60.0}, "max_age must be whole seconds"),
        ({"minimum": "challenge", "unenrolled": "allow"}, "rules out"),
        ({"minimum": "challenge", "on_unavailable": "allow"}, "rules out"),
    ],
)
def test_policy_that_cannot_work_is_refused_by_action_and_argument(arguments, text):
    with pytest.raises(ImproperlyConfigured, match=rf"step-up policy of action 'pay': .*{text}"):
        StepUpPolicy("pay", **arguments)


def test_collections_are_frozen_and_methods_upper_case():
    names = ["post", "put"]
    policy = StepUpPolicy("pay", methods=names, verification_methods={"passkey"}, ask_again=["iban"], bind=["amount"])
    names.append("get")
    assert (policy.methods, policy.verification_methods) == (("POST", "PUT"), ("PASSKEY",))
    assert (policy.ask_again, policy.bind) == (("iban",), ("amount",))
    with pytest.raises(AttributeError):
        policy.action = "other"


def test_function_to_bind_is_kept():
    assert StepUpPolicy("pay", bind=dict).bind is dict


def test_all_methods_are_protected_unless_some_are_named():
    assert all(StepUpPolicy("pay").protects(method) for method in ("GET", "POST", "PUT", "PATCH", "DELETE"))
    only_post = StepUpPolicy("pay", methods=["POST"])
    assert (only_post.protects("POST"), only_post.protects("GET")) == (True, False)


def test_named_verification_methods_are_the_only_ones_accepted():
    assert StepUpPolicy("pay").accepts("")
    strict = StepUpPolicy("pay", verification_methods=["PASSKEY"])
    assert [strict.accepts(method) for method in ("PASSKEY", "SMS", "")] == [True, False, False]


def test_central_settings_override_the_view(settings):
    policy = StepUpPolicy("pay", max_age=60, mode="enforce")
    assert policy.resolved() is policy
    settings.AUTHSIGNAL_ACTIONS = {"pay": {"max_age": 30, "mode": "report_only"}, "other": {"max_age": 5}}
    assert policy.resolved() == StepUpPolicy("pay", max_age=30, mode="report_only")


@pytest.mark.parametrize("override", [{"max_agee": 30}, {"action": "other"}])
def test_central_settings_cannot_override_the_action_or_what_is_no_argument(settings, override):
    settings.AUTHSIGNAL_ACTIONS = {"pay": override}
    with pytest.raises(ImproperlyConfigured, match="AUTHSIGNAL_ACTIONS"):
        StepUpPolicy("pay").resolved()


@pytest.mark.parametrize(
    ("mode", "project", "expected"),
    [
        (None, "enforce", False),
        (None, "report_only", True),
        ("enforce", "report_only", False),
        ("report_only", "enforce", True),
    ],
)
def test_report_only_is_the_policys_word_else_the_projects(settings, mode, project, expected):
    settings.AUTHSIGNAL_MODE = project
    assert StepUpPolicy("pay", mode=mode).report_only is expected


@pytest.mark.parametrize(
    ("own", "project", "minimum", "expected"),
    [
        (None, "deny", "allow", "deny"),
        ("enrol", "deny", "allow", "enrol"),
        ("allow", "deny", "allow", "allow"),
        (None, "allow", "allow", "allow"),
        (None, "allow", "challenge", "enrol"),
        (None, "deny", "challenge", "deny"),
    ],
)
def test_allow_for_the_unenrolled_never_meets_a_minimum(settings, own, project, minimum, expected):  # T11
    settings.AUTHSIGNAL_UNENROLLED = project
    assert StepUpPolicy("pay", unenrolled=own, minimum=minimum).for_unenrolled == expected
