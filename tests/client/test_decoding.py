import gzip
import json
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_authsignal.client.decoding import BODY_CAP, Reply, accept, seconds_to_wait
from django_authsignal.client.errors import Rejected, Unauthorized, UnexpectedAnswer

NOW = 1_740_016_316.0


def reply(body=b"{}", status=200, **more):
    return Reply("GET", "/users/{}", status, body, **more)


@pytest.mark.parametrize("value", [{}, [], {"a": [1.5, None, "ë", "\U0001f600"]}, [{}]])
def test_object_or_array_is_accepted(value):
    assert accept(reply(json.dumps(value).encode())) == value


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"<html>",
        b"null",
        b"true",
        b'"ALLOW"',
        b"5",
        b"{} {}",
        b'{"state":"ALLOW"',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":"\xff"}',
        '{"a":1}'.encode("utf-16"),
        rb'{"a":"\ud800"}',
        rb'{"\udc00":1}',
        b"[" * 200_000,
        b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
        b'{"state":"BLOCK","state":"ALLOW"}',
        rb'{"state":"BLOCK","st\u0061te":"ALLOW"}',
        b'{"a":{"b":1,"b":1}}',
        b"[1" + b"0" * 5000 + b"]",
        b"[" + b" " * BODY_CAP + b"]",
    ],
)
def test_unsound_json_is_unexpected(body):
    """F12, F13, F15"""
    with pytest.raises(UnexpectedAnswer):
        accept(reply(body))


@given(st.binary(max_size=200))
def test_any_bytes_are_json_or_unexpected(body):
    """F15"""
    try:
        value = accept(reply(body))
    except UnexpectedAnswer:
        return
    assert value == json.loads(body)


def test_parser_s_error_is_not_chained():
    """T65: it quotes the body."""
    with pytest.raises(UnexpectedAnswer) as caught:
        accept(reply(b"{"))
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_escaped_pair_of_surrogates_is_one_character():
    assert accept(reply(rb'["\ud83d\ude00"]')) == ["\U0001f600"]


def test_compressed_body_is_unexpected():
    """F14: identity was asked for."""
    with pytest.raises(UnexpectedAnswer, match="compressed"):
        accept(reply(gzip.compress(b"{}"), coding="gzip"))


def test_identity_coding_is_accepted():
    assert accept(reply(coding="identity")) == {}


def test_no_content_is_an_empty_object():
    assert accept(reply(b"", status=204)) == {}


@pytest.mark.parametrize("status", [100, 101, 199, 300, 301, 302, 303, 304, 307, 308])
def test_status_that_is_no_answer_is_unexpected(status):
    """F18, T44"""
    with pytest.raises(UnexpectedAnswer, match=f"status {status}"):
        accept(reply(b'{"state":"ALLOW"}', status=status))


@pytest.mark.parametrize("status", [401, 403])
def test_refused_secret_is_unauthorized(status):
    """F10"""
    with pytest.raises(Unauthorized) as caught:
        accept(reply(status=status))
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"errorCode":"invalid_request","error":"x"}', "invalid_request"),
        (b'{"error":"AUTHENTICATOR_NOT_FOUND"}', "AUTHENTICATOR_NOT_FOUND"),
        (b'{"errorCode":5,"error":"x"}', "x"),
        (b'{"message":"Not Found"}', ""),
        (b'{"error":"no such user alice@example.com"}', ""),
        (b'{"error":"' + b"x" * 65 + b'"}', ""),
        (b"[]", ""),
        (b"<html>", ""),
        (b"", ""),
    ],
)
@pytest.mark.parametrize("status", [400, 404, 409, 422, 499])
def test_other_4xx_is_rejected_with_its_code(status, body, code):
    """F9, F11"""
    with pytest.raises(Rejected) as caught:
        accept(reply(body, status=status))
    assert (caught.value.status, caught.value.code) == (status, code)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("1", 1.0),
        (" 3600 ", 3600.0),
        ("0", 0.0),
        (formatdate(NOW + 30, usegmt=True), 30.0),
        (formatdate(NOW - 30, usegmt=True), 0.0),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
        ("9" * 400, None),
        ("Mon, 99 Foo 2025 99:99:99 GMT", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header, seconds):
    """F7"""
    assert seconds_to_wait(header, NOW) == seconds


@given(st.text(max_size=40))
def test_any_retry_after_is_read_or_ignored(header):
    assert (seconds_to_wait(header, NOW) or 0.0) >= 0.0
