"""What the sandbox tells the application: the envelopes, their signatures, who is waited for, what is sent again."""

import re
import threading
import time
import uuid

import pytest
import requests
from django.core.management import CommandError, call_command
from django.test import override_settings

from django_authsignal.client import InvalidSignature
from django_authsignal.client.signature import verify
from django_authsignal.client.webhooks import read
from django_authsignal.sandbox.sending import Sender, signed
from django_authsignal.sandbox.server import SandboxServer
from django_authsignal.sandbox.store import Store
from django_authsignal.sandbox.webhooks import MAX_LOGS, Webhooks

from .conftest import SECRET, read_until
from .receiver import Receiver

BACK = "http://localhost:8000/back/"
NOW = "2027-01-15T08:00:00.250Z"


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def told(store, receiver, server):
    """The store, which tells *receiver* without long pauses."""
    store.send_webhooks(receiver.url, pause=0.02)
    return store


@pytest.fixture
def challenge(service, told, receiver):
    """A challenged action; what was told on the way to it is forgotten."""
    service.enrol("u", phoneNumber="+64271234567")
    assert receiver.next().type == "authenticator.created"
    return service.track("u", "pay", idempotencyKey="k", redirectUrl=BACK)


def answer(challenge, **form):
    return requests.post(
        challenge["url"], data=form or {"do": "verify", "code": "123456"}, timeout=5, allow_redirects=False
    )


def state(store, action="pay", key="k"):
    return store.action("u", action, key).state


def test_envelope_is_the_services(challenge, told, receiver):
    answer(challenge)

    received = receiver.next()

    assert received.path == "/hooks/?from=sandbox"
    assert received.headers["Content-Type"] == "application/json"
    message = received.message
    assert uuid.UUID(message.pop("id")).version == 4
    assert message == {
        "version": 1,
        "source": "https://authsignal.com",
        "time": NOW,
        "tenantId": told.tenant_id,
        "type": "action.verify",
        "data": {
            "userId": "u",
            "action": "pay",
            "idempotencyKey": "k",
            "verifiedAt": NOW,
            "state": "CHALLENGE_SUCCEEDED",
            "verificationMethod": "SMS",
            "userAuthenticatorId": told.user("u").authenticators[0].id,
        },
    }


def test_every_webhook_is_signed_with_every_active_secret(challenge, told, receiver, clock):
    """As during the rotation of a key; the verification is the client's own, which shares no code with this."""
    told.webhooks.sender.secrets = (SECRET, "sandbox_next")

    answer(challenge)

    received = receiver.next()
    header = received.headers["X-Signature-V2"]
    assert re.fullmatch(r"t=1800000000,v2=[\w+/]{43},v2=[\w+/]{43}", header, re.ASCII)
    for secret in (SECRET, "sandbox_next"):
        verify(received.body, header, [secret], clock())
    with pytest.raises(InvalidSignature):
        verify(received.body, header, ["sandbox_other"], clock())


def test_text_of_any_language_is_signed_as_it_is_sent(service, told, receiver, clock):
    service.enrol("zo%C3%AB%2F1", verificationMethod="EMAIL_OTP", email="zoë@example.com")

    received = receiver.next()

    assert "zoë/1".encode() in received.body
    verify(received.body, received.headers["X-Signature-V2"], [SECRET], clock())


@pytest.mark.parametrize(
    ("body", "t", "secret", "expected"),
    [
        (b'{"records":[]}', 1740016316, "test-secret-key-123", "PZMmnvqxzTWyuv5N7mDXDxwiy+g2XCYEroXhf9ceZ2g"),
        (
            '{"version":1,"id":"11111111-1111-4111-8111-111111111111","source":"https://authsignal.com",'
            '"time":"2025-02-20T01:51:56.070Z","tenantId":"7752d28e-e627-4b1b-bb81-b45d68d617bc","type":"sms.created",'
            '"data":{"to":"+64270000000","code":"000042","userId":"zoë/1","actionCode":"pay","idempotencyKey":"k-1"}}'
            "".encode(),
            1740016316,
            "test-secret-key-123",
            "Lxa4FIWKRTDTqHwL5LTkar2z0V5kmyXSIsKQPUvGyIk",
        ),
    ],
    ids=["batch", "message"],
)
def test_signature_is_that_of_the_published_vectors(body, t, secret, expected):
    assert signed(body, [secret], t + 0.9) == f"t={t},v2={expected}"


# action.verify


def test_challenge_succeeds_once_the_application_agrees(challenge, told, receiver):
    seen = []
    receiver.ask = lambda received: seen.append(state(told))

    back = answer(challenge)

    assert seen[0] == "CHALLENGE_REQUIRED"
    assert (back.status_code, state(told)) == (303, "CHALLENGE_SUCCEEDED")


@pytest.mark.parametrize("status", [302, 307, 400, 409, 500, 503])
def test_challenge_does_not_succeed_against_the_application(challenge, told, receiver, status):
    """A redirect is no yes, and is not followed."""
    receiver.answers["action.verify"] = [status]

    page = answer(challenge)

    assert (page.status_code, state(told)) == (409, "CHALLENGE_REQUIRED")
    assert "Your application refused it" in page.text
    assert "Set-Cookie" not in page.headers
    assert receiver.next().type == "action.verify"
    assert receiver.is_quiet
    assert answer(challenge, do="quit").headers["Location"].startswith(BACK)


def test_user_may_try_again_after_the_application_has_recovered(challenge, told, receiver):
    receiver.answers["action.verify"] = [503]
    assert answer(challenge).status_code == 409
    assert answer(challenge).status_code == 303
    assert state(told) == "CHALLENGE_SUCCEEDED"


def test_application_that_does_not_answer_in_time_has_refused(challenge, told, receiver):
    go = threading.Event()
    receiver.ask = lambda received: go.wait(5)
    told.webhooks.sender.timeout = 0.05
    try:
        assert (answer(challenge).status_code, state(told)) == (409, "CHALLENGE_REQUIRED")
    finally:
        go.set()


def test_application_that_is_not_there_has_refused(store, service):
    service.enrol("u")
    challenge = service.track("u", "pay", idempotencyKey="k")
    with Receiver() as gone:
        pass
    store.send_webhooks(gone.url)
    assert (answer(challenge).status_code, state(store)) == (409, "CHALLENGE_REQUIRED")


def test_application_may_ask_the_sandbox_before_it_answers(challenge, service, told, receiver):
    """Nothing is locked while the sandbox waits."""
    asked = []

    def ask(received):
        if received.type == "action.verify":
            asked.append(service("GET", "/v1/users/u/actions/pay/k").json()["state"])

    receiver.ask = ask
    assert answer(challenge).status_code == 303
    assert asked == ["CHALLENGE_REQUIRED"]


def test_wrong_code_and_failure_ask_nobody(challenge, told, receiver):
    answer(challenge, do="verify", code="000000")
    answer(challenge, do="fail")
    assert state(told) == "CHALLENGE_FAILED"
    assert receiver.next().type == "batch"


@pytest.mark.parametrize("status", [200, 409])
def test_headless_challenge_asks_too(service, told, receiver, status):
    started = service(
        "POST",
        "/v1/challenge",
        {"verificationMethod": "SMS", "action": "pay", "idempotencyKey": "k", "userId": "u", "phoneNumber": "+6427"},
    ).json()
    receiver.answers["action.verify"] = [status]

    tried = service("POST", "/v1/verify", {"challengeId": started["challengeId"], "verificationCode": "123456"})

    assert (tried.status_code, state(told) == "CHALLENGE_SUCCEEDED") == ((200, True) if status == 200 else (400, False))


# Messages


@pytest.fixture
def sending(told):
    told.webhooks.sends_messages = True
    return told


@pytest.mark.parametrize(
    ("method", "factor", "kind", "data"),
    [
        ("SMS", {"phoneNumber": "+64271234567"}, "sms.created", {"to": "+64271234567"}),
        ("EMAIL_OTP", {"email": "a@b.nz"}, "email.created", {"to": "a@b.nz", "verificationMethod": "EMAIL_OTP"}),
    ],
)
def test_page_leaves_the_sending_of_its_code_to_the_application(service, sending, receiver, method, factor, kind, data):
    service.enrol("u", verificationMethod=method, **factor)
    receiver.next()
    challenge = service.track("u", "pay", idempotencyKey="k")

    assert requests.get(challenge["url"], timeout=5).status_code == 200

    received = receiver.next()
    assert received.type == kind
    known = {"userId": "u", "actionCode": "pay", "idempotencyKey": "k", "code": "123456"}
    assert received.message["data"] == known | data


def test_challenge_does_not_start_when_its_code_was_not_sent(challenge, sending, receiver):
    receiver.answers["sms.created"] = [503]
    page = requests.get(challenge["url"], timeout=5)
    assert (page.status_code, "No code was sent" in page.text, "123456" in page.text) == (502, True, False)
    assert requests.get(challenge["url"], timeout=5).status_code == 200


def test_headless_challenge_does_not_start_when_its_code_was_not_sent(service, sending, receiver):
    receiver.answers["email.created"] = [500]
    given = {"verificationMethod": "EMAIL_OTP", "action": "signIn", "email": "a@b.nz"}
    assert service("POST", "/v1/challenge", given).status_code == 400
    assert service("GET", "/v1/challenges?action=signIn").json() == {}
    assert service("POST", "/v1/challenge", given).status_code == 200


def test_codes_stay_with_the_sandbox_by_default(challenge, told, receiver):
    told.code = "987000"
    assert requests.get(challenge["url"], timeout=5).status_code == 200
    received = receiver.next()
    assert [record["type"] for record in received.message["records"]] == ["challenge.log_created"]
    assert b"987000" not in received.body


def test_factor_that_needs_no_message_sends_none(service, sending, receiver):
    service.enrol("u", verificationMethod="AUTHENTICATOR_APP")
    receiver.next()
    challenge = service.track("u", "pay", idempotencyKey="k")
    assert requests.get(challenge["url"], timeout=5).status_code == 200
    assert (sending.webhooks.flush_logs(), receiver.next().message["records"][0]["type"]) == (
        True,
        "action.log_created",
    )
    assert receiver.is_quiet


# Authenticators


def test_application_hears_of_authenticators_from_the_api(service, told, receiver):
    enrolled = service.enrol("u", phoneNumber="+64271234567")["authenticator"]
    service("DELETE", f"/v1/users/u/authenticators/{enrolled['userAuthenticatorId']}")

    heard = sorted((receiver.next().message for _ in range(2)), key=lambda message: message["type"])

    facts = {
        "userId": "u",
        "verificationMethod": "SMS",
        "userAuthenticatorId": enrolled["userAuthenticatorId"],
        "createdAt": NOW,
        "phoneNumber": "+64271234567",
    }
    assert [(message["type"], message["data"]) for message in heard] == [
        ("authenticator.created", facts),
        ("authenticator.deleted", facts | {"deletedAt": NOW}),
    ]


def test_application_hears_of_authenticators_from_the_page(service, told, receiver):
    page = service("GET", "/v1/users/u").json()["url"]
    requests.post(page, data={"do": "enrol", "method": "EMAIL_OTP", "email": "a@b.nz"}, timeout=5)
    created = receiver.next().message
    known = {"do": "remove", "authenticator": created["data"]["userAuthenticatorId"]}
    requests.post(page, data=known, timeout=5)
    assert (created["type"], receiver.next().type) == ("authenticator.created", "authenticator.deleted")


def test_authenticator_that_is_enrolled_again_is_no_news(service, told, receiver):
    for _ in range(2):
        service.enrol("u", phoneNumber="+64271234567")
    service.enrol("v")
    assert {receiver.next().message["data"]["userId"] for _ in range(2)} == {"u", "v"}
    told.webhooks.close()
    assert receiver.is_quiet


def test_users_of_the_rules_file_are_no_news(receiver):
    factor = {"verificationMethod": "SMS", "phoneNumber": "+64271234567"}
    store = Store({"enrol_everyone": True, "users": [{"userId": "seeded", "authenticators": [factor]}]})
    store.send_webhooks(receiver.url)
    assert store.user("anybody").is_enrolled
    store.enrol("seeded", "EMAIL_OTP", {"email": "a@b.nz"})
    assert receiver.next().message["data"]["verificationMethod"] == "EMAIL_OTP"
    store.webhooks.close()
    assert receiver.is_quiet


@pytest.mark.parametrize(("refusals", "tries"), [(0, 1), (2, 3), (3, 4), (4, 4)])
def test_authenticator_event_is_sent_again_up_to_three_times(service, told, receiver, refusals, tries):
    receiver.answers["authenticator.created"] = [500] * refusals
    service.enrol("u")
    heard = [receiver.next().message for _ in range(tries)]
    receiver.answers["authenticator.created"] = [500] * 3
    service.enrol("v")
    # As many pauses later a further try would have come.
    heard += [receiver.next().message for _ in range(4)]

    users = [message["data"]["userId"] for message in heard]
    assert users == ["u"] * tries + ["v"] * 4
    assert len({message["id"] for message in heard}) == 2


def test_retry_is_signed_anew(service, told, receiver, clock):
    """Else it would be too old for the application before long."""

    def refuse_and_wait(received):
        clock.now += 600

    receiver.ask = refuse_and_wait
    receiver.answers["authenticator.created"] = [500]
    service.enrol("u")
    first, second = receiver.next(), receiver.next()
    assert first.body == second.body
    verify(second.body, second.headers["X-Signature-V2"], [SECRET], clock() - 600)
    with pytest.raises(InvalidSignature, match="tolerance"):
        verify(first.body, first.headers["X-Signature-V2"], [SECRET], clock() - 600)


# Logs


def records_of(received):
    return {record["type"]: record for record in received.message["records"]}


def test_ended_action_is_logged_in_a_batch(challenge, told, receiver):
    answer(challenge)
    assert receiver.next().type == "action.verify"

    received = receiver.next()

    record = records_of(received)["action.log_created"]
    assert (record["tenantId"], "data" in record) == (told.tenant_id, False)
    assert record["record"] == {
        "userId": "u",
        "actionCode": "pay",
        "idempotencyKey": "k",
        "createdAt": NOW,
        "updatedAt": NOW,
        "state": "CHALLENGE_SUCCEEDED",
        "stateUpdatedAt": NOW,
        "outcome": "CHALLENGE",
        "verificationMethod": "SMS",
    }
    assert [event.type for event in read(received.body).events] == ["action.log_created"]


@pytest.mark.parametrize(("action", "expected"), [("close", "BLOCK"), ("look", "ALLOW")])
def test_action_that_ends_at_once_is_logged(service, told, receiver, action, expected):
    service.track("u", action, idempotencyKey="k")
    record = records_of(receiver.next())["action.log_created"]["record"]
    assert (record["state"], record["outcome"]) == (expected, expected)


def test_open_action_is_logged_on_demand_only(challenge, service, told, receiver):
    service.track("u", "look")
    assert [record["record"]["actionCode"] for record in receiver.next().message["records"]] == ["look"]

    assert told.webhooks.flush_logs()
    record = records_of(receiver.next())["action.log_created"]["record"]
    assert (record["actionCode"], record["state"]) == ("pay", "CHALLENGE_REQUIRED")

    assert told.webhooks.flush_logs()
    assert receiver.is_quiet


def test_operator_who_sets_a_state_is_heard_and_the_outcome_stays(service, told, receiver):
    service.track("u", "refund", idempotencyKey="k")
    service("PATCH", "/v1/users/u/actions/refund/k", {"custom": {"note": "waits"}})
    service("PATCH", "/v1/users/u/actions/refund/k", {"state": "REVIEW_FAILED"})
    record = records_of(receiver.next())["action.log_created"]["record"]
    assert (record["state"], record["outcome"]) == ("REVIEW_FAILED", "REVIEW")


def test_values_are_text(challenge, told, receiver):
    """Two official SDKs read them as a map of text."""
    told.webhooks.pause = 60
    requests.get(challenge["url"], timeout=5)
    told.webhooks.flush_logs()
    records = records_of(receiver.next())
    assert {type(value) for record in records.values() for value in record["record"].values()} == {str}
    assert records["challenge.log_created"]["record"]["type"] == "SMS_SENT"


def test_batch_is_sent_until_it_is_accepted_with_the_same_ids(service, told, receiver):
    receiver.answers["batch"] = [500, 503]
    service.track("u", "look", idempotencyKey="k")
    ids = [[record["id"] for record in receiver.next().message["records"]] for _ in range(3)]
    assert ids[0] == ids[1] == ids[2]
    assert told.webhooks.flush_logs()
    assert receiver.is_quiet


def test_word_that_comes_while_a_batch_is_sent_is_sent_next(service, told, receiver):
    service.track("u", "refund", idempotencyKey="k")
    action = told.action("u", "refund", "k")
    receiver.ask = lambda received: told.update_action(action, only_from=["REVIEW_REQUIRED"], state="REVIEW_SUCCEEDED")
    assert told.webhooks.flush_logs()
    heard = [records_of(receiver.next())["action.log_created"] for _ in range(2)]
    assert [record["record"]["state"] for record in heard] == ["REVIEW_REQUIRED", "REVIEW_SUCCEEDED"]
    assert heard[0]["id"] != heard[1]["id"]


def test_batch_holds_500_records_at_most(told, receiver):
    told.webhooks.pause = 60
    for number in range(501):
        told.track("u", "pay", str(number))
    assert told.webhooks.flush_logs()
    sizes = [len(receiver.next().message["records"]) for _ in range(2)]
    assert sizes == [500, 1]


def test_logs_that_nobody_accepts_are_bounded(receiver):
    webhooks = Webhooks(Sender(receiver.url, [SECRET], lambda: 0), pause=60)
    for number in range(MAX_LOGS + 1):
        webhooks.starts_challenge("SMS", "+6427", "1", idempotencyKey=f"k{number}")
    assert webhooks.flush_logs()
    heard = [receiver.next().message["records"] for _ in range(MAX_LOGS // 500)]
    assert receiver.is_quiet
    assert heard[0][0]["record"]["idempotencyKey"] == "k1"
    webhooks.close()


# Where to


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/step-up/webhook/",
        "http://localhost.example.com/",
        "http://127.0.0.1@example.com/",
        "http://192.0.2.1/",
        "https://localhost/",
        "ftp://localhost/",
        "http:///webhook/",
        "localhost:8000",
        "http://localhost:99999/",
    ],
)
def test_secret_signs_for_this_machine_only(url):
    with pytest.raises(ValueError, match=r"this machine only|[Pp]ort"):
        Store().send_webhooks(url)


def test_without_a_url_nothing_is_sent_and_nothing_refused(service, store):
    service.enrol("u", phoneNumber="+64271234567")
    challenge = service.track("u", "pay", idempotencyKey="k")
    assert requests.get(challenge["url"], timeout=5).status_code == 200
    assert answer(challenge).status_code == 200
    assert state(store) == "CHALLENGE_SUCCEEDED"
    assert store.webhooks.flush_logs()


def test_nothing_is_sent_after_the_sandbox_has_ended(receiver):
    store = Store()
    with SandboxServer(store):
        store.send_webhooks(receiver.url, pause=60)
        store.track("u", "look", "k")
    store.enrol("u", "SMS", {})
    store.webhooks.close()  # waits for what is on its way
    assert receiver.is_quiet


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--webhook-url", "https://bank.example/webhook/"], "--webhook-url: .* this machine only"),
        (["--also-sign-with", "sandbox_old"], "need a --webhook-url"),
        (["--webhook-messages"], "need a --webhook-url"),
    ],
)
def test_command_refuses_webhooks_that_it_could_not_send(arguments, text):
    with override_settings(DEBUG=True), pytest.raises(CommandError, match=text):
        call_command("authsignal_sandbox", *arguments)


def test_command_sends_webhooks_signed_with_each_secret(command, receiver):
    process = command("--port", "18101", "--webhook-url", receiver.url, "--also-sign-with", "sandbox_old")
    printed = read_until(process, f"Webhooks go to {receiver.url}")
    url = next(line for line in printed.splitlines() if "AUTHSIGNAL_API_URL" in line).split('"')[1]
    requests.post(
        f"{url}/users/u/authenticators",
        json={"verificationMethod": "SMS"},
        auth=("sandbox_demo", ""),
        timeout=5,
    )

    received = receiver.next()
    for secret in ("sandbox_demo", "sandbox_old"):
        verify(received.body, received.headers["X-Signature-V2"], [secret], time.time())


def test_front_page_says_where_webhooks_go(told, server, receiver):
    assert f"Webhooks go to {receiver.url}" in requests.get(server.url, timeout=5).text
