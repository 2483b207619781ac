"""Who the service is told about, what it is told, and an upstream or an environment that means harm."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import product
from urllib.parse import urlsplit

import pytest
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from django_authsignal.models import TrackedAction
from django_authsignal.testing import assert_step_up_required, complete_step_up

from .steps import press_continue, statuses


@pytest.fixture
def client(bank, alice):
    bank.authsignal.challenge("act")
    return bank.sign_in(alice, raise_request_exception=False)


ENCODED = ["a/b", "a?b", "a#b", "a&b", "a;b", "a b", "a%2Fb", "%2e%2e", "../tenant", "ünï", "😀", "v1", "a\\b", "+"]
REFUSED = [".", "..", "", " ", "None", "null", "x" * 5000, "a\nb", "a\0b", "\x7f", "\ud800"]


@pytest.mark.parametrize("user_id", ENCODED)
def test_hostile_id_is_one_encoded_segment(bank, client, settings, user_id):  # A36 T42
    settings.AUTHSIGNAL_USER_ID = lambda user: user_id
    assert bank.transfer(client, 50).status_code == 302
    [entry] = bank.authsignal.requests
    assert entry.segments == ("users", user_id, "actions", "withdrawFunds")
    assert (entry.path.count("/"), "?" in entry.path) == (5, False)


@pytest.mark.parametrize("user_id", REFUSED)
def test_id_that_cannot_be_one_segment_is_refused_here(bank, client, settings, user_id):  # A36 T42 T34
    settings.AUTHSIGNAL_USER_ID = lambda user: user_id
    assert bank.transfer(client, 50).status_code >= 500
    assert (bank.ledger, statuses(), bank.authsignal.requests) == ([], [], [])


@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(user_id=st.text(max_size=20) | st.text("./%?#\\", max_size=6))
def test_any_id_reaches_its_own_segment_or_nothing(bank, client, settings, user_id):  # A36 T42
    settings.AUTHSIGNAL_USER_ID = lambda user: user_id
    before, paid = len(bank.authsignal.requests), len(bank.ledger)
    answer = bank.transfer(client, 1)
    told = [entry.segments for entry in bank.authsignal.requests[before:]]
    assert told == ([("users", user_id, "actions", "withdrawFunds")] if answer.status_code == 302 else [])
    assert len(bank.ledger) - paid == len(told)


def test_users_never_share_an_id(bank, alice, bob):  # T42
    bank.transfer(bank.sign_in(alice), 50)
    bank.transfer(bank.sign_in(bob), 50)
    assert [entry.segments[1] for entry in bank.authsignal.requests] == [str(alice.pk), str(bob.pk)]


FORWARDED = "203.0.113.9"


@pytest.mark.parametrize(
    ("proxies", "header", "told"),
    [
        (0, None, "127.0.0.1"),
        (0, FORWARDED, "127.0.0.1"),
        (1, f"6.6.6.6, {FORWARDED}", FORWARDED),
        (1, f"6.6.6.6, 7.7.7.7,{FORWARDED}", FORWARDED),
        (2, f"6.6.6.6, {FORWARDED}, 10.0.0.1", FORWARDED),
        (2, "6.6.6.6", "127.0.0.1"),  # too short: it did not come through both
        (1, "not an address", None),
        (1, "6.6.6.6:80", None),
        (1, "6.6.6.6, 2001:db8::1", "2001:db8::1"),
    ],
)
def test_forged_forwarded_header_never_chooses_the_address(bank, client, settings, proxies, header, told):  # A37 T45
    settings.AUTHSIGNAL_TRUSTED_PROXY_COUNT = proxies
    client.post("/act/", headers={"X-Forwarded-For": header} if header else {})
    assert bank.authsignal.requests[-1].payload.get("ipAddress") == told
    assert TrackedAction.objects.get().ip_address == told


def test_bad_values_in_a_profile_are_left_out(bank, client, settings):  # T41
    settings.AUTHSIGNAL_ATTRIBUTES = lambda request: {"email": "no address\n", "phoneNumber": "0800-BANK"}
    client.cookies["__as_aid"] = "../etc"
    assert_step_up_required(client.post("/act/", headers={"User-Agent": "a\x00b" + "x" * 9000}))
    payload = bank.authsignal.requests[-1].payload
    assert not {"email", "phoneNumber", "deviceId"} & set(payload)
    assert (payload["userAgent"][:3], len(payload["userAgent"])) == ("abx", 512)


@pytest.mark.parametrize("status", [400, 404, 409, 413, 422, 451])
def test_error_that_a_user_could_cause_never_passes(bank, client, status):  # T41
    bank.authsignal.fail_next(status)
    page = bank.transfer(client, 50)
    assert (page.status_code, page.step_up.outcome, statuses()) == (502, "upstream_error", ["void"])
    assert bank.ledger == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", ["http://sandbox.localhost/v1/users/1", "http://elsewhere.example/v1/allow"])
def test_redirect_of_the_service_is_never_followed(bank, client, status, target):  # T44
    """The adapter fails the test if a second host is asked; the same host would have been logged."""
    bank.authsignal.store.journal.fail_next(status, headers={"Location": target})
    assert bank.transfer(client, 50).status_code == 502
    assert (bank.ledger, len(bank.authsignal.requests)) == ([], 1)


@pytest.mark.parametrize("status", [302, 307])
def test_redirect_of_a_validation_is_never_followed(bank, client, status):  # T44
    holding = bank.transfer(client)
    bank.authsignal.store.journal.fail_next(status, headers={"Location": "http://sandbox.localhost/v1/users/1"})
    assert complete_step_up(client, holding).status_code == 502
    assert (statuses(), len(bank.authsignal.requests)) == (["pending"], 2)


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "http://evil.example/hosted",
        "http://sandbox.localhost@evil.example/",
        "http://sandbox.localhost:81/hosted",
        "//evil.example/",
        "http://sandbox.localhost\\@evil.example/",
        "/logout/",
        "http://sandbox.localhost.evil.example/",
        "",
        None,
    ],
)
def test_people_are_sent_to_no_other_host(bank, client, edge, url):  # A22 T43
    edge.members = {"url": url, "challengeUrl": url}
    for response in (client.get("/act/"), bank.transfer(client)):
        assert (response.status_code, "Location" in response) == (502, False)
        assert "evil.example" not in response.content.decode()


EVIL = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Referer": "https://evil.example/"}


@pytest.mark.parametrize("header", EVIL)
def test_return_address_is_the_configured_one_whatever_the_host_says(bank, client, settings, header):  # A22 T26
    settings.ALLOWED_HOSTS, settings.USE_X_FORWARDED_HOST = ["*"], True
    challenged = client.get("/act/", headers={header: EVIL[header]})
    told = bank.authsignal.requests[-1].payload["redirectUrl"]
    assert told == f"http://testserver/step-up/return/{challenged.step_up.key}/"
    assert urlsplit(challenged["Location"]).netloc == "sandbox.localhost"


BAD = ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/%09/evil", "/sign-out/"]


@pytest.mark.parametrize("bad", BAD)
def test_no_parameter_chooses_where_people_end(bank, client, settings, bad):  # A22 T25
    settings.ALLOWED_HOSTS = ["*"]
    asked = dict.fromkeys(["next", "back", "redirect", "redirectUrl", "return_url", "url"], bad)
    host = {"headers": {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}}
    challenged = client.get("/act/", asked, **host)
    pages = [f"return/{challenged.step_up.key}/", "enrol/"]
    answers = [challenged, complete_step_up(client, challenged), Client().get("/act/", asked, **host)]
    for answer in answers + [client.get(f"/step-up/{page}", asked, **host) for page in pages]:
        target = urlsplit(answer.get("Location", ""))
        assert target.netloc in ("", "sandbox.localhost")
        assert target.path in ("", "/hosted", "/act/", "/sign-in/", f"/step-up/{pages[0]}")


def test_enrol_page_leads_back_only_where_we_signed(bank, client):  # A22 T25
    for forged in [*BAD, "/statement/"]:
        assert client.get("/step-up/enrol/", {"back": forged}).context["continue_url"] == ""


@pytest.mark.parametrize("path", ["//evil.example/", "/act//evil.example/", "/%5Cevil.example/"])
def test_strange_path_is_never_a_destination(client, path):  # A22 T25
    assert "evil.example" not in client.get(path).get("Location", "").partition("?")[0]


def test_call_that_never_reached_the_service_leaves_nothing_to_use(bank, client):
    bank.authsignal.down()
    page = bank.transfer(client)
    assert (page.status_code, statuses()) == (503, ["void"])
    bank.authsignal.up()
    assert_step_up_required(press_continue(client, page))


START = """
import os, sys
import django
from django.conf import settings
settings.configure(
    DEBUG=os.environ["IS_DEBUG"] == "True", SECRET_KEY="s", USE_TZ=True, ALLOWED_HOSTS=["*"], LOGIN_URL="/sign-in/",
    INSTALLED_APPS=[*("django.contrib." + app for app in ("auth", "contenttypes", "sessions")), "django_authsignal"],
    ROOT_URLCONF="django_authsignal.urls", AUTHSIGNAL_SITE_URL="https://bank.example",
    AUTHSIGNAL_API_URL=os.environ["API"], AUTHSIGNAL_SECRET=os.environ["KEY"],
)
django.setup()
from django_authsignal.checks import check_credentials
from django_authsignal.connection import environment, get_client
print([message.id for message in check_credentials()] or environment())
get_client()
"""
HOSTS = {"sandbox": "http://localhost:8001/v1", "live": "https://api.authsignal.com/v1"}
KEYS = {"sandbox": "sandbox_demo", "live": "a-live-secret"}
STARTS = {
    (True, "sandbox", "sandbox"): "sandbox",
    (True, "live", "live"): "live",
    (False, "live", "live"): "live",
}


@pytest.mark.parametrize(("debug", "host", "key"), [*product([True, False], HOSTS, KEYS)])
def test_sandbox_and_live_never_mix_and_no_sandbox_starts_in_production(debug, host, key):  # A40 T48
    environment = {"IS_DEBUG": str(debug), "API": HOSTS[host], "KEY": KEYS[key], "PATH": os.environ["PATH"]}
    run = subprocess.run([sys.executable, "-c", START], env=environment, capture_output=True, text=True, check=False)
    expected = STARTS.get((debug, host, key))
    assert (run.returncode == 0) is (expected is not None), run.stderr
    if expected:
        assert run.stdout.strip() == expected
    else:  # in production nothing starts at all; in development the check says what to mend
        assert run.stdout.strip() == ("['authsignal.E002']" if debug else "")
        assert "ImproperlyConfigured" in run.stderr
