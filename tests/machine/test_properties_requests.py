"""What a request can claim: where it goes back to, whom it names, and what an approval is bound to."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from urllib.parse import urljoin, urlsplit

import pytest
from django.http import HttpRequest
from django.test import RequestFactory
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from urllib3.util import parse_url

from django_authsignal import sessions
from django_authsignal.bearers import bearer_of
from django_authsignal.binding import named_key
from django_authsignal.claims import Claim
from django_authsignal.connection import hosted_page
from django_authsignal.models import TrackedAction
from django_authsignal.services.completion import status, status_capability
from django_authsignal.services.question import return_path
from tests.rig.proofs import LONG, often

MANY = settings(
    max_examples=often(150, 3_000),
    deadline=None,
    derandomize=not LONG,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
SITE = "https://bank.example"
PATHS = st.text("/\\.:@%?#&= \t\r\n\x00evilhtps0a\u2028é", max_size=20) | st.text(max_size=20)


@MANY
@given(path=PATHS, query=PATHS)
def test_return_path_never_leaves_the_site(path, query):  # T25 T27
    request = HttpRequest()
    request.method, request.path = "GET", path
    request.META["QUERY_STRING"] = query
    back = return_path(request)
    if back:
        # As browsers read it: they drop tabs and line ends, and take a backslash for a slash.
        seen = back.translate({9: None, 10: None, 13: None}).replace("\\", "/")
        assert seen == back
        assert urlsplit(urljoin(SITE, seen))[:2] == ("https", "bank.example")


HOSTS = st.sampled_from(["mfa.authsignal.com", "authsignal.com", "evil.example", "evilauthsignal.com", "localhost"])
PARTS = st.sampled_from(
    [".", "/", "\\", "@", ":", "#", "?", "%2e", "//", "。", "\t", "\n", " ", "\x00", "[", "]", ":443"]
)
URLS = st.lists(HOSTS | PARTS | st.text(max_size=3), max_size=5).map("".join)


@pytest.fixture
def live(settings):
    settings.AUTHSIGNAL_SECRET, settings.AUTHSIGNAL_API_URL = "live", "https://api.authsignal.com/v1"


@pytest.mark.usefixtures("live")
@MANY
@given(scheme=st.sampled_from(["https://", "https:", "http://", "//", "javascript:", "HTTPS://", ""]), rest=URLS)
def test_hosted_page_is_the_service_s_own_to_every_reader(scheme, rest):  # T43
    url = hosted_page(scheme + rest)
    if url:
        seen = parse_url(str(url))
        assert (seen.scheme, seen.auth, seen.port) in [("https", None, None), ("https", None, 443)]
        assert seen.host.rstrip(".").endswith(".authsignal.com")
        assert url.lower().startswith("https://")
        assert not set(url) & set("\\\t\r\n \x00")


TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)


@MANY
@given(header=TEXTS, token=TEXTS)
def test_header_names_a_caller_by_a_whole_secret_or_makes_a_new_one(header, token):  # T34
    headers = {"Authsignal-Step-Up": header, "Authsignal-Token": token}
    bearer, again = (bearer_of(RequestFactory().get("/", headers=headers)) for _ in range(2))
    if bearer.is_new:
        assert (bearer.secret != again.secret, bearer.token) == (True, "")
    else:
        assert (bearer.secret, len(bearer.secret), bearer.token) == (header.partition(".")[2], 43, token)
    assert len(bearer.secret) == 43


@MANY
@given(one=st.text("ab", min_size=43, max_size=43), other=st.text("ab", min_size=43, max_size=43))
def test_two_secrets_are_two_channels(one, other):  # T21
    key = uuid.UUID(int=1)
    channels = [
        bearer_of(RequestFactory().get("/", headers={"Authsignal-Step-Up": f"{key}.{secret}"})).channels
        for secret in (one, other)
    ]
    assert (channels[0] == channels[1]) is (one == other)


@MANY
@given(text=TEXTS | st.uuids().map(str) | st.uuids().map(lambda key: f"{key}.secret"), in_form=st.booleans())
def test_named_key_is_a_key_or_none(text, in_form):  # T24
    factory = RequestFactory()
    given_ = {"_step_up_key": text} if in_form else {}
    request = factory.post("/", given_, headers={} if in_form else {"Authsignal-Step-Up": text})
    key = named_key(request)
    assert key is None or str(key).replace("-", "") in text.lower().replace("-", "")


@MANY
@given(text=st.text(max_size=60) | st.uuids().map(lambda key: status_capability(key)[:-1] + "!"))
def test_made_up_capability_says_nothing(text):  # T35
    assert status(text) is None


# An approval and a claim

FIELDS = {
    "authsignal_user_id": "7",
    "tenant": "tenant",
    "environment": "sandbox",
    "action": "pay",
    "route": "pay/",
    "method": "POST",
}
NUMBERS = st.integers(10**6, 10**9)
DIGESTS = ("bindings", "channels", "auth_hashes")


@pytest.fixture
def approved(alice):
    """An approved row, and the claim of the very request that it is for."""
    now = timezone.now()
    digest = dict(zip(("binding", "channel", "auth_hash"), ("v1:b", "v1:c", "v1:a"), strict=True))
    facts = {"status": "approved", "remote_state": "CHALLENGE_SUCCEEDED", "created_at": now, "approved_at": now}
    lives = {"expires_at": now + timedelta(seconds=300)}
    row = TrackedAction.objects.create(user=alice, **FIELDS, **digest, **facts, **lives)
    named = {"bindings": ("v1:b",), "channels": ("v1:c",), "auth_hashes": ("v1:a",)}
    return row, Claim(user_pk=alice.pk, **FIELDS, **named)


@MANY
@given(
    name=st.sampled_from(["user_pk", *FIELDS, *DIGESTS]), value=st.text(max_size=8), number=st.integers(10**6, 10**9)
)
def test_claim_that_differs_in_anything_spends_nothing(approved, name, value, number):  # T2 T3 T4 T6 T21 T22
    row, claim = approved
    known = getattr(claim, name)
    value = value.replace("\0", "")
    other = number if name == "user_pk" else (f"{known[0]}{value}!",) if name in DIGESTS else f"{known}{value}!"
    assert not row.spend(replace(claim, **{name: other}))
    if name in DIGESTS:
        assert not row.spend(replace(claim, **{name: ()}))
    row.refresh_from_db()
    assert row.status == "approved"


@MANY
@given(before=st.lists(st.text("abc", max_size=3), max_size=3), after=st.lists(st.text("abc", max_size=3), max_size=3))
def test_equal_claim_spends_once_under_any_of_its_keys(approved, before, after):  # T4 T6
    row, claim = approved
    TrackedAction.objects.filter(pk=row.pk).update(status="approved", spent_at=None)
    keys = {name: (*before, *getattr(claim, name), *after) for name in DIGESTS}
    assert (row.spend(replace(claim, **keys)), row.spend(claim)) == (True, False)


# A window

VALUES = st.sampled_from([None, True, "", "x", "challenge", "allow", "PASSKEY", 0, -1, 3600, 10**12, [], {}])


@MANY
@given(place=st.integers(0, 4), by=VALUES)
def test_window_of_which_anything_was_changed_is_none(place, by):  # T20
    user = SimpleNamespace(pk=7, get_session_auth_hash=lambda: "hash")
    session = Session()
    request = SimpleNamespace(session=session, user=user)
    sessions.open_window(request, "look", "sandbox", outcome="challenge", verification_method="SMS", row_pk=5)
    assert sessions.current_window(request, "look", "sandbox").verification_method == "SMS"
    window = session["_authsignal"]["windows"]["look"]
    if window[place] == by and type(window[place]) is type(by):
        return
    window[place] = by
    assert sessions.current_window(request, "look", "sandbox") is None


class Session(dict):
    def cycle_key(self):
        """A dictionary has none."""
