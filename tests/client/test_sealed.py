from base64 import b64decode
from pprint import pformat

import pytest

from django_authsignal.client.sealed import Payload, Sealed, SealedBytes, basic


@pytest.mark.parametrize("value", [Sealed("hush"), SealedBytes(b"hush"), Payload(hush="hush")])
@pytest.mark.parametrize("show", [repr, pformat, lambda value: repr([value]), lambda value: pformat({"x": value})])
def test_sealed_value_is_not_shown(value, show):
    """T65: error pages print local variables with repr or pprint."""
    assert "hush" not in show(value)


def test_sealed_values_still_work():
    assert Sealed("hush").encode() == SealedBytes(b"hush") == b"hush"


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
