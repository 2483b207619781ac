"""What goes over the wire, and what comes from it: paths, signatures and JSON, for anything that there can be."""

from __future__ import annotations

import json
from urllib.parse import unquote

import pytest
import requests
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from requests.adapters import BaseAdapter

from django_authsignal.client import Client
from django_authsignal.client.decoding import strict
from django_authsignal.client.errors import AuthsignalError, InvalidSignature
from django_authsignal.client.signature import sign, verify
from tests.rig.proofs import LONG, often

SECRET, NOW = "secret", 1_740_016_316
MANY = settings(max_examples=often(150, 3_000), deadline=None, derandomize=not LONG, database=None)

# Paths


class Recorder(BaseAdapter):
    """Knows what it was asked to send, and sends nothing."""

    def __init__(self):
        super().__init__()
        self.urls = []

    def send(self, request, *args, **kwargs):
        self.urls.append(request.url)
        raise requests.ReadTimeout

    def close(self):
        """There is nothing to close."""


IDS = (
    st.text(max_size=30)
    | st.text("./\\%?#;:@ 2eEfF&=+~é\u202e", max_size=8)
    | st.sampled_from(["..", ".", "%2e%2e", "x" * 257])
)
CALLS = {
    "track": (lambda client, one, other: client.track_action(one, other), "users/{}/actions/{}"),
    "get action": (lambda client, one, other: client.get_action(one, "pay", other), "users/{}/actions/pay/{}"),
    "update action": (
        lambda client, one, other: client.update_action(one, "pay", other, "BLOCK"),
        "users/{}/actions/pay/{}",
    ),
    "user": (lambda client, one, other: client.get_user(one, redirect_url=other), "users/{}"),
    "identify": (lambda client, one, other: client.identify(one, {"email": other}), "users/{}"),
    "delete user": (lambda client, one, other: client.delete_user(one), "users/{}"),
    "actions": (lambda client, one, other: client.query_user_actions(one, codes=[other]), "users/{}/actions"),
    "authenticators": (lambda client, one, other: client.get_authenticators(one), "users/{}/authenticators"),
    "delete authenticator": (
        lambda client, one, other: client.delete_authenticator(one, other),
        "users/{}/authenticators/{}",
    ),
    "any": (lambda client, one, other: client.call("POST", "users", one, other), "users/{}/{}"),
}


def path_of(call, *ids):
    """The raw path that a call is sent to; None when it is refused before anything is sent."""
    network = Recorder()
    client = Client(SECRET, "https://api.authsignal.com", adapter=network)
    try:
        CALLS[call][0](client, *ids)
    except AuthsignalError:
        [url] = set(network.urls)
        return url.partition("?")[0].removeprefix("https://api.authsignal.com/v1/")
    except ValueError:
        assert network.urls == []
        return None
    raise AssertionError("a call without an answer returned")


@MANY
@given(call=st.sampled_from(sorted(CALLS)), one=IDS, other=IDS)
def test_ids_are_whole_segments_or_refused(call, one, other):  # T42 A36
    path = path_of(call, one, other)
    if path is not None:
        expected = CALLS[call][1].split("/")
        ids = iter([one, other])
        wanted = [next(ids) if segment == "{}" else segment for segment in expected]
        assert [unquote(segment, errors="strict") for segment in path.split("/")] == wanted
        assert path.isascii()
        assert not {".", ".."}.intersection(path.split("/"))
        # Nor does a library on the way make another address of it.
        prepared = requests.Request("GET", f"https://api.authsignal.com/v1/{path}").prepare()
        assert len(prepared.path_url.split("/")) == len(wanted) + 2


@MANY
@given(call=st.sampled_from(sorted(CALLS)), ids=st.lists(IDS, min_size=4, max_size=4))
def test_different_ids_never_share_a_path(call, ids):  # T42
    named = CALLS[call][1].count("{}")
    assume(ids[:2][:named] != ids[2:][:named])
    one, other = path_of(call, *ids[:2]), path_of(call, *ids[2:])
    assert one is None or one != other


# Signatures

BODIES = st.binary(max_size=60)
WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


@MANY
@given(body=BODIES, at=st.integers(0, 500), flipped=st.integers(1, 255))
def test_body_changed_in_one_place_is_refused(body, at, flipped):  # T55
    header, place = sign(body, SECRET, NOW), at % (len(body) + 1)
    changed = bytearray(body)
    if place < len(body):
        changed[place] ^= flipped
    else:
        changed.append(flipped)
    verify(body, header, [SECRET], NOW)
    with pytest.raises(InvalidSignature):
        verify(bytes(changed), header, [SECRET], NOW)


@MANY
@given(body=BODIES, at=st.integers(0, 500), put=st.characters(codec="utf-8"))
def test_signature_changed_in_one_place_is_refused(body, at, put):  # T55
    """Of the time too: it is signed."""
    header = sign(body, SECRET, NOW)
    places = [place for place, letter in enumerate(header) if letter not in "tv=," or place > 20]
    place = places[at % len(places)]
    changed = header[:place] + put + header[place + 1 :]
    assume(changed != header and put not in " \t\r\n\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0,")
    with pytest.raises(InvalidSignature):
        verify(body, changed, [SECRET], NOW, tolerance=3600)


@MANY
@given(body=BODIES, offset=st.integers(-1000, 1000), tolerance=st.integers(1, 600))
def test_age_is_accepted_within_the_tolerance_and_in_both_directions(body, offset, tolerance):  # T55
    header = sign(body, SECRET, NOW + offset)
    if abs(offset) <= tolerance:
        verify(body, header, [SECRET], NOW, tolerance)
    else:
        with pytest.raises(InvalidSignature):
            verify(body, header, [SECRET], NOW, tolerance)


@MANY
@given(body=BODIES, ours=st.sets(WORDS, min_size=1, max_size=3), theirs=st.sets(WORDS, min_size=1, max_size=3))
def test_one_common_secret_is_needed_and_enough(body, ours, theirs):  # T55
    signatures = [sign(body, secret, NOW).partition(",")[2] for secret in sorted(theirs)]
    header = ",".join([f"t={NOW}", *signatures])
    if ours & theirs:
        verify(body, header, sorted(ours), NOW)
    else:
        with pytest.raises(InvalidSignature):
            verify(body, header, sorted(ours), NOW)


# JSON

PLAIN = st.characters(codec="utf-8")
NAMES = st.text(PLAIN, max_size=4)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(PLAIN),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


@MANY
@given(value=JSON, escaped=st.booleans(), indent=st.none() | st.integers(0, 3))
def test_sound_json_is_read_as_it_was_meant(value, escaped, indent):  # F15
    assert strict(json.dumps(value, ensure_ascii=escaped, indent=indent).encode()) == value


UNSOUND = [
    '{"a": 1, "a": 1}',
    '{"a": 1, "\\u0061": 2}',
    "NaN",
    "Infinity",
    "-Infinity",
    '"\\ud800"',
    '{"\\udfff": 1}',
    "[" * 30_000,
]


@MANY
@given(value=JSON, unsound=st.sampled_from(UNSOUND), data=st.data())
def test_unsound_json_is_refused_however_deep_it_stands(value, unsound, data):  # F15
    mark = "\u0001 here \u0001"
    text = json.dumps(planted(value, mark, data)).replace(json.dumps(mark), unsound)
    with pytest.raises((ValueError, RecursionError)):
        strict(text.encode())


def planted(value, mark, data):
    """*value* with *mark* somewhere in it."""
    if isinstance(value, dict) and value and data.draw(st.booleans()):
        name = data.draw(st.sampled_from(sorted(value)))
        return {**value, name: planted(value[name], mark, data)}
    if isinstance(value, list) and value and data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(value) - 1))
        return [*value[:place], planted(value[place], mark, data), *value[place + 1 :]]
    return [value, mark]
