"""What each method puts on the wire and makes of the answer; and the first SDK's documentation, snippet by snippet."""

import json
import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
import responses

import django_authsignal.client
from django_authsignal.client import Client, Rejected, Unauthorized, UnexpectedAnswer

URL = "https://api.authsignal.com/v1"
KEY = "0ae73782-d8c1-49bc-be75-09612a3b9d1c"


@pytest.fixture
def wire():
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def client():
    return Client(api_key="secret")


def sent(wire):
    """The one request: method, URL without the base, JSON body."""
    (call,) = wire.calls
    body = call.request.body
    return call.request.method, call.request.url.removeprefix(URL), body and json.loads(body)


# The SDK README's calls, with "django_authsignal.client" in place of "authsignal.client".


@pytest.fixture
def authsignal_client():
    return django_authsignal.client.Client(api_key="<SECRET API KEY HERE>")


@pytest.mark.parametrize("address", ["challengeUrl", "url"])
def test_readme_track_action(wire, authsignal_client, address):
    answer = {"state": "CHALLENGE_REQUIRED", "idempotencyKey": KEY, address: "https://mfa.example/?token=1"}
    wire.post(f"{URL}/users/python%3A1/actions/testPython", json=answer)
    authsignal_cookie = None
    payload = {
        "redirectUrl": "https://www.example.com/",
        "email": "test@python.com",
        "deviceId": authsignal_cookie,
        "userAgent": "Mozilla",
        "ipAddress": "192.0.2.1",
        "custom": {"yourOwnCustomBoolean": True, "yourOwnCustomString": "Blue", "yourOwnCustomDecimal": 100.00},
    }
    response = authsignal_client.track_action(user_id="python:1", action_code="testPython", payload=payload)
    match response["state"]:
        case django_authsignal.client.ALLOW | django_authsignal.client.BLOCK:
            outcome = None
        case django_authsignal.client.CHALLENGE_REQUIRED:
            outcome = response["challengeUrl"]
    assert outcome == "https://mfa.example/?token=1"
    body = sent(wire)[2]
    assert uuid.UUID(body.pop("idempotencyKey"))
    assert body == {name: value for name, value in payload.items() if name != "deviceId"}
    assert payload["deviceId"] is None  # the caller's own mapping stays as it was


def test_readme_get_action(wire, authsignal_client):
    wire.get(f"{URL}/users/1234/actions/signIn/{KEY}", json={"state": "CHALLENGE_SUCCEEDED"})
    response = authsignal_client.get_action(user_id="1234", action_code="signIn", idempotency_key=KEY)
    assert response["state"] == "CHALLENGE_SUCCEEDED"


def test_readme_get_user(wire, authsignal_client):
    wire.get(f"{URL}/users/1234", json={"isEnrolled": False, "url": "https://mfa.example/", "accessToken": "x"})
    response = authsignal_client.get_user(user_id="1234", redirect_url="http://www.yourapp.com/path-back")
    assert (response["isEnrolled"], response["url"]) == (False, "https://mfa.example/")
    assert sent(wire)[1] == "/users/1234?redirectUrl=http%3A%2F%2Fwww.yourapp.com%2Fpath-back"


def test_readme_identify(wire, authsignal_client):
    wire.patch(f"{URL}/users/python%3A1", json={"userId": "python:1", "email": "new@email.com"})
    response = authsignal_client.identify(user_id="python:1", user_payload={"email": "new@email.com"})
    assert response["userId"] == response.user_id == "python:1"
    assert sent(wire)[2] == {"email": "new@email.com"}


def test_readme_enrol_authenticator(wire, authsignal_client):
    wire.post(
        f"{URL}/users/1234/authenticators",
        json={"authenticator": {"userAuthenticatorId": "a", "oobChannel": "SMS"}, "recoveryCodes": ["x"]},
    )
    payload = {"oobChannel": "SMS", "phoneNumber": "+64277770770"}
    response = authsignal_client.enrol_authenticator(user_id="1234", authenticator_payload=payload)
    assert response["authenticator"]["userAuthenticatorId"] == response.authenticator.user_authenticator_id == "a"
    assert sent(wire)[2] == {"verificationMethod": "SMS", "phoneNumber": "+64277770770"}


def test_constants_are_the_wire_s_texts():
    names = ["ALLOW", "BLOCK", "CHALLENGE_REQUIRED", "CHALLENGE_SUCCEEDED", "CHALLENGE_FAILED"]
    names += ["REVIEW_REQUIRED", "REVIEW_SUCCEEDED", "REVIEW_FAILED"]
    assert [getattr(django_authsignal.client, name) for name in names] == names


# Beyond the README.


def test_request_carries_basic_auth_and_asks_for_plain_json(wire, client):
    wire.get(f"{URL}/users/u", json={})
    client.get_user("u")
    headers = wire.calls[0].request.headers
    assert headers["Authorization"] == "Basic c2VjcmV0Og=="
    assert (headers["Accept"], headers["Accept-Encoding"]) == ("application/json", "identity")
    assert headers["User-Agent"].startswith("django-authsignal/")
    assert "Content-Type" not in headers


def test_body_is_json_with_its_length(wire, client):
    wire.patch(f"{URL}/users/u", json={})
    client.identify("u", {"email": "ë@x.nz"})
    request = wire.calls[0].request
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Content-Length"] == str(len(request.body))


@pytest.mark.parametrize(("given", "key"), [(KEY, KEY), (uuid.UUID(KEY), KEY)])
def test_idempotency_key_of_the_caller_is_kept(wire, client, given, key):
    wire.post(f"{URL}/users/u/actions/pay", json={"state": "ALLOW", "idempotencyKey": key})
    assert client.track_action("u", "pay", {"idempotencyKey": given}).idempotency_key == key
    assert sent(wire)[2] == {"idempotencyKey": key}


@pytest.mark.parametrize("payload", [None, {}, {"idempotencyKey": None}, {"idempotencyKey": ""}])
def test_each_track_without_a_key_gets_a_fresh_one(wire, client, payload):
    wire.post(f"{URL}/users/u/actions/pay", json={"state": "ALLOW", "idempotencyKey": "k"})
    for _ in range(2):
        client.track_action("u", "pay", payload)
    first, second = (json.loads(call.request.body)["idempotencyKey"] for call in wire.calls)
    assert uuid.UUID(first) != uuid.UUID(second)


def test_update_action(wire, client):
    wire.patch(f"{URL}/users/u/actions/pay/{KEY}", json={"state": "BLOCK"})
    answer = client.update_action("u", "pay", uuid.UUID(KEY), "BLOCK", custom={"why": "x"})
    assert answer.state is django_authsignal.client.BLOCK
    assert sent(wire)[2] == {"state": "BLOCK", "custom": {"why": "x"}}


def test_update_to_a_state_that_is_none_is_refused(client):
    with pytest.raises(ValueError, match="DONE"):
        client.update_action("u", "pay", KEY, "DONE")


def test_query_user_actions(wire, client):
    wire.get(f"{URL}/users/u/actions", json=[{"actionCode": "pay", "idempotencyKey": "k", "state": "ALLOW"}])
    since = datetime(2025, 2, 20, 13, tzinfo=timezone(timedelta(hours=13)))
    (line,) = client.query_user_actions("u", codes=["pay", "signIn"], from_date=since, state="ALLOW")
    assert (line.action_code, line.idempotency_key, line.state) == ("pay", "k", "ALLOW")
    assert sent(wire)[1] == "/users/u/actions?codes=pay%2CsignIn&fromDate=2025-02-20T00%3A00%3A00.000Z&state=ALLOW"


def test_query_without_conditions_has_no_query(wire, client):
    wire.get(f"{URL}/users/u/actions", json=[])
    assert client.query_user_actions("u") == ()
    assert sent(wire)[1] == "/users/u/actions"


def test_naive_from_date_is_refused(client):
    with pytest.raises(ValueError, match="aware"):
        client.query_user_actions("u", from_date=datetime.now(UTC).replace(tzinfo=None))


def test_query_users(wire, client):
    wire.get(f"{URL}/users", json={"users": [{"userId": "u"}]})
    page = client.query_users(email="a+b@x.nz", limit=5, last_evaluated_user_id="t")
    assert [user.user_id for user in page.users] == ["u"]
    assert sent(wire)[1] == "/users?email=a%2Bb%40x.nz&limit=5&lastEvaluatedUserId=t"


@pytest.mark.parametrize(("actions", "query"), [(False, ""), (True, "?actions=true")])
@pytest.mark.parametrize("answer", [{"json": {"success": True}}, {"status": 204}])
def test_delete_user(wire, client, actions, query, answer):
    wire.delete(f"{URL}/users/u", **answer)
    assert client.delete_user("u", actions=actions) is None
    assert sent(wire)[:2] == ("DELETE", f"/users/u{query}")


@pytest.mark.parametrize("answer", [{"success": False}, {"success": "true"}, {"message": "later"}])
def test_deletion_that_is_not_confirmed_is_unexpected(wire, client, answer):
    wire.delete(f"{URL}/users/u", json=answer)
    with pytest.raises(UnexpectedAnswer, match="not confirmed"):
        client.delete_user("u")


def test_get_authenticators(wire, client):
    wire.get(f"{URL}/users/u/authenticators", json=[{"userAuthenticatorId": "a"}, {"userAuthenticatorId": "b"}])
    assert [one.user_authenticator_id for one in client.get_authenticators("u")] == ["a", "b"]


@pytest.mark.parametrize("answer", [{}, ["a"], [{}]])
def test_list_of_anything_else_is_unexpected(wire, client, answer):
    wire.get(f"{URL}/users/u/authenticators", json=answer)
    with pytest.raises(UnexpectedAnswer):
        client.get_authenticators("u")


def test_delete_authenticator(wire, client):
    wire.delete(f"{URL}/users/u/authenticators/a", json={"success": True})
    client.delete_authenticator("u", "a")
    assert sent(wire)[:2] == ("DELETE", "/users/u/authenticators/a")


def test_verification_method_wins_over_the_historic_channel(wire, client):
    wire.post(f"{URL}/users/u/authenticators", json={"authenticator": {"userAuthenticatorId": "a"}})
    client.enrol_authenticator("u", {"oobChannel": "SMS", "verificationMethod": "EMAIL_OTP"})
    assert sent(wire)[2] == {"verificationMethod": "EMAIL_OTP"}


def test_validate_challenge(wire, client):
    wire.post(
        f"{URL}/validate",
        json={"isValid": True, "state": "CHALLENGE_SUCCEEDED", "userId": "7", "action": "pay", "idempotencyKey": "k"},
    )
    answer = client.validate_challenge("t", user_id=7, action="pay")
    assert (answer.is_valid, answer.state, answer.user_id, answer.action) == (True, "CHALLENGE_SUCCEEDED", "7", "pay")
    assert sent(wire) == ("POST", "/validate", {"token": "t", "userId": "7", "action": "pay"})


def test_validate_sends_only_what_is_given(wire, client):
    wire.post(f"{URL}/validate", json={"isValid": False})
    assert client.validate_challenge("t").is_valid is False
    assert sent(wire)[2] == {"token": "t"}


def test_invalid_token_with_status_400_is_a_result(wire, client):
    wire.post(f"{URL}/validate", status=400, json={"isValid": False, "error": "User is invalid."})
    answer = client.validate_challenge("t", user_id="u")
    assert (answer.is_valid, answer.state, answer.error) == (False, None, "User is invalid.")


@pytest.mark.parametrize("body", ['{"isValid":true}', '{"isValid":"false"}', '{"error":"x"}', "[]", "<html>"])
def test_any_other_400_is_rejected(wire, client, body):
    """A valid result never comes with an error status."""
    wire.post(f"{URL}/validate", status=400, body=body)
    with pytest.raises(Rejected):
        client.validate_challenge("t")


@pytest.mark.parametrize("status", [401, 404, 422])
def test_invalid_with_another_status_is_an_error(wire, client, status):
    wire.post(f"{URL}/validate", status=status, json={"isValid": False})
    with pytest.raises((Unauthorized, Rejected)):
        client.validate_challenge("t")


@pytest.mark.parametrize("is_valid", ["true", 1, None, [True]])
def test_validity_of_another_type_is_unexpected(wire, client, is_valid):
    """F16"""
    wire.post(f"{URL}/validate", json={"isValid": is_valid, "state": "CHALLENGE_SUCCEEDED"})
    with pytest.raises(UnexpectedAnswer):
        client.validate_challenge("t")


@pytest.mark.parametrize("answer", [{"state": "NEW"}, {}, {"state": None}, {"state": ["ALLOW"]}, []])
@pytest.mark.parametrize("ask", [lambda c: c.track_action("u", "pay"), lambda c: c.get_action("u", "pay", "k")])
def test_decision_without_a_known_state_is_unexpected(wire, client, ask, answer):
    """F17"""
    wire.add(responses.POST, f"{URL}/users/u/actions/pay", json=answer)
    wire.add(responses.GET, f"{URL}/users/u/actions/pay/k", json=answer)
    wire.assert_all_requests_are_fired = False
    with pytest.raises(UnexpectedAnswer):
        ask(client)


def test_call_reaches_any_endpoint(wire, client):
    wire.post(f"{URL}/claim", json={"token": "t"})
    assert client.call("POST", "claim", payload={"challengeId": "c", "userId": "u", "skip": None}) == {"token": "t"}
    assert sent(wire) == ("POST", "/claim", {"challengeId": "c", "userId": "u"})


def test_call_returns_arrays_and_takes_a_query(wire, client):
    wire.get(f"{URL}/challenges", json=[1])
    assert client.call("GET", "challenges", query={"userId": "u", "action": None}) == [1]
    assert sent(wire)[1] == "/challenges?userId=u"


def test_call_without_payload_sends_no_body(wire, client):
    wire.post(f"{URL}/users/u/devices/d/invalidate", json={})
    assert client.call("POST", "users", "u", "devices", "d", "invalidate") == {}
    assert sent(wire)[2] is None


def test_error_names_the_route_without_ids(wire, client):
    wire.get(f"{URL}/users/alice/actions/pay/{KEY}", status=404, json={"errorCode": "not_found"})
    with pytest.raises(Rejected) as caught:
        client.get_action("alice", "pay", KEY)
    assert str(caught.value) == "GET /users/{}/actions/{}/{}: rejected with 404 not_found"


@pytest.mark.parametrize("url", ["https://au.api.authsignal.com", "https://au.api.authsignal.com/v1/"])
def test_region(wire, url):
    wire.get("https://au.api.authsignal.com/v1/users/u", json={})
    Client(api_key="secret", api_url=url).get_user("u")


def test_content_type_does_not_matter(wire, client):
    """F12"""
    wire.get(f"{URL}/users/u", body='{"isEnrolled": true}', content_type="text/plain; charset=latin-1")
    assert client.get_user("u").is_enrolled is True


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf")])
def test_timeout_must_be_a_positive_number(timeout):
    with pytest.raises(ValueError, match="timeout"):
        Client(api_key="secret", timeout=timeout)


def test_other_timeout_leaves_the_client_as_it_was(wire, client):
    wire.get(f"{URL}/users/u", json={})
    client.with_timeout(1.0).get_user("u")
    client.get_user("u")
    limits = [call.request.req_kwargs["timeout"] for call in wire.calls]
    assert limits[0] == (pytest.approx(1.0, abs=0.1), pytest.approx(1.0, abs=0.1))
    assert limits[1] == (2.0, 4.0)


def test_client_prints_its_url_only(client):
    assert repr(client) == f"<Client {URL}>"


def test_room_has_all_it_promises_and_nothing_else():
    room = django_authsignal.client
    assert all(hasattr(room, name) for name in room.__all__)
    with pytest.raises(AttributeError, match=r"module 'django_authsignal\.client' has no attribute 'Cleint'"):
        room.Cleint  # noqa: B018
