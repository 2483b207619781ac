import json
from base64 import b64decode
from enum import Enum
from pprint import pformat

import pytest

from django_authsignal.client.sealed import Members, Payload, Sealed, SealedBytes, basic


@pytest.mark.parametrize("value", [Sealed("hush"), SealedBytes(b"hush"), Payload(hush="hush")])
@pytest.mark.parametrize("show", [repr, pformat, lambda value: repr([value]), lambda value: pformat({"x": value})])
def test_sealed_value_is_not_shown(value, show):
    """T65: error pages print local variables with repr or pprint."""
    assert "hush" not in show(value)


@pytest.mark.parametrize(
    "value", [Payload(a="hush"), Members(a=None, b={"c": "hush"}), Payload(a=["hush", {"b": ("hush",)}])]
)
def test_reporter_that_looks_into_a_payload_sees_no_text(value):
    """T65: Sentry and rich print mappings and lists part by part."""
    plain = {name: list(part) if isinstance(part, list) else part for name, part in value.items()}
    assert "hush" not in repr(plain)


@pytest.mark.parametrize("value", [Sealed("hush" * 50), SealedBytes(b"hush" * 50)])
def test_part_of_a_sealed_text_is_sealed(value):
    """T65: reporters cut long texts before they print them."""
    assert "hush" not in repr(value[:80]) + repr(value[4:8:2])
    assert (value[:4] * 50, value[0]) == (value, value[:1] if isinstance(value, str) else ord("h"))


def test_payload_is_the_same_json_as_before():
    plain = {"custom": {"amount": 5, "none": None, "many": ["a", {"b": "c"}]}, "email": "a@b.example"}
    assert json.loads(json.dumps(Payload(plain))) == plain == Payload(plain)


def test_sealed_values_still_work():
    assert Sealed("hush").encode() == SealedBytes(b"hush") == b"hush"


def test_member_of_an_enum_is_sealed_as_its_text():
    class Speed(str, Enum):  # noqa: UP042  projects have them, and their str() is "Speed.FAST"
        FAST = "fast"

    assert json.dumps(Payload(speed=Speed.FAST)) == '{"speed": "fast"}'


def test_payload_leaves_out_what_is_none():
    assert Payload({"a": None, "b": 0}, c=None, d=False) == {"b": 0, "d": False}


@pytest.mark.parametrize("secret", ["a/b+c=", "zoë", "x\udcff"])
def test_secret_is_the_user_name_of_http_basic(secret):
    scheme, credentials = basic(secret).split()
    assert (scheme, b64decode(credentials)) == ("Basic", secret.encode("utf-8", "surrogateescape") + b":")


@pytest.mark.parametrize("secret", ["", None, 5])
def test_missing_secret_is_refused(secret):
    with pytest.raises(ValueError, match="API secret"):
        basic(secret)
