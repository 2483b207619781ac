"""What is genuine is read; everything else is 400 before a single query (T55, A32).

None of the refusals has the database fixture: a query would fail the test.
"""

from __future__ import annotations

import base64
import json
import time

import pytest
from django.test import RequestFactory

from django_authsignal.client.signature import HEADER, sign
from django_authsignal.webhook import webhook
from tests.client.test_signature import NEW, OLD, P1, P2, P3, P4, T1, T2, VECTORS

from .events import batch, encoded, event, post, signed

BODY = encoded(event("x.y", {}))
LIVE_SETTINGS = {"AUTHSIGNAL_SECRET": NEW, "AUTHSIGNAL_API_URL": "https://api.authsignal.com/v1"}


@pytest.fixture
def live(settings):
    """The vectors' tenant."""
    for name, value in LIVE_SETTINGS.items():
        setattr(settings, name, value)
    return settings


@pytest.fixture
def at(time_machine):
    return lambda moment: time_machine.move_to(moment, tick=False)


@pytest.mark.parametrize(("body", "timestamp", "secret", "signature"), VECTORS)
def test_vector_is_accepted(db, live, at, received, body, timestamp, secret, signature):
    at(timestamp)
    live.AUTHSIGNAL_SECRET = secret
    assert post(body, header=f"t={timestamp},v2={signature}").status_code == 200
    assert [said["event"].data["to"] for said in received] == ([] if body == P4 else [json.loads(body)["data"]["to"]])


@pytest.mark.parametrize(("mine", "fallbacks"), [(NEW, [OLD]), (OLD, [NEW]), ("other", [NEW, OLD]), (NEW, [])])
def test_rotation_vector_with_two_signatures_is_accepted(db, live, at, received, mine, fallbacks):  # T55 A33
    at(T2)
    live.AUTHSIGNAL_SECRET, live.AUTHSIGNAL_SECRET_FALLBACKS = mine, fallbacks
    both = f"t={T2},v2={VECTORS[1][3]},v2={VECTORS[2][3]}"
    assert post(P2, header=both).status_code == 200
    assert len(received) == 1


@pytest.mark.parametrize("fallbacks", [[], ["other"]])
def test_signature_by_a_retired_secret_is_refused(live, at, fallbacks):
    at(T2)
    live.AUTHSIGNAL_SECRET_FALLBACKS = fallbacks
    assert post(P2, header=f"t={T2},v2={VECTORS[2][3]}").status_code == 400


@pytest.mark.parametrize("body", [P1, P2, P3, P4])
def test_vector_of_last_year_is_too_old_now(live, body):  # A32
    assert post(body, header=sign(body, NEW, T1)).json() == {"error": "the timestamp is outside the tolerance"}


def test_the_services_own_headers_get_as_far_as_the_comparison(live, at):
    at(T1)
    header = f"t={T1},v2=NwFcIT68pK7g+m365Jj4euXj/ke3GSnkTpMPcRVi5q4"
    assert post(P1, header=header).json() == {"error": "no signature matches"}


# SIGNATURE stands for the right one of BODY at this time, TIME for this time.
HEADERS = {
    "missing": "",
    "empty parts": ",,,",
    "no name": "=",
    "only a time": "t=TIME",
    "only a signature": "v2=SIGNATURE",
    "empty time": "t=,v2=SIGNATURE",
    "time in words": "t=abc,v2=SIGNATURE",
    "time with a sign": "t=+TIME,v2=SIGNATURE",
    "time with a point": "t=TIME.0,v2=SIGNATURE",
    "time in other digits": "t=١٧٤٠٠١٦٣١٦,v2=SIGNATURE",
    "time of 13 digits": "t=1740016316000,v2=SIGNATURE",
    "time of 5,000 digits": "t=" + "9" * 4000 + ",v2=SIGNATURE",
    "two times": "t=TIME,t=TIME,v2=SIGNATURE",
    "two different times": "t=1,t=TIME,v2=SIGNATURE",
    "other version only": "t=TIME,v1=SIGNATURE",
    "capital letter": "T=TIME,V2=SIGNATURE",
    "empty signature": "t=TIME,v2=",
    "half a signature": "t=TIME,v2=HALF",
    "signature with padding": "t=TIME,v2=SIGNATURE=",
    "signature in another alphabet": "t=TIME,v2=URLSAFE-_",
    "signature outside ASCII": "t=TIME,v2=\xe9\xff",
    "semicolon": "t=TIME;v2=SIGNATURE",
    "eleven signatures": "t=TIME" + ",v2=SIGNATURE" * 11,
    "too long": "t=TIME,v2=SIGNATURE,v3=" + "x" * 4096,
    "signed a moment before": "t=EARLIER,v2=SIGNATURE",
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS.keys())
def test_header_that_is_not_exactly_right_is_refused(header):  # T55 A32
    right = signed(BODY)
    timestamp, signature = right.removeprefix("t=").split(",v2=")
    for name, value in {"TIME": timestamp, "EARLIER": str(int(timestamp) - 1), "HALF": signature[:20]}.items():
        header = header.replace(name, value)
    header = header.replace("URLSAFE", signature[:-2]).replace("SIGNATURE", signature)
    # Not through the test client, which would encode what is not Latin-1.
    request = RequestFactory().post("/", BODY, content_type="application/json")
    if header:
        request.META["HTTP_X_SIGNATURE_V2"] = header
    assert webhook(request).status_code == 400


@pytest.mark.parametrize("shift", [-301, 301, -86_400, 86_400])
def test_time_outside_the_tolerance_is_refused_in_both_directions(at, shift):  # A32
    at(T1)
    assert post(BODY, header=signed(BODY, at=T1 + shift)).status_code == 400


@pytest.mark.parametrize("shift", [-300, 0, 300])
def test_time_at_the_edge_of_the_tolerance_is_accepted(db, at, shift):
    at(T1)
    assert post(BODY, header=signed(BODY, at=T1 + shift)).status_code == 200


def test_tolerance_is_a_setting(db, settings, at):
    at(T1)
    settings.AUTHSIGNAL_WEBHOOK_TOLERANCE = 10
    assert post(BODY, header=signed(BODY, at=T1 - 11)).status_code == 400
    assert post(BODY, header=signed(BODY, at=T1 - 10)).status_code == 200


@pytest.mark.parametrize("changed", [BODY + b" ", BODY[:-1], BODY.replace(b"x.y", b"x.z"), b"", BODY * 2])
def test_body_that_was_changed_on_the_way_is_refused(changed):  # T55
    assert post(changed, header=signed(BODY)).status_code == 400


@pytest.mark.parametrize("secret", ["another", "sandbox_tes", "sandbox_test "])
def test_another_secret_is_refused(secret):
    assert post(BODY, header=signed(BODY, secret=secret)).status_code == 400


def test_extra_parts_and_spaces_are_no_harm(db):
    right = signed(BODY).replace(",", " , ") + ",v3=later,"
    assert post(BODY, header=right).status_code == 200


UNREADABLE = {
    "nothing": b"",
    "no JSON": b"code=1",
    "null": b"null",
    "number": b"1",
    "list": b"[]",
    "text": b'"x"',
    "empty object": b"{}",
    "two values": b"{}{}",
    "not UTF-8": b'{"id": "\xff"}',
    "UTF-16": BODY.decode().encode("utf-16"),
    "NaN": BODY.replace(b'"data": {}', b'"data": {"a": NaN}'),
    "member twice": BODY.replace(b'{"version"', b'{"id": "1", "version"'),
    "deep list": b"[" * 100_000,
    "deep object": b'{"data":' * 100_000,
    "number of 5,000 digits": b'{"version": ' + b"9" * 5000 + b"}",
    "records no list": b'{"records": {}}',
    "records null": b'{"records": null}',
    "id missing": encoded(event("x", {}, id=None)),
    "id empty": encoded(event("x", {}, id="")),
    "id too long": encoded(event("x", {}, id="1" * 65)),
    "id of megabytes": encoded(event("x", {}, id="1" * 3_000_000)),
    "id with NUL": encoded(event("x", {}, id="a\0")),
    "id with a line end": encoded(event("x", {}, id="a\nb")),
    "id a number": encoded(event("x", {}, id=7)),
    "type missing": encoded(event(None, {})),
    "type a list": encoded(event([], {})),
    "type too long": encoded(event("x" * 65, {})),
    "tenant a number": encoded(event("x", {}, tenantId=7)),
    "tenant with NUL": encoded(event("x", {}, tenantId="\0")),
    "data a list": encoded(event("x", [])),
    "data a text": encoded(event("x", "code")),
    "time missing": encoded(event("x", {}, time=None)),
    "time a number": encoded(event("x", {}, time=1740016316)),
    "time in words": encoded(event("x", {}, time="yesterday")),
    "time without offset": encoded(event("x", {}, time="2026-01-05T12:00:00")),
    "time in the year 1": encoded(event("x", {}, time="0001-01-01T00:00:00+14:00")),
    "time in the year 9999": encoded(event("x", {}, time="9999-12-31T23:59:59-14:00")),
    "time of year 10000": encoded(event("x", {}, time="10000-01-01T00:00:00Z")),
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_genuine_body_that_is_no_webhook_is_refused_without_a_query(body, received):  # T55
    response = post(body)
    assert (response.status_code, received) == (400, [])
    assert len(response.content) < 200


def test_refusal_names_members_and_no_values():
    reason = post(event("x", {}, id="a-value\n")).json()["error"]
    assert reason.endswith("id is empty, too long or not printable")
    assert "a-value" not in reason


@pytest.mark.parametrize("tenant", ["other", "", None])
def test_event_of_another_tenant_is_refused_without_a_query(settings, tenant):  # A32
    settings.AUTHSIGNAL_TENANT_ID = "mine"
    stray, mine = event("x", {}, tenantId=tenant), event("x", {}, tenantId="mine")
    for delivery in (stray, batch(stray), batch(mine, stray)):
        assert post(delivery).status_code == 400


def test_event_of_our_tenant_is_accepted(db, settings):
    settings.AUTHSIGNAL_TENANT_ID = "mine"
    assert post(event("x", {}, tenantId="mine")).status_code == 200


def test_comparison_reads_base64_by_its_text_only(at):
    """Of 43 characters the last holds 4 bits: three other letters decode to the same bytes, and are refused."""
    timestamp, signature = signed(BODY).removeprefix("t=").split(",v2=")
    meant = base64.b64decode(signature + "=")
    twins = [signature[:-1] + chr(code) for code in range(48, 123) if chr(code).isalnum()]
    twins = [twin for twin in twins if twin != signature and base64.b64decode(twin + "=") == meant]
    assert twins
    for twin in twins:
        assert post(BODY, header=f"t={timestamp},v2={twin}").status_code == 400


def test_header_is_named_as_the_service_names_it(db):
    assert HEADER == "X-Signature-V2"
    assert abs(int(signed(BODY)[2:].split(",")[0]) - time.time()) < 5
