from datetime import UTC, datetime

import pytest

from django_authsignal.client import answers
from django_authsignal.client.errors import UnexpectedAnswer
from django_authsignal.client.wire import Reader, State

NOON = datetime(2025, 2, 20, 12, tzinfo=UTC)
TRACKED = {"state": "CHALLENGE_REQUIRED", "idempotencyKey": "k"}


def read(kind, wire):
    return kind.read(Reader(wire, "GET", "/users/{}"))


def test_tracked_action_reads_every_member():
    wire = {
        **TRACKED,
        "url": "https://mfa.example/?token=1",
        "token": "t",
        "isEnrolled": True,
        "allowedVerificationMethods": ["SMS", "NEW_ONE"],
        "enrolledVerificationMethods": ["SMS"],
        "defaultVerificationMethod": "SMS",
        "ruleIds": ["r"],
    }
    answer = read(answers.Tracked, wire)
    assert answer.state is State.CHALLENGE_REQUIRED
    assert answer.idempotency_key == "k"
    assert answer.url == answer.challenge_url == answer["challengeUrl"] == wire["url"]
    assert (answer.token, answer.is_enrolled, answer.default_verification_method) == ("t", True, "SMS")
    assert answer.allowed_verification_methods == ("SMS", "NEW_ONE")
    assert (answer.enrolled_verification_methods, answer.rule_ids) == (("SMS",), ("r",))


def test_historic_challenge_url_serves_as_url():
    assert read(answers.Tracked, {**TRACKED, "challengeUrl": "https://x"}).url == "https://x"


def test_url_wins_over_the_historic_name():
    wire = {**TRACKED, "url": "https://new", "challengeUrl": "https://old"}
    assert read(answers.Tracked, wire).challenge_url == "https://new"


def test_allowed_action_gets_no_challenge_url_on_its_wire():
    assert "challengeUrl" not in read(answers.Tracked, {**TRACKED, "state": "ALLOW", "url": "https://x"})


@pytest.mark.parametrize("enrolled", [{}, {"isEnrolled": "true"}, {"isEnrolled": 1}, {"isEnrolled": None}])
def test_user_counts_as_enrolled_only_when_the_service_says_so(enrolled):
    """T11, F16"""
    assert read(answers.Tracked, TRACKED | enrolled).is_enrolled is False


@pytest.mark.parametrize(
    "broken", [{"idempotencyKey": None}, {"state": "NEW"}, {"url": 5}, {"ruleIds": "r"}, {"token": {}}]
)
def test_broken_decision_is_unexpected(broken):
    """F16, F17"""
    with pytest.raises(UnexpectedAnswer):
        read(answers.Tracked, TRACKED | broken)


def test_action_reads_every_member():
    wire = {
        "state": "CHALLENGE_SUCCEEDED",
        "createdAt": "2025-02-20T12:00:00.000Z",
        "stateUpdatedAt": "2025-02-20T12:00:00.000Z",
        "verificationMethod": "PASSKEY",
        "ruleIds": ["r"],
        "output": {"custom": {"someKey": 1}},
    }
    answer = read(answers.Action, wire)
    assert (answer.state, answer.created_at, answer.state_updated_at) == ("CHALLENGE_SUCCEEDED", NOON, NOON)
    assert (answer.verification_method, answer.rule_ids) == ("PASSKEY", ("r",))
    assert answer.output == {"custom": {"someKey": 1}}


def test_action_needs_nothing_but_its_state():
    answer = read(answers.Action, {"state": "BLOCK"})
    assert (answer.created_at, answer.verification_method, answer.rule_ids, answer.output) == (None, None, (), {})


def test_history_keeps_lines_with_unknown_states():
    line = {"actionCode": "pay", "idempotencyKey": "k", "state": "NEW", "createdAt": "2025-02-20T12:00:00Z"}
    answer = read(answers.ActionSummary, line)
    assert (answer.action_code, answer.idempotency_key, answer.state, answer.created_at) == ("pay", "k", None, NOON)
    assert (answer.updated_at, answer.state_updated_at, answer.verification_method) == (None, None, None)


def test_validation_reads_every_member():
    wire = {
        "isValid": True,
        "state": "CHALLENGE_SUCCEEDED",
        "stateUpdatedAt": "2025-02-20T12:00:00Z",
        "userId": "u",
        "actionCode": "pay",
        "idempotencyKey": "k",
        "verificationMethod": "SMS",
    }
    answer = read(answers.Validation, wire)
    assert (answer.is_valid, answer.state, answer.state_updated_at) == (True, State.CHALLENGE_SUCCEEDED, NOON)
    assert (answer.user_id, answer.action, answer.idempotency_key) == ("u", "pay", "k")
    assert (answer.verification_method, answer.error) == ("SMS", None)


def test_validation_of_garbage_has_no_state():
    answer = read(answers.Validation, {"isValid": False, "error": "User is invalid."})
    assert (answer.is_valid, answer.state, answer.action, answer.error) == (False, None, None, "User is invalid.")


@pytest.mark.parametrize("broken", [{}, {"isValid": "true"}, {"isValid": 1}, {"isValid": True, "state": "NEW"}])
def test_broken_validation_is_unexpected(broken):
    """F16, F17"""
    with pytest.raises(UnexpectedAnswer):
        read(answers.Validation, broken)


def test_user_reads_every_member():
    wire = {
        "userId": "u",
        "isEnrolled": True,
        "email": "a@x.nz",
        "emailVerified": True,
        "phoneNumber": "+64270000000",
        "phoneNumberVerified": False,
        "username": "alice",
        "displayName": "Alice",
        "custom": {"someKey": 1},
        "enrolledVerificationMethods": ["SMS"],
        "defaultVerificationMethod": "SMS",
        "url": "https://x",
    }
    answer = read(answers.User, wire)
    assert (answer.user_id, answer.is_enrolled, answer.username, answer.display_name) == ("u", True, "alice", "Alice")
    assert (answer.email, answer.email_verified) == ("a@x.nz", True)
    assert (answer.phone_number, answer.phone_number_verified) == ("+64270000000", False)
    assert (answer.custom, answer.enrolled_verification_methods) == ({"someKey": 1}, ("SMS",))
    assert (answer.default_verification_method, answer.url) == ("SMS", "https://x")


def test_unknown_user_is_not_enrolled():
    assert read(answers.User, {}).is_enrolled is False


def test_page_of_users():
    page = read(answers.Users, {"users": [{"userId": "u"}, {"userId": "v"}], "lastEvaluatedUserId": "v"})
    assert [user.user_id for user in page.users] == ["u", "v"]
    assert page.last_evaluated_user_id == "v"


@pytest.mark.parametrize("wire", [{}, {"users": {}}, {"users": ["u"]}])
def test_page_without_a_list_of_users_is_unexpected(wire):
    with pytest.raises(UnexpectedAnswer):
        read(answers.Users, wire)


AUTHENTICATOR = {"userAuthenticatorId": "a", "createdAt": "2025-02-20T12:00:00Z", "phoneNumber": "+64270000000"}


@pytest.mark.parametrize("method", [{"verificationMethod": "SMS"}, {"oobChannel": "SMS"}])
def test_enrolled_authenticator(method):
    answer = read(answers.Enrolled, {"authenticator": AUTHENTICATOR | method, "recoveryCodes": ["x", "y"]})
    factor = answer.authenticator
    assert (factor.user_authenticator_id, factor.verification_method, factor.created_at) == ("a", "SMS", NOON)
    assert (factor.user_id, factor.verified_at, factor.email, factor.phone_number) == (None, None, None, "+64270000000")
    assert answer.recovery_codes == ("x", "y")


@pytest.mark.parametrize("wire", [{}, {"authenticator": []}, {"authenticator": {}}])
def test_enrolment_without_authenticator_is_unexpected(wire):
    with pytest.raises(UnexpectedAnswer):
        read(answers.Enrolled, wire)


@pytest.mark.parametrize(
    "answer",
    [
        read(answers.Tracked, {**TRACKED, "url": "https://x/?hush", "token": "hush"}),
        read(answers.Action, {"state": "ALLOW", "output": {"custom": "hush"}}),
        read(answers.User, dict.fromkeys(("email", "phoneNumber", "username", "displayName", "url"), "hush")),
        read(answers.Enrolled, {"authenticator": {**AUTHENTICATOR, "email": "hush"}, "recoveryCodes": ["hush"]}),
    ],
)
def test_printed_answer_keeps_tokens_and_addresses_to_itself(answer):
    """T65"""
    assert "hush" not in repr(answer)
    assert "+64" not in repr(answer)
