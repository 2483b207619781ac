import json
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_authsignal.client.encoding import Request, base_url, to_json
from django_authsignal.client.sealed import Payload

KEY = UUID("0ae73782-d8c1-49bc-be75-09612a3b9d1c")


def build(*segments, method="GET", payload=None, query=None):
    return Request.build(method, segments, payload, query)


@pytest.mark.parametrize(
    ("given_id", "segment"),
    [
        ("python:1", "python%3A1"),
        ("a/b", "a%2Fb"),
        ("a?b#c", "a%3Fb%23c"),
        ("%2E%2E", "%252E%252E"),
        ("...", "..."),
        (" ", "%20"),
        ("a+b", "a%2Bb"),
        ("zoë", "zo%C3%AB"),
        (7, "7"),
        (KEY, str(KEY)),
        ("x" * 256, "x" * 256),
    ],
)
def test_id_is_one_encoded_segment(given_id, segment):
    """T42"""
    assert build("users", given_id).path == f"/users/{segment}"


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        ".",
        "..",
        "a\x00b",
        "a\nb",
        "a\x7fb",
        "a\x85b",
        "\ud800",
        "x" * 257,
        "x" * 5000,
        None,
        True,
        b"a",
        1.5,
        ["a"],
        object(),
    ],
)
def test_id_that_cannot_be_a_segment_is_refused(hostile):
    """T42"""
    with pytest.raises(ValueError, match="An id"):
        build("users", hostile)


def test_refusal_does_not_quote_the_id():
    with pytest.raises(ValueError, match="An id") as caught:
        build("users", "secret\x00id")
    assert "secret" not in str(caught.value)


def test_route_leaves_ids_out():
    assert build("users", "alice", "actions", "pay", KEY).route == "/users/{}/actions/{}/{}"


def test_query_is_encoded():
    assert build("users", query={"email": "a+b@x.nz", "limit": 5}).path == "/users?email=a%2Bb%40x.nz&limit=5"


@pytest.mark.parametrize(
    ("method", "segments", "payload", "repeatable"),
    [
        ("GET", ("users", "u"), None, True),
        ("POST", ("users", "u", "actions", "a"), Payload(idempotencyKey="k"), True),
        ("POST", ("users", "u", "actions", "a"), Payload(), False),
        ("POST", ("users", "u", "actions", "a"), None, False),
        ("PATCH", ("users", "u", "actions", "a", "k"), Payload(state="BLOCK"), True),
        ("PATCH", ("users", "u"), Payload(email="x"), False),
        ("POST", ("users", "u", "authenticators"), Payload(idempotencyKey="k"), False),
        ("POST", ("validate",), Payload(token="t"), False),
        ("DELETE", ("users", "u"), None, False),
    ],
)
def test_only_what_is_harmless_twice_is_repeatable(method, segments, payload, repeatable):
    assert build(*segments, method=method, payload=payload).repeatable is repeatable


@pytest.mark.parametrize(
    "url", ["https://h.nz", "https://h.nz/", "https://h.nz//", "https://h.nz/v1", "https://h.nz/v1/"]
)
def test_v1_is_added_once(url):
    assert base_url(url) == "https://h.nz/v1"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "h.nz",
        "ftp://h.nz",
        "https://",
        "https://u:p@h.nz",
        "https://h.nz?x=1",
        "https://h.nz/#x",
        "https://h.nz/ x",
    ],
)
def test_url_that_is_more_or_less_than_a_host_is_refused(url):
    """T43"""
    with pytest.raises(ValueError, match="API URL"):
        base_url(url)


@pytest.mark.parametrize(
    "digits", ["100.00", "0.1", "-0", "1E+3", "0E-8", "12345678901234567890.123456789012345678901234567890"]
)
def test_decimal_keeps_every_digit(digits):
    assert to_json(Payload(custom={"amount": [Decimal(digits)]})) == f'{{"custom":{{"amount":[{digits}]}}}}'.encode()


@given(
    st.dictionaries(st.text(), st.one_of(st.text(), st.decimals(allow_nan=False, allow_infinity=False), st.integers()))
)
def test_json_round_trip_is_lossless(members):
    wire = json.loads(to_json(Payload(members)), parse_float=Decimal, parse_int=int)
    assert wire.keys() == members.keys()
    for name, value in members.items():
        assert wire[name] == value
        assert isinstance(value, str) is isinstance(wire[name], str)


def test_uuid_goes_out_as_text():
    key = uuid4()
    assert json.loads(to_json(Payload(idempotencyKey=key))) == {"idempotencyKey": str(key)}


def test_nulls_inside_objects_are_kept():
    assert to_json(Payload(custom={"a": None})) == b'{"custom":{"a":null}}'


@pytest.mark.parametrize("number", [float("nan"), float("inf"), Decimal("NaN"), Decimal("-Infinity")])
def test_number_that_json_lacks_is_refused(number):
    with pytest.raises(ValueError, match=r"JSON"):
        to_json(Payload(custom={"amount": number}))


@pytest.mark.parametrize("value", [datetime.now(UTC), b"x", {1}, object()])
def test_unknown_type_is_refused_by_name(value):
    with pytest.raises(TypeError, match=f"turn {type(value).__name__} into a text first"):
        to_json(Payload(custom={"x": value}))
