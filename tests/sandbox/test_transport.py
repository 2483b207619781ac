"""How requests reach the sandbox: prefixes, raw paths, credentials, bodies, errors."""

import http.client
import json
import socket

import pytest
import requests

UNAUTHORIZED = "The request is unauthorized. Check that your API key and region base URL are correctly configured."


@pytest.mark.parametrize("prefix", ["/v1", "", "/v1/v1", "//v1/", "/v1//"])
def test_prefixes_of_every_sdk_reach_the_same_endpoint(service, prefix):
    answer = service("GET", f"{prefix}/users/u")
    assert (answer.status_code, answer.json()["isEnrolled"]) == (200, False)


@pytest.mark.parametrize(
    ("raw", "user"),
    [("a%2Fb", "a/b"), ("a+b", "a+b"), ("python:1", "python:1"), ("zo%C3%AB", "zoë"), ("%252F", "%2F"), ("v1", "v1")],
)
def test_raw_path_is_split_before_it_is_decoded(service, store, raw, user):
    service("PATCH", f"/v1/users/{raw}", {"displayName": "Someone"})
    assert [known.id for known in store.users()] == [user]


def test_dots_sent_raw_stay_one_segment(server, service, store):
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=5)
    prepared = requests.Request("PATCH", server.url, auth=service.session.auth).prepare()
    connection.request("PATCH", "/v1/users/..", body="{}", headers=dict(prepared.headers))
    assert connection.getresponse().status == 200
    connection.close()
    assert [known.id for known in store.users()] == [".."]


def test_answers_are_exactly_application_json(service):
    assert service("GET", "/v1/users/u").headers["Content-Type"] == "application/json"
    assert service("GET", "/v1/nowhere").headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("auth", [None, ("sandbox_other", ""), ("", "")])
def test_wrong_key_is_refused_before_path_and_body(service, auth):
    session_auth, service.session.auth = service.session.auth, auth
    answer = service("POST", "/v1/%00/nowhere", data="{broken")
    assert answer.status_code == 401
    assert answer.json() == {
        "error": "unauthorized",
        "errorCode": "unauthorized",
        "errorDescription": UNAUTHORIZED,
        "message": UNAUTHORIZED,
    }
    assert session_auth


@pytest.mark.parametrize("header", ["Basic", "Basic %%%", "Basic Zm9v", "Bearer abc", "Basic ÿ"])
def test_malformed_credentials_are_unauthorized(service, header):
    service.session.auth = None
    assert service("GET", "/v1/users/u", headers={"Authorization": header.encode("latin-1")}).status_code == 401


@pytest.mark.parametrize("body", ["", "null", "{}", '{"custom": null, "snake_case": 1}'])
def test_empty_bodies_nulls_and_unknown_members_are_accepted(service, body):
    answer = service("POST", "/v1/users/u/actions/look", data=body)
    assert (answer.status_code, answer.json()["state"]) == (200, "ALLOW")


@pytest.mark.parametrize(
    "body", ["{", "[]", '"text"', '{"custom": []}', '{"email": 5}', '{"redirectToSettings": "yes"}', "\xff", "[" * 9999]
)
def test_bad_bodies_are_invalid_requests(service, body):
    answer = service("POST", "/v1/users/u/actions/look", data=body.encode("latin-1"))
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "invalid_request")


def test_body_beyond_the_limit_is_an_invalid_request(service):
    assert service("POST", "/v1/users/u/actions/look", data=b" " * 3_000_000).status_code == 400


def test_unrouted_path_says_not_found(service):
    answer = service("DELETE", "/v1/validate")
    assert (answer.status_code, answer.json()["message"]) == (404, "Not Found")


def test_batch_enrolment_is_not_taken_for_a_user(service, store):
    assert service("POST", "/v1/users/authenticators", {"authenticators": []}).status_code == 404
    assert list(store.users()) == []


def test_connection_is_kept_open(service, server):
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=5)
    for _ in range(2):
        connection.request("GET", "/v1/users/u")
        answer = connection.getresponse()
        assert json.loads(answer.read())["errorCode"] == "unauthorized"
        assert not answer.will_close
    connection.close()


def test_other_requests_are_served_while_one_stalls(service, server):
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as stalled:
        stalled.sendall(b"POST /v1/validate HTTP/1.1\r\nHost: x\r\nContent-Length: 32\r\n\r\n{")
        assert service("GET", "/v1/users/u").status_code == 200


def test_log_holds_method_raw_path_query_payload_and_status(service, store):
    service("POST", "/v1/users/a%2Fb/actions/pay", {"custom": {"amount": 5}})
    service("GET", "/v1/users/x", params={"redirectUrl": "javascript:1"})
    first, second = store.journal.requests
    assert (first.method, first.path, first.status) == ("POST", "/v1/users/a%2Fb/actions/pay", 200)
    assert first.payload == {"custom": {"amount": 5}}
    assert first.segments == ("users", "a/b", "actions", "pay")
    assert (dict(second.query), second.payload, second.status) == ({"redirectUrl": "javascript:1"}, {}, 400)


def test_scripted_faults_come_first_and_run_out(service, store):
    store.journal.fail_next(503, times=2, code="unavailable", headers={"Retry-After": "7"})
    service.session.auth = None
    answers = [service("GET", "/v1/users/u") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 503, 401]
    assert answers[0].headers["Retry-After"] == "7"
    assert answers[0].json()["errorCode"] == "unavailable"
