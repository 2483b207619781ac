"""The rules: outcomes, conditions, files, and what a mistake in them says."""

import json

import pytest

from django_authsignal.sandbox import rules as rules_module
from django_authsignal.sandbox.conditions import Condition
from django_authsignal.sandbox.rules import Outcome, Rules, RulesError
from django_authsignal.sandbox.store import Store


@pytest.mark.parametrize(
    ("condition", "value", "holds"),
    [
        ("custom.x > 1000", "5000", True),
        ("custom.x > 1000", 1000, False),
        ("custom.x >= 1000", 1000.0, True),
        ("custom.x < 1000", " 999 ", True),
        ("custom.x <= 1000", "1000.5", False),
        ("custom.x > 1000", "lots", False),
        ("custom.x < 1000", "lots", False),
        ("custom.x > 1000", 10**400, False),
        ("custom.x > 0", True, True),
        ("custom.x >= 0", None, True),
        ("custom.x < 1", "", True),
        ("custom.x > 1", [5], False),
        ('custom.x > "1000"', "5", True),  # two texts compare as texts, in JavaScript too
        ("custom.x == 5", "5", True),
        ('custom.x == "NZ"', "NZ", True),
        ("custom.x == null", 0, False),
        ("custom.x == true", 1, True),
        ("custom.x != 5", "6", True),
        ('custom.x in ["NZ", "AU"]', "AU", True),
        ("custom.x in [1, 2]", "2", True),
        ("custom.x in []", "NZ", False),
    ],
)
def test_conditions_compare_as_javascript_does(condition, value, holds):
    assert Condition.parse(condition).holds({"x": value}) is holds


def test_missing_value_satisfies_only_not_equal():
    operators = ["> 0", ">= 0", "< 9", "<= 9", "== 0", "== null", "in [0]", "!= 0"]
    held = [text for text in operators if Condition.parse(f"custom.x {text}").holds({"y": 1})]
    assert held == ["!= 0"]


RULES = {
    "default": "BLOCK",
    "actions": {"pay": "ALLOW"},
    "rules": [
        {"action": "pay", "when": ["custom.amount > 10", "custom.amount < 100"], "outcome": "REVIEW"},
        {"id": "big", "when": "custom.amount >= 50", "outcome": "CHALLENGE"},
    ],
}


@pytest.mark.parametrize(
    ("action", "amount", "decision"),
    [
        ("pay", 50, (Outcome.REVIEW, ("rule-1",))),
        ("pay", 500, (Outcome.CHALLENGE, ("big",))),
        ("sell", 50, (Outcome.CHALLENGE, ("big",))),
        ("pay", 5, (Outcome.ALLOW, ())),
        ("sell", 5, (Outcome.BLOCK, ())),
    ],
)
def test_first_rule_that_matches_decides(action, amount, decision):
    assert Rules.from_mapping(RULES).decide(action, {"amount": amount}) == decision


def test_matched_rule_is_named_in_the_answer(service, store):
    store.rules = Rules.from_mapping({"rules": [{"id": "big", "when": "custom.n > 1", "outcome": "BLOCK"}]})
    answer = service.track("u", "pay", custom={"n": "2"})
    assert (answer["state"], answer["ruleIds"]) == ("BLOCK", ["big"])


def test_example_of_the_module_is_a_valid_file(tmp_path):
    text = rules_module.__doc__.partition("Example::")[2].partition("Conditions read")[0]
    path = tmp_path / "rules.toml"
    path.write_text(text)
    rules = Rules.from_file(path)
    assert rules.decide("transfer", {"amount": "5000", "country": "NZ"}) == (Outcome.CHALLENGE, ("large-transfer",))
    assert rules.redirect_hosts == ("localhost:8000",)
    assert Store(rules).user("1").methods == ("SMS",)


def test_json_file_reads_the_same(tmp_path):
    path = tmp_path / "rules.json"
    path.write_text(json.dumps(RULES))
    assert Rules.from_file(path) == Rules.from_mapping(RULES)


@pytest.mark.parametrize(
    ("mapping", "text"),
    [
        ([], "the rules: expected a table of names and values"),
        ({"action": {}}, "does not know action; the names are default, enrol_everyone"),
        ({"default": "DENY"}, "default: 'DENY' is no outcome; write one of ALLOW, BLOCK, CHALLENGE, REVIEW"),
        ({"actions": {"pay": "challenge"}}, "actions.pay: 'challenge' is no outcome"),
        ({"actions": {"pay": []}}, r"actions.pay: \[\] is no outcome"),
        ({"enrol_everyone": "yes"}, "enrol_everyone: expected true or false"),
        ({"redirect_hosts": "localhost"}, "redirect_hosts: expected a list"),
        ({"rules": [{"when": "custom.n > 1"}]}, "rules, entry 1, outcome: None is no outcome"),
        ({"rules": [{"if": "x", "outcome": "ALLOW"}]}, "entry 1: does not know if; the names are id, action, when"),
        ({"rules": [{"when": "amount > 1", "outcome": "BLOCK"}]}, "'amount > 1' is no condition: write it like"),
        ({"rules": [{"when": "custom.c == NZ", "outcome": "BLOCK"}]}, "put text in double quotes"),
        ({"rules": [{"when": "custom.c in 5", "outcome": "BLOCK"}]}, 'needs a list after "in"'),
        ({"rules": [{"when": 5, "outcome": "BLOCK"}]}, "5 is no condition"),
        ({"users": [{"email": "a@b.nz"}]}, "users, entry 1, userId: expected text"),
        ({"users": [{"userId": "1", "authenticators": [{}]}]}, "authenticator 1, verificationMethod: expected text"),
    ],
)
def test_mistakes_say_where_and_what_to_write(mapping, text):
    with pytest.raises(RulesError, match=text):
        Rules.from_mapping(mapping)


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("rules.yaml", "", "ends in .toml or .json"),
        ("rules.toml", "default = ", "rules.toml: Invalid value"),
        ("rules.json", "{", "rules.json: Expecting property name"),
        ("rules.json", None, "cannot be read .No such file or directory.; check the path given to --rules"),
    ],
)
def test_unreadable_files_say_so(tmp_path, name, content, text):
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(RulesError, match=text):
        Rules.from_file(path)


@pytest.mark.parametrize(("host", "status"), [("localhost:8000", 200), ("localhost:8002", 400), ("evil.example", 400)])
def test_redirect_hosts_are_enforced_when_given(service, store, host, status):
    store.rules = Rules(redirect_hosts=("localhost:8000",))
    payload = {"redirectUrl": f"http://{host}/back"}
    assert service("POST", "/v1/users/u/actions/pay", payload).status_code == status
    assert service("GET", "/v1/users/u", params=payload).status_code == status


def test_seeded_user_keeps_every_wire_field():
    factor = {"verificationMethod": "PASSKEY", "userAuthenticatorId": "f1", "webauthnCredential": {"name": "Key"}}
    store = Store({"users": [{"userId": "1", "email": "a@b.nz", "authenticators": [factor]}]})
    user = store.user("1")
    assert user.attributes()["email"] == "a@b.nz"
    assert user.authenticators[0].wire() | factor == user.authenticators[0].wire()
    assert store.remove_authenticator("1", "f1")
