"""T65: whatever fails, no variable of any frame and no text of any cause shows secret, header, token or address."""

import pickle
import traceback
from datetime import UTC, datetime
from pprint import pformat

import pytest

from django_authsignal.client import AuthsignalError, Client
from django_authsignal.client.signature import sign, verify

from .conftest import after, drip, hang_up, http, reset

SECRET = "s3cr3t/key+="
BASIC = "czNjcjN0L2tleSs9Og"
PRIVATE = [SECRET, BASIC, "t0ken", "alice@example.com", "+64270000000", "hush"]
HOSTED = "https://mfa.example/?token=t0ken"

FAULTS = {
    "refused": None,
    "reset": reset,
    "truncated": after(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"token":"t0ken"', hang_up),
    "slow": drip(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", 0.05),
    "garbage": http(b'{"token":"t0ken",,}'),
    "array": http(["t0ken"]),
    "unknown state": http({"state": "NEW", "token": "t0ken", "url": HOSTED, "error": "hush"}),
    "wrong types": http(
        {
            "state": "ALLOW",
            "isValid": "hush",
            "url": [HOSTED],
            "email": ["alice@example.com"],
            "users": "hush",
            "recoveryCodes": ["hush", 1],
        }
    ),
    "late member": http({"state": "ALLOW", "url": HOSTED, "token": "t0ken", "userAuthenticatorId": 1}),
    "late list": http({"authenticator": {"userAuthenticatorId": "a"}, "recoveryCodes": ["hush", 1]}),
    "redirect": http({"token": "t0ken"}, "302 There", Location=HOSTED),
    "unauthorized": http({"error": "hush", "message": "alice@example.com"}, "401 Who"),
    "rejected": http({"errorCode": "hush hush", "errorDescription": "alice@example.com"}, "400 Bad"),
    "busy": http({"token": "t0ken"}, "503 Busy"),
}
# Faults in members that not every call reads.
MISSED_BY_SOME = {"unknown state", "wrong types", "late member", "late list", "array"}
CALLS = [
    lambda client: client.track_action("u", "pay", {"email": "alice@example.com", "custom": {"x": "hush"}}),
    lambda client: client.validate_challenge("t0ken"),
    lambda client: client.query_users(email="alice@example.com", phone_number="+64270000000"),
    lambda client: client.enrol_authenticator("u", {"verificationMethod": "SMS", "phoneNumber": "+64270000000"}),
    lambda client: client.identify("u", {"email": "alice@example.com"}),
    lambda client: client.update_action("u", "pay", "k", "BLOCK", custom={"x": "hush"}),
    lambda client: client.call("POST", "claim", payload={"token": "t0ken"}, query={"email": "alice@example.com"}),
    lambda client: client.get_authenticators("u"),
]


def shown(error):
    """All that an error page could print: texts, notes and causes, and the variables of every frame but this file's."""
    texts, seen = [], set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        texts += [repr(error), str(error), pformat(vars(error)), *traceback.format_exception_only(error)]
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_filename != __file__:
                texts += [f"{name} = {pformat(value)}" for name, value in frame.f_locals.items()]
        error = error.__cause__ or error.__context__
    return "\n".join(texts)


def assert_nothing_private(error):
    text = shown(error)
    assert [private for private in PRIVATE if private in text] == []


def outcome(call, client):
    try:
        return call(client)
    except AuthsignalError as error:
        return error


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("fault", FAULTS)
def test_failed_call_shows_nothing_private(serve, closed_port, fault, call):
    url = serve(FAULTS[fault]).url if FAULTS[fault] else f"http://127.0.0.1:{closed_port}"
    error = outcome(call, Client(api_key=SECRET, api_url=url, timeout=0.15))
    if not isinstance(error, AuthsignalError):
        assert fault in MISSED_BY_SOME
        return
    assert_nothing_private(error)
    assert_nothing_private(pickle.loads(pickle.dumps(error)))
    assert error.__cause__ is error.__context__ is None


@pytest.mark.parametrize(
    "payload", [{"email": "alice@example.com", "custom": x} for x in (float("nan"), datetime.now(UTC))]
)
def test_payload_that_cannot_be_sent_shows_nothing_private(payload):
    client = Client(api_key=SECRET)
    with pytest.raises((ValueError, TypeError)) as caught:
        client.track_action("u", "pay", payload)
    assert_nothing_private(caught.value)


@pytest.mark.parametrize("options", [{"api_url": "ftp://x"}, {"timeout": 0}])
def test_client_that_cannot_be_made_shows_no_secret(options):
    with pytest.raises(ValueError, match="Authsignal|timeout") as caught:
        Client(SECRET, **options)
    assert_nothing_private(caught.value)


@pytest.mark.parametrize(
    ("header", "options"), [("t=1", {}), (None, {}), (sign(b"", "other", 5), {}), ("t=1", {"tolerance": 0})]
)
def test_refused_signature_shows_no_secret(header, options):
    with pytest.raises((AuthsignalError, ValueError)) as caught:
        verify(b"", header, [SECRET], now=5, **options)
    assert_nothing_private(caught.value)


def test_client_shows_no_secret():
    client = Client(api_key=SECRET)
    assert_nothing_private(ValueError(pformat([client, vars(client), vars(client._transport)])))
