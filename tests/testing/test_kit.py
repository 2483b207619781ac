"""The controller: what the service decides, whether it is reachable, what was asked."""

import pytest
import requests
from django.conf import settings
from django.test import SimpleTestCase, override_settings

from django_authsignal.testing import Authsignal, AuthsignalTestMixin, assert_tracked

from .urls import call


def state(action="pay", user="u"):
    return call("POST", f"/users/{user}/actions/{action}", {})["state"]


def test_everything_is_allowed_and_everyone_enrolled_by_default(authsignal):
    answer = call("POST", "/users/u/actions/pay", {})
    assert (answer["state"], answer["isEnrolled"], answer["enrolledVerificationMethods"]) == ("ALLOW", True, ["SMS"])
    assert call("GET", "/users/stranger")["isEnrolled"]


@pytest.mark.parametrize(
    ("decide", "expected"),
    [("challenge", "CHALLENGE_REQUIRED"), ("block", "BLOCK"), ("review", "REVIEW_REQUIRED"), ("allow", "ALLOW")],
)
def test_one_line_decides_an_action(authsignal, decide, expected):
    authsignal.block("pay")
    getattr(authsignal, decide)("pay")
    assert (state(), state("other")) == (expected, "ALLOW")


@pytest.mark.parametrize("raw", ["CHALLENGE_SUCCEEDED", "REVIEW", "TELEPORTED", "", "CHALLENGE"])
def test_answer_makes_the_service_say_anything(authsignal, raw):
    authsignal.answer("pay", raw)
    assert state() == raw


def test_unenrolled_user_is_allowed_instead_of_challenged(authsignal):
    authsignal.challenge("pay")
    authsignal.unenrolled("u")
    assert (state(), state(user="v")) == ("ALLOW", "CHALLENGE_REQUIRED")
    authsignal.enrol("u", "EMAIL_OTP", email="a@b.nz")
    assert state() == "CHALLENGE_REQUIRED"
    assert call("GET", "/users/u")["enrolledVerificationMethods"] == ["EMAIL_OTP"]


class Someone:
    pk = 42
    email = "a@b.nz"


@pytest.mark.parametrize(("setting", "known_as"), [(None, "42"), (lambda user: user.email, "a@b.nz")])
def test_users_are_known_by_the_projects_own_id(authsignal, setting, known_as):
    with override_settings(AUTHSIGNAL_USER_ID=setting):
        authsignal.unenrolled(Someone())
    assert not call("GET", f"/users/{known_as}")["isEnrolled"]


def test_deleted_user_stays_unenrolled(authsignal):
    state()
    call("DELETE", "/users/u")
    assert not call("GET", "/users/u")["isEnrolled"]


def test_down_looks_like_a_refused_connection_until_up(authsignal):
    authsignal.down()
    with pytest.raises(requests.ConnectionError) as caught:
        state()
    assert type(caught.value.args[0].reason).__name__ == "NewConnectionError"
    assert authsignal.requests == []
    authsignal.up()
    assert state() == "ALLOW"


def test_fail_next_answers_errors_and_then_works(authsignal):
    authsignal.fail_next(503, times=2)
    assert [call("GET", "/users/u").get("errorCode") for _ in range(3)] == ["server_error", "server_error", None]


def test_requests_keep_the_raw_path_and_payload(authsignal):
    call("PATCH", "/users/a%2Fb%20c", {"email": "a@b.nz"})
    (entry,) = authsignal.requests
    assert (entry.method, entry.path, entry.payload) == ("PATCH", "/v1/users/a%2Fb%20c", {"email": "a@b.nz"})


def test_answer_is_a_real_response_with_a_readable_body(authsignal):
    url = f"{settings.AUTHSIGNAL_API_URL}/users/u"
    prepared = requests.Request("GET", url, auth=(settings.AUTHSIGNAL_SECRET, "")).prepare()
    response = settings.AUTHSIGNAL_ADAPTER.send(prepared, stream=True, timeout=(1, 1), verify=True)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    assert response.raw.read(1) == b"{"


def test_settings_are_the_sandboxs_only_while_active():
    before = getattr(settings, "AUTHSIGNAL_ADAPTER", None)
    with override_settings(AUTHSIGNAL_SITE_URL="https://bank.example"), Authsignal():
        assert settings.AUTHSIGNAL_SITE_URL == "https://bank.example"
        assert settings.AUTHSIGNAL_SECRET == "sandbox_test"
    assert getattr(settings, "AUTHSIGNAL_ADAPTER", None) is before


def test_two_kits_share_nothing(authsignal):
    authsignal.block("pay")
    with Authsignal():
        assert state() == "ALLOW"
    assert state() == "BLOCK"


class TestMixin(AuthsignalTestMixin, SimpleTestCase):
    def setUp(self):
        """As many write it: without calling the one that it replaces."""
        self.authsignal.allow("sell")

    def test_mixin_gives_each_test_a_fresh_service(self):
        assert self.authsignal.requests == []
        self.authsignal.block("pay")
        assert state() == "BLOCK"
        assert_tracked("pay", times=1)

    test_mixin_forgets_between_tests = test_mixin_gives_each_test_a_fresh_service


def test_mixin_is_there_when_a_test_is_debugged():
    test = TestMixin("test_mixin_gives_each_test_a_fresh_service")
    test.debug()
    assert [entry.path for entry in test.authsignal.requests] == ["/v1/users/u/actions/pay"]


def test_mixin_in_the_wrong_place_is_refused():
    with pytest.raises(TypeError, match="Wrong: name AuthsignalTestMixin before TestCase, or it does nothing"):
        type("Wrong", (SimpleTestCase, AuthsignalTestMixin), {})
