"""Webhook signatures (T55). The vectors were accepted by the verification code of the official SDKs."""

import hashlib
import hmac
import os
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_authsignal.client.errors import InvalidSignature
from django_authsignal.client.signature import sign, verify

P1 = b'{"version":1,"id":"bc1598bc-e5d6-4c69-9afb-1a6fe3469d6e","source":"https://authsignal.com","time":"2025-02-20T01:51:56.070Z","tenantId":"7752d28e-e627-4b1b-bb81-b45d68d617bc","type":"email.created","data":{"to":"chris@authsignal.com","code":"157743","userId":"b9f74d36-fcfc-4efc-87f1-3664ab5a7fb0","actionCode":"accountRecovery","idempotencyKey":"ba8c1a7c-775d-4dff-9abe-be798b7b8bb9","verificationMethod":"EMAIL_OTP"}}'  # noqa: E501
P2 = b'{"version":1,"id":"af7be03c-ea8f-4739-b18e-8b48fcbe4e38","source":"https://authsignal.com","time":"2025-02-20T01:47:17.248Z","tenantId":"7752d28e-e627-4b1b-bb81-b45d68d617bc","type":"email.created","data":{"to":"chris@authsignal.com","code":"718190","userId":"b9f74d36-fcfc-4efc-87f1-3664ab5a7fb0","actionCode":"accountRecovery","idempotencyKey":"68d68190-fac9-4e91-b277-c63d31d3c6b1","verificationMethod":"EMAIL_OTP"}}'  # noqa: E501
P3 = '{"version":1,"id":"11111111-1111-4111-8111-111111111111","source":"https://authsignal.com","time":"2025-02-20T01:51:56.070Z","tenantId":"7752d28e-e627-4b1b-bb81-b45d68d617bc","type":"sms.created","data":{"to":"+64270000000","code":"000042","userId":"zoë/1","actionCode":"pay","idempotencyKey":"k-1"}}'.encode()  # noqa: E501
P4 = b'{"records":[]}'

NEW, OLD = "test-secret-key-123", "old-secret-key-456"
T1, T2 = 1740016316, 1740016037
VECTORS = [
    (P1, T1, NEW, "jG7bIXHtFANggSxaeL9jI0CKC9jUrfDc1yv5uwtAh4Y"),
    (P2, T2, NEW, "VNjIdiz2apnQeJ6VIL8VWPsv6m0dsMVFDUvzIWo13UY"),
    (P2, T2, OLD, "eVr6xsBceK/a+liYRPmrJZu1iEWG68k1SLWuVz4urGI"),
    (P3, T1, NEW, "Lxa4FIWKRTDTqHwL5LTkar2z0V5kmyXSIsKQPUvGyIk"),
    (P4, T1, NEW, "PZMmnvqxzTWyuv5N7mDXDxwiy+g2XCYEroXhf9ceZ2g"),
]
GOOD = f"t={T1},v2={VECTORS[4][3]}"


@pytest.mark.parametrize(
    ("body", "size", "digest"),
    [
        (P1, 419, "9eb06dc7f3af19c390ae10f05594f8ae66be41585a052f800997df802ef463e0"),
        (P2, 419, "3c5199a36f6198bc32e0af4ebcd95650c5a653a706f57624c87bee2a20820305"),
        (P3, 301, "b5219397c488733a6b5ac7b1f700b3ce751b7fa20dbcf82edcb04f58e3cb735c"),
        (P4, 14, hashlib.sha256(P4).hexdigest()),
    ],
)
def test_bodies_of_the_vectors_are_whole(body, size, digest):
    assert (len(body), hashlib.sha256(body).hexdigest()) == (size, digest)


@pytest.mark.parametrize(("body", "timestamp", "secret", "signature"), VECTORS)
def test_vector_is_signed_and_verified(body, timestamp, secret, signature):
    header = f"t={timestamp},v2={signature}"
    assert sign(body, secret, timestamp) == header
    verify(body, header, [secret], now=timestamp)


@pytest.mark.parametrize("secret", ["a secret", "sécret", os.fsdecode(b"a\xff")], ids=["ascii", "utf-8", "bytes"])
def test_signature_is_the_documented_one_whatever_its_last_letter(secret):
    """Also for a secret whose bytes are no text, as an environment variable's may be."""
    for timestamp in range(300):
        mac = hmac.new(os.fsencode(secret), b"%d.body" % timestamp, hashlib.sha256).digest()
        assert sign(b"body", secret, timestamp) == f"t={timestamp},v2={b64encode(mac).decode()[:-1]}"


@pytest.mark.parametrize(
    ("body", "header"),
    [
        (P1, f"t={T1},v2=NwFcIT68pK7g+m365Jj4euXj/ke3GSnkTpMPcRVi5q4"),
        (P2, f"t={T2},v2=zI5rg1XJtKH8dXTX9VCSwy07qTPJliXkK9ppgNjmzqw,v2=KMg8mXXGO/SmNNmcszKXI4UaEVHLc21YNWthHfispQo"),
    ],
)
def test_genuine_header_is_read_and_refused_without_its_secret(body, header):
    """The service's own output; its secret is not public, so it gets as far as the comparison."""
    with pytest.raises(InvalidSignature, match="no signature matches"):
        verify(body, header, [NEW, OLD], now=T1)


@pytest.mark.parametrize("secrets", [[NEW], [OLD], ["other", OLD], [NEW, OLD]])
def test_any_signature_with_any_secret_suffices(secrets):
    """Rotation: the sender signs with each active secret, the receiver accepts each of its own."""
    verify(P2, f"t={T2},v2={VECTORS[1][3]},v2={VECTORS[2][3]}", secrets, now=T2)


@pytest.mark.parametrize("header", [GOOD.replace(",", ", "), f" {GOOD} ", f"{GOOD},v3=later", f"{GOOD},"])
def test_spaces_and_unknown_parts_are_no_harm(header):
    verify(P4, header, [NEW], now=T1)


@pytest.mark.parametrize("shift", [-300, 0, 300])
def test_exactly_the_tolerance_is_within(shift):
    verify(P4, GOOD, [NEW], now=T1 + shift)


@pytest.mark.parametrize("shift", [-300.5, 301, 10**9])
def test_too_old_and_too_new_are_refused(shift):
    with pytest.raises(InvalidSignature, match="tolerance"):
        verify(P4, GOOD, [NEW], now=T1 + shift)


@pytest.mark.parametrize("tolerance", [0, -1, float("nan")])
def test_tolerance_that_would_switch_the_check_off_is_refused(tolerance):
    with pytest.raises(ValueError, match="positive tolerance"):
        verify(P4, GOOD, [NEW], now=T1, tolerance=tolerance)


@pytest.mark.parametrize("secrets", [[""], [NEW, ""]])
def test_empty_secret_is_refused(secrets):
    """Anyone can sign with an empty key."""
    with pytest.raises(ValueError, match="not empty"):
        verify(P4, sign(P4, "", T1), secrets, now=T1)


SIGNATURE = f"v2={VECTORS[4][3]}"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "t",
        "t=",
        "v2",
        "t=abc",
        SIGNATURE,
        f"t={T1}",
        f"t={T1},v2=",
        f"t=,{SIGNATURE}",
        f"t=+{T1},{SIGNATURE}",
        f"t=1_740_016_316,{SIGNATURE}",
        f"t={T1}.0,{SIGNATURE}",
        f"t=-1,{SIGNATURE}",
        f"t= {T1},{SIGNATURE}",
        f"t=١٧٤٠٠١٦٣١٦,{SIGNATURE}",
        f"t={'9' * 13},{SIGNATURE}",
        f"t=0{T1},{SIGNATURE}",
        f"t={T1},t={T1},{SIGNATURE}",
        f"t=1=2,t={T1},{SIGNATURE}",
        f"t={T1},{SIGNATURE}=",
        f"t={T1},v2={VECTORS[4][3].lower()}",
        f"t={T1},v1={VECTORS[4][3]}",
        f"t={T1},v2=é{VECTORS[4][3]}",
        f"t={T1},v2=\ud800",
        f"t={T1}" + f",{SIGNATURE}" * 11,
        f"{GOOD},x={'x' * 4096}",
    ],
)
def test_bad_header_is_invalid(header):
    with pytest.raises(InvalidSignature):
        verify(P4, header, [NEW], now=T1)


def test_header_of_the_greatest_length_is_read():
    longest = f"{GOOD},x={'x' * (4096 - len(GOOD) - 3)}"
    verify(P4, longest, [NEW], now=T1)
    with pytest.raises(InvalidSignature, match="too long"):
        verify(P4, longest + "x", [NEW], now=T1)


def test_tolerance_may_be_a_second():
    verify(P4, GOOD, [NEW], now=T1 + 1, tolerance=1)
    with pytest.raises(InvalidSignature, match="tolerance"):
        verify(P4, GOOD, [NEW], now=T1 + 1.1, tolerance=1)


def test_ten_signatures_are_allowed():
    verify(P4, f"t={T1}" + ",v2=x" * 9 + f",{SIGNATURE}", [NEW], now=T1)


@pytest.mark.parametrize("body", [P4 + b"\n", b"", P4.replace(b"[", b"[ ")])
def test_another_body_is_refused(body):
    with pytest.raises(InvalidSignature, match="no signature matches"):
        verify(body, GOOD, [NEW], now=T1)


def test_no_secret_verifies_nothing():
    with pytest.raises(InvalidSignature, match="no signature matches"):
        verify(P4, GOOD, [], now=T1)


@given(st.text(alphabet=st.sampled_from("tv2=,01 \x00é\ud800+/_-"), max_size=60) | st.text(max_size=200), st.binary())
def test_any_header_is_one_error_type(header, body):
    with pytest.raises(InvalidSignature):
        verify(body, header, [NEW], now=T1)


@given(st.binary(), st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"])), st.integers(0, 10**12 - 1))
def test_what_is_signed_verifies(body, secret, timestamp):
    verify(body, sign(body, secret, timestamp), ["other", secret], now=timestamp)
