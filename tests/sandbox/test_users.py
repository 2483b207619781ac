"""Users, authenticators and headless challenges."""

import pytest


def test_unknown_user_is_200_and_not_enrolled_and_not_created(service, store):
    answer = service("GET", "/v1/users/nobody")
    assert answer.status_code == 200
    user = answer.json()
    assert (user["isEnrolled"], user["emailVerified"], "email" in user) == (False, False, False)
    assert user["url"].startswith("http://")
    assert list(store.users()) == []


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_identify_creates_merges_and_answers_the_attributes(service, method):
    service(method, "/v1/users/u", {"email": "a@b.nz", "phoneNumber": "9876543210", "custom": {"k": 1}})
    answer = service(method, "/v1/users/u", {"emailVerified": True, "email": None, "displayName": "Ann"}).json()
    assert answer == {
        "userId": "u",
        "email": "a@b.nz",
        "emailVerified": True,
        "phoneNumber": "9876543210",
        "phoneNumberVerified": False,
        "displayName": "Ann",
        "custom": {"k": 1},
    }


def test_delete_answers_success_and_keeps_history_unless_told(service):
    service.enrol("u")
    service.track("u", "look", idempotencyKey="k")
    assert service("DELETE", "/v1/users/u").json() == {"success": True}
    assert not service("GET", "/v1/users/u").json()["isEnrolled"]
    assert service("GET", "/v1/users/u/actions/look/k").status_code == 200
    service("DELETE", "/v1/users/u", params={"actions": "true"})
    assert service("GET", "/v1/users/u/actions/look/k").status_code == 404


def test_query_users_needs_a_condition_and_pages(service):
    for number in range(3):
        service("PATCH", f"/v1/users/{number}", {"username": "ann", "phoneNumber": "+64271234567"})
    assert service("GET", "/v1/users").status_code == 400
    assert service("GET", "/v1/users", params={"username": "ann", "limit": "none"}).status_code == 400
    assert service("GET", "/v1/users", params={"email": "a@b.nz"}).json() == {"users": []}
    first = service("GET", "/v1/users", params={"phoneNumber": "+64271234567", "limit": 2}).json()
    assert [user["userId"] for user in first["users"]] == ["0", "1"]
    after = {"username": "ann", "limit": 2, "lastEvaluatedUserId": first["lastEvaluatedUserId"]}
    rest = service("GET", "/v1/users", params=after).json()
    assert [user["userId"] for user in rest["users"]] == ["2"]
    assert "lastEvaluatedUserId" not in rest


@pytest.mark.parametrize(
    "payload", [{"verificationMethod": "SMS"}, {"oobChannel": "SMS"}, {"verificationMethod": "SMS", "oobChannel": "X"}]
)
def test_enrol_takes_the_new_and_the_historic_name(service, payload):
    answer = service("POST", "/v1/users/u/authenticators", {"phoneNumber": "+64271234567", **payload}).json()
    authenticator = answer["authenticator"]
    assert (authenticator["verificationMethod"], authenticator["oobChannel"]) == ("SMS", "SMS")
    assert (authenticator["authenticatorType"], authenticator["isActive"]) == ("OOB", True)
    assert authenticator["phoneNumber"] == "+64271234567"
    assert len(answer["recoveryCodes"]) == 10
    user = service("GET", "/v1/users/u").json()
    assert (user["isEnrolled"], "phoneNumber" in user) == (True, False)


@pytest.mark.parametrize("payload", [{}, {"verificationMethod": "PIGEON"}, {"verificationMethod": "SMS", "email": 1}])
def test_enrol_refuses_what_is_no_method(service, payload):
    assert service("POST", "/v1/users/u/authenticators", payload).status_code == 400


def test_enrolling_the_same_factor_again_does_not_double_it(service):
    first = service.enrol("u", phoneNumber="+64271234567")
    again = service.enrol("u", phoneNumber="+64271234567")
    other = service.enrol("u", phoneNumber="+64279999999")
    assert first["authenticator"] == again["authenticator"] != other["authenticator"]
    assert len(service("GET", "/v1/users/u/authenticators").json()) == 2


def test_default_method_leads_the_enrolled_ones(service):
    service.enrol("u")
    service.enrol("u", verificationMethod="AUTHENTICATOR_APP", isDefault=True)
    assert service.track("u", "look")["defaultVerificationMethod"] == "AUTHENTICATOR_APP"
    service("PATCH", "/v1/users/u", {"defaultVerificationMethod": "SMS"})
    assert service.track("u", "look")["enrolledVerificationMethods"] == ["SMS", "AUTHENTICATOR_APP"]


def test_authenticators_are_listed_and_removed(service):
    factor = service.enrol("u")["authenticator"]
    path = "/v1/users/u/authenticators"
    assert service("GET", path).json() == [factor]
    assert service("DELETE", f"{path}/{factor['userAuthenticatorId']}").json() == {"success": True}
    assert service("DELETE", f"{path}/{factor['userAuthenticatorId']}").status_code == 404
    assert service("GET", path).json() == []


def challenge(service, **payload):
    payload = {"verificationMethod": "SMS", "action": "signIn", "phoneNumber": "+64271234567", **payload}
    return service("POST", "/v1/challenge", payload).json()


def verify(service, challenge_id, code="123456"):
    return service("POST", "/v1/verify", {"challengeId": challenge_id, "verificationCode": code}).json()


def test_headless_challenge_is_verified_and_claimed(service, clock):
    started = challenge(service)
    assert started["expiresAt"] == int(clock.now) + 600
    verified = verify(service, started["challengeId"])
    assert verified == {"isVerified": True, "verificationMethod": "SMS", "phoneNumber": "+64271234567"}
    claimed = service("POST", "/v1/claim", {"challengeId": started["challengeId"], "userId": "u"}).json()
    validation = service.validate(claimed["token"], userId="u", action="signIn")
    assert (validation["isValid"], validation["state"]) == (True, "CHALLENGE_SUCCEEDED")
    assert validation["idempotencyKey"] == started["idempotencyKey"]


def test_claim_needs_verification_unless_skipped(service):
    body = {"challengeId": challenge(service)["challengeId"], "userId": "u"}
    assert service("POST", "/v1/claim", body).status_code == 400
    assert service("POST", "/v1/claim", {"challengeId": body["challengeId"]}).status_code == 400
    skipped = service("POST", "/v1/claim", {**body, "skipVerificationCheck": True}).json()
    assert service.validate(skipped["token"])["state"] == "CHALLENGE_REQUIRED"
    verify(service, body["challengeId"])
    assert service.validate(skipped["token"])["state"] == "CHALLENGE_SUCCEEDED"


def test_wrong_codes_run_out(service):
    challenge_id = challenge(service)["challengeId"]
    reasons = [verify(service, challenge_id, "000000")["failureReason"] for _ in range(11)]
    assert reasons == ["CODE_INVALID_OR_EXPIRED"] * 10 + ["MAX_ATTEMPTS_EXCEEDED"]
    assert not verify(service, challenge_id)["isVerified"]


def test_expired_challenge_is_not_verified_and_not_found(service, clock):
    challenge_id = challenge(service)["challengeId"]
    assert service("GET", "/v1/challenges", params={"challengeId": challenge_id}).json()["action"] == "signIn"
    clock.now += 601
    assert verify(service, challenge_id)["failureReason"] == "CODE_INVALID_OR_EXPIRED"
    assert service("GET", "/v1/challenges", params={"challengeId": challenge_id}).json() == {}


def test_sending_again_keeps_challenge_and_key(service):
    started = challenge(service, userId="u", idempotencyKey="k")
    again = challenge(service, challengeId=started["challengeId"])
    assert (again["challengeId"], again["idempotencyKey"]) == (started["challengeId"], "k")


@pytest.mark.parametrize("payload", [{}, {"verificationMethod": "PASSKEY"}, {"action": "a b"}, {"action": None}])
def test_bad_headless_challenge_is_refused(service, payload):
    body = {"verificationMethod": "SMS", "action": "signIn", **payload} if payload else {}
    assert service("POST", "/v1/challenge", body).status_code == 400


def test_unknown_challenge_is_404(service):
    assert service("POST", "/v1/verify", {"challengeId": "x", "verificationCode": "1"}).status_code == 404
