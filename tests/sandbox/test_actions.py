"""Track, get, update and query actions; validate."""

import base64
import json
from urllib.parse import parse_qs, urlsplit

import pytest


def test_action_without_rule_is_allowed_and_says_the_user_is_not_enrolled(service):
    answer = service.track("u", "look")
    assert (answer["state"], answer["isEnrolled"]) == ("ALLOW", False)
    assert answer["enrolledVerificationMethods"] == []
    assert "challengeUrl" not in answer
    assert answer["idempotencyKey"]


def test_challenge_needs_an_enrolled_user(service):
    assert service.track("u", "pay")["state"] == "ALLOW"
    service.enrol("u", phoneNumber="+64271234567")
    answer = service.track("u", "pay")
    assert (answer["state"], answer["isEnrolled"]) == ("CHALLENGE_REQUIRED", True)
    assert answer["challengeUrl"] == answer["url"]
    assert (answer["enrolledVerificationMethods"], answer["defaultVerificationMethod"]) == (["SMS"], "SMS")


@pytest.mark.parametrize(("action", "state"), [("close", "BLOCK"), ("refund", "REVIEW_REQUIRED")])
def test_block_and_review_need_no_enrolment(service, action, state):
    answer = service.track("u", action)
    assert answer["state"] == state
    assert answer["url"].startswith("http://")


def test_url_has_a_query_and_the_token_in_it(service, server):
    answer = service.track("u", "pay")
    url = urlsplit(answer["url"])
    assert answer["url"].startswith(server.url)
    assert parse_qs(url.query) == {"token": [answer["token"]]}


def test_token_holds_the_claims_that_old_sdks_read(service, server, clock, store):
    token = service.track("u", "pay", idempotencyKey="k")["token"]
    head, body, _ = (json.loads(_decode(part)) if place < 2 else "" for place, part in enumerate(token.split(".")))
    assert head == {"alg": "HS256", "typ": "JWT"}
    assert (body["sub"], body["iss"], body["iat"], body["exp"]) == (
        "u",
        f"{server.url}/v1",
        1_800_000_000,
        1_800_000_600,
    )
    assert body["aud"]
    assert body["scope"] == "read:authenticators"
    assert body["other"] == {
        "tenantId": store.tenant_id,
        "publishableKey": store.tenant_id,
        "userId": "u",
        "actionCode": "pay",
        "idempotencyKey": "k",
    }


def _decode(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_tracking_a_known_key_gives_the_known_action_with_a_fresh_token(service, store):
    first = service.track("u", "pay", idempotencyKey="k")
    service.enrol("u", phoneNumber="+64271234567")
    again = service.track("u", "pay", idempotencyKey="k")
    assert (first["state"], again["state"]) == ("ALLOW", "ALLOW")
    assert again["isEnrolled"]
    assert first["token"] != again["token"]
    assert len(store.actions("u")) == 1


def test_same_key_of_another_user_or_action_is_another_action(service):
    service.track("u", "close", idempotencyKey="k")
    assert service.track("v", "pay", idempotencyKey="k")["state"] == "ALLOW"
    assert service.track("u", "refund", idempotencyKey="k")["state"] == "REVIEW_REQUIRED"


def test_tracking_stores_the_profile(service):
    service.track("u", "look", email="a@b.nz", phoneNumber="+64271234567", username="ann")
    user = service("GET", "/v1/users/u").json()
    assert (user["email"], user["phoneNumber"], user["username"]) == ("a@b.nz", "+64271234567", "ann")


@pytest.mark.parametrize("code", ["a.b", "a%20b", "x" * 65, "%2F"])
def test_bad_action_code_is_refused(service, code):
    assert service("POST", f"/v1/users/u/actions/{code}", {}).status_code == 400


@pytest.mark.parametrize("url", ["javascript:alert(1)", "/local", "data:text/html,x", "http://"])
def test_redirect_url_must_be_absolute_http(service, url):
    assert service("POST", "/v1/users/u/actions/pay", {"redirectUrl": url}).status_code == 400


def test_get_action_shows_state_times_and_custom(service):
    service.track("u", "close", idempotencyKey="k", custom={"someKey": [1, {"a": None}]})
    action = service("GET", "/v1/users/u/actions/close/k").json()
    assert action == {
        "state": "BLOCK",
        "createdAt": "2027-01-15T08:00:00.250Z",
        "stateUpdatedAt": "2027-01-15T08:00:00.250Z",
        "output": {"custom": {"someKey": [1, {"a": None}]}},
        "ruleIds": [],
    }


def test_unknown_action_is_404_on_get_and_patch(service):
    assert service("GET", "/v1/users/u/actions/pay/k").status_code == 404
    assert service("PATCH", "/v1/users/u/actions/pay/k", {"state": "BLOCK"}).status_code == 404


def test_update_action_sets_state_and_merges_custom(service, clock):
    service.track("u", "refund", idempotencyKey="k", custom={"a": 1, "b": 1})
    clock.now += 60
    path = "/v1/users/u/actions/refund/k"
    answer = service("PATCH", path, {"state": "REVIEW_SUCCEEDED", "custom": {"b": 2}}).json()
    assert answer == service("GET", path).json()
    assert (answer["state"], answer["output"]["custom"]) == ("REVIEW_SUCCEEDED", {"a": 1, "b": 2})
    assert answer["createdAt"] < answer["stateUpdatedAt"]


def test_update_action_refuses_a_word_that_is_no_state(service):
    service.track("u", "refund", idempotencyKey="k")
    assert service("PATCH", "/v1/users/u/actions/refund/k", {"state": "CHALLENGE"}).status_code == 400


def test_query_actions_filters_by_code_state_and_date(service, clock):
    service.track("u", "close", idempotencyKey="1")
    clock.now += 3600
    service.track("u", "refund", idempotencyKey="2")
    service.track("u", "look", idempotencyKey="3")

    def keys(**query):
        return [entry["idempotencyKey"] for entry in service("GET", "/v1/users/u/actions", params=query).json()]

    assert keys() == ["3", "2", "1"]
    assert keys(codes="close,look") == ["3", "1"]
    assert keys(state="BLOCK") == ["1"]
    assert keys(fromDate="2027-01-15T08:30:00Z") == ["3", "2"]
    clock.now += 31 * 24 * 3600
    assert keys(fromDate="2000-01-01") == []
    assert service("GET", "/v1/users/u/actions", params={"fromDate": "soon"}).status_code == 400


def test_validate_of_a_passed_challenge(service, store):
    service.enrol("u")
    tracked = service.track("u", "pay", idempotencyKey="k")
    store.update_action(store.action("u", "pay", "k"), state="CHALLENGE_SUCCEEDED", method="SMS")
    assert service.validate(tracked["token"], userId="u", action="pay") == {
        "isValid": True,
        "state": "CHALLENGE_SUCCEEDED",
        "stateUpdatedAt": "2027-01-15T08:00:00.250Z",
        "userId": "u",
        "action": "pay",
        "actionCode": "pay",
        "idempotencyKey": "k",
        "verificationMethod": "SMS",
    }


def test_validate_of_an_open_challenge_is_not_valid_but_names_the_action(service):
    service.enrol("u")
    answer = service.validate(service.track("u", "pay", idempotencyKey="k")["token"])
    assert not answer["isValid"]
    assert (answer["state"], answer["userId"], answer["idempotencyKey"]) == ("CHALLENGE_REQUIRED", "u", "k")


def test_validate_of_an_allowed_action_is_valid(service):
    assert service.validate(service.track("u", "look")["token"])["isValid"]


def test_validate_says_which_check_failed(service):
    token = service.track("u", "look")["token"]
    assert service.validate(token, userId="v") == {"isValid": False, "error": "User is invalid."}
    assert service.validate(token, action="pay") == {"isValid": False, "error": "Action is invalid."}


@pytest.mark.parametrize("token", ["", "garbage", "a.b.c", "é.é.é", "\ud800"])
def test_validate_of_garbage_is_200_and_not_valid(service, token):
    answer = service("POST", "/v1/validate", {"token": token})
    assert (answer.status_code, answer.json()) == (200, {"isValid": False})


def test_validate_of_a_tampered_or_foreign_token_is_not_valid(service):
    token = service.track("u", "look")["token"]
    head, body, signature = token.split(".")
    forged = base64.urlsafe_b64encode(_decode(body).replace(b'"u"', b'"v"')).decode().rstrip("=")
    assert service.validate(f"{head}.{forged}.{signature}") == {"isValid": False}


def test_token_is_valid_until_its_lifetime_ends(service, clock):
    token = service.track("u", "look")["token"]
    clock.now += 599
    assert service.validate(token)["isValid"]
    clock.now += 1
    assert service.validate(token) == {"isValid": False}


def test_token_of_get_user_names_no_action_and_is_not_valid(service):
    assert service.validate(service("GET", "/v1/users/u").json()["accessToken"]) == {"isValid": False}
