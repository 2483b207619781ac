"""What the service is told of a request: the client's word, checked."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils import translation

from django_authsignal.attributes import authsignal_user_id, client_ip, track_attributes


@pytest.mark.parametrize(
    ("count", "forwarded", "expected"),
    [
        (0, None, "203.0.113.9"),
        (0, "198.51.100.1", "203.0.113.9"),
        (1, None, "203.0.113.9"),
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        (1, "6.6.6.6,  2001:DB8::1 ", "2001:db8::1"),
        (2, "6.6.6.6, 198.51.100.1, 10.0.0.1", "198.51.100.1"),
        (2, "198.51.100.1", "203.0.113.9"),
        (1, "198.51.100.1, unknown", None),
        (1, "198.51.100.1, 10.0.0.1:80", None),
        (1, "198.51.100.1,", None),
        (1, "fe80::1%<script>", None),
    ],
)
def test_forwarded_address_is_believed_only_from_proxies_of_ours(rf, settings, count, forwarded, expected):  # T45
    settings.AUTHSIGNAL_TRUSTED_PROXY_COUNT = count
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    assert client_ip(rf.get("/", headers=headers, REMOTE_ADDR="203.0.113.9")) == expected


@pytest.mark.parametrize("address", ["", "unix:", "/run/socket", "999.1.1.1", "fe80::1%eth0"])
def test_peer_without_a_real_address_has_none(rf, address):
    assert client_ip(rf.get("/", REMOTE_ADDR=address)) is None


def test_request_is_described_in_the_wires_names(rf):
    request = rf.get("/", headers={"User-Agent": "Browser/1"}, REMOTE_ADDR="203.0.113.9")
    request.COOKIES["__as_aid"] = "6F9619FF-8B86-D011-B42D-00C04FC964FF"
    with translation.override("de"):
        assert track_attributes(request) == {
            "ipAddress": "203.0.113.9",
            "userAgent": "Browser/1",
            "deviceId": "6f9619ff-8b86-d011-b42d-00c04fc964ff",
            "locale": "de",
        }


def test_what_is_not_known_is_left_out(rf):
    with translation.override(None):
        assert track_attributes(rf.get("/", REMOTE_ADDR="")) == {}


def test_user_agent_is_one_printable_line_of_bounded_length(rf):  # T41, T71
    agent = "A\r\nX-Evil: 1\x1b[31m\u202e" + "b" * 5000
    told = track_attributes(rf.get("/", headers={"User-Agent": agent}))["userAgent"]
    assert told == ("AX-Evil: 1[31m" + "b" * 5000)[:512]


@pytest.mark.parametrize("cookie", ["", "me", "6f9619ff", "../../tenant"])
def test_device_id_that_is_no_uuid_is_left_out(rf, cookie):  # T45
    request = rf.get("/?__as_aid=6f9619ff-8b86-d011-b42d-00c04fc964ff")
    request.COOKIES["__as_aid"] = cookie
    assert "deviceId" not in track_attributes(request)


def test_project_adds_attributes(rf, settings):
    settings.AUTHSIGNAL_ATTRIBUTES = lambda request: {
        "email": "a@b.nz",
        "phoneNumber": "+64271234567",
        "custom": {"plan": "gold"},
        "username": request.path,
    }
    told = track_attributes(rf.get("/here"))
    assert (told["email"], told["phoneNumber"]) == ("a@b.nz", "+64271234567")
    assert (told["custom"], told["username"]) == ({"plan": "gold"}, "/here")


class PhoneNumber:
    """As the phone number fields of Django packages give it."""

    def __str__(self):
        return "+64271234567"


def test_phone_number_object_is_told_as_text(rf, settings):
    settings.AUTHSIGNAL_ATTRIBUTES = lambda request: {"phoneNumber": PhoneNumber()}
    assert track_attributes(rf.get("/"))["phoneNumber"] == "+64271234567"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("email", value) for value in ("nobody", "a@b", "a b@c.nz", "", None, 5, "a" * 400 + "@b.nz", "a@b.nz\n")],
        *[("phoneNumber", value) for value in ("0271234567", "+0271234567", "+64", "+64 27 123 4567", "", None, 5)],
    ],
)
def test_address_that_the_service_would_refuse_is_left_out(rf, settings, name, value):  # T41
    settings.AUTHSIGNAL_ATTRIBUTES = lambda request: {name: value}
    assert name not in track_attributes(rf.get("/"))


@pytest.mark.parametrize("name", ["idempotencyKey", "redirectUrl", "redirectToSettings", "scope", "challengeId"])
def test_project_cannot_set_what_the_step_up_sets(rf, settings, name):  # T12
    settings.AUTHSIGNAL_ATTRIBUTES = lambda request: {name: "x"}
    with pytest.raises(ImproperlyConfigured, match=f"may not set {name}"):
        track_attributes(rf.get("/"))


@pytest.mark.parametrize("returned", [None, [("a", 1)], "text"])
def test_attributes_must_be_a_mapping(rf, settings, returned):
    settings.AUTHSIGNAL_ATTRIBUTES = lambda request: returned
    with pytest.raises(ImproperlyConfigured, match="must return a mapping"):
        track_attributes(rf.get("/"))


def test_user_is_known_by_primary_key_or_as_the_project_says(settings):
    user = SimpleNamespace(pk=7, email="a@b.nz")
    assert authsignal_user_id(user) == "7"
    settings.AUTHSIGNAL_USER_ID = lambda user: f"bank-{user.email}"
    assert authsignal_user_id(user) == "bank-a@b.nz"


@pytest.mark.parametrize("pk", [None, "", " ", "None", "null", "NULL", "undefined"])
def test_id_that_several_people_would_share_is_refused(pk):  # T34
    with pytest.raises(ImproperlyConfigured, match="is no id for a user"):
        authsignal_user_id(SimpleNamespace(pk=pk))
