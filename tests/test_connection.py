"""Which service the client speaks to, and whose pages people may be sent to."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_authsignal.client import Client
from django_authsignal.connection import (
    environment,
    get_client,
    hosted_page,
    is_loopback,
    refuse_stray_sandbox,
    site_url,
)

LIVE = "https://api.authsignal.com/v1"
SANDBOX = "http://localhost:8001/v1"


@pytest.fixture
def configured(settings):
    """`configured(secret, url, debug=…, allow=…)`."""

    def configure(secret="secret", url=LIVE, debug=False, allow=False):
        settings.AUTHSIGNAL_SECRET, settings.AUTHSIGNAL_API_URL = secret, url
        settings.DEBUG, settings.AUTHSIGNAL_ALLOW_SANDBOX = debug, allow
        settings.AUTHSIGNAL_ADAPTER = None

    return configure


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("secret", ["sandbox_test", "secret"])
@pytest.mark.parametrize("url", [SANDBOX, LIVE])
@pytest.mark.parametrize("allow", [True, False])
def test_only_a_sandbox_in_development_and_the_live_service_start(configured, url, secret, debug, allow):  # T48
    configured(secret, url, debug, allow)
    good = {(SANDBOX, "sandbox_test"): "sandbox" if debug or allow else None, (LIVE, "secret"): "live"}
    expected = good.get((url, secret))
    if expected:
        assert environment() == expected
        refuse_stray_sandbox()
        assert isinstance(get_client(), Client)
    else:
        with pytest.raises(ImproperlyConfigured, match="disagree|needs DEBUG"):
            environment()
        with pytest.raises(ImproperlyConfigured):
            get_client()


@pytest.mark.parametrize(("secret", "url"), [("sandbox_test", LIVE), ("secret", SANDBOX), ("sandbox_test", SANDBOX)])
def test_start_is_refused_where_a_sandbox_would_be_used_in_production(configured, secret, url):  # T48
    configured(secret, url)
    with pytest.raises(ImproperlyConfigured):
        refuse_stray_sandbox()
    configured(secret, url, debug=True)
    refuse_stray_sandbox()


@pytest.mark.parametrize(("secret", "url"), [("", LIVE), ("secret", "nonsense"), ("secret", "https://[")])
def test_start_leaves_unusable_settings_to_the_checks(configured, secret, url):
    configured(secret, url)
    refuse_stray_sandbox()


def test_live_service_must_be_https(configured):  # T43
    configured("secret", "http://api.authsignal.com/v1")
    with pytest.raises(ImproperlyConfigured, match="must be an https URL"):
        environment()


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *[(host, True) for host in ("localhost", "sandbox.localhost", "127.0.0.1", "127.8.8.8", "::1")],
        *[
            (host, False)
            for host in ("", "localhost.example", "10.0.0.1", "api.authsignal.com", "128.0.0.1", "0.0.0.0")
        ],
    ],
)
def test_loopback_is_this_machine_by_its_name(host, expected):
    assert is_loopback(host) is expected


def test_one_client_per_process_until_a_setting_changes(configured, settings):
    configured()
    first = get_client()
    assert get_client() is first
    settings.LANGUAGE_CODE = "de"
    assert get_client() is first
    settings.AUTHSIGNAL_TIMEOUT = 2
    assert get_client() is not first


def test_environment_follows_debug(configured, settings):
    configured("sandbox_test", SANDBOX, debug=True)
    assert environment() == "sandbox"
    settings.DEBUG = False
    with pytest.raises(ImproperlyConfigured):
        environment()


# Hosted pages


GOOD = ["https://mfa.authsignal.com/x?token=a.b", "https://au.mfa.authsignal.com:443/", "https://MFA.Authsignal.com/x"]
EVIL = [
    None,
    "",
    "mfa.authsignal.com/x",
    "//mfa.authsignal.com/x",
    "http://mfa.authsignal.com/x",
    "javascript:alert(1)//.authsignal.com",
    "data:text/html,x",
    "https://evil.example/",
    "https://evil.example/.authsignal.com",
    "https://evil.example?.authsignal.com",
    "https://evil.example#.authsignal.com",
    "https://evilauthsignal.com/",
    "https://mfa.authsignal.com.evil.example/",
    "https://mfa.authsignal.com@evil.example/",
    "https://user@mfa.authsignal.com/",
    "https://:pw@mfa.authsignal.com/",
    "https://evil.example\\.authsignal.com/",
    "https://evil.example\\@mfa.authsignal.com/",
    "https://mfa.authsignal.com:8443/",
    "https://mfa.authsignal.com:port/",
    "https://mfa.authsignal.com/\r\nSet-Cookie: a=b",
    "https://mfa.authsignal.com/ x",
    "https://mfa.authsignal.com/\x00",
    "https://mfa。authsignal.com/",
    "https://%mfa.authsignal.com",
    "https://evil.example%2f.authsignal.com/",
    "https://.authsignal.com/",
    "https://..authsignal.com/",
    "https://mfa.authsignal.com../",
    "https://[::1/.authsignal.com",
    "https://.authsignal.com.evil.example",
    "http://localhost:8001/hosted",
]


@pytest.mark.parametrize("url", GOOD)
def test_pages_of_the_service_are_hosted_pages(configured, url):
    configured()
    assert hosted_page(url) == url


@pytest.mark.parametrize("url", EVIL)
def test_nobody_is_sent_to_another_page(configured, url):  # T43
    configured()
    assert hosted_page(url) == ""


@pytest.mark.parametrize("listed", ["mfa.bank.example", "MFA.Bank.example"])
def test_listed_domain_is_a_hosted_page_exactly(configured, settings, listed):
    configured()
    settings.AUTHSIGNAL_ALLOWED_CHALLENGE_HOSTS = [listed]
    assert hosted_page("https://mfa.bank.example/x")
    assert hosted_page("https://sub.mfa.bank.example/x") == hosted_page("http://mfa.bank.example/x") == ""


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("http://localhost:8001/hosted?token=x", True),
        ("http://localhost:8002/hosted", False),
        ("http://localhost/hosted", False),
        ("http://127.0.0.1:8001/hosted", False),
        ("https://mfa.authsignal.com/x", False),
        ("javascript://localhost:8001/%0aalert(1)", False),
    ],
)
def test_sandbox_sends_people_to_itself_only(configured, url, good):  # T48
    configured("sandbox_test", SANDBOX, debug=True)
    assert hosted_page(url) == (url if good else "")


# Our own site


def test_own_site_is_the_configured_one_whatever_the_host_header_says(rf, settings):  # T26
    settings.AUTHSIGNAL_SITE_URL = "https://bank.example"
    request = rf.get("/", headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"})
    assert site_url(request) == "https://bank.example"


def test_host_header_is_believed_in_development_only(rf, settings):  # T26
    settings.AUTHSIGNAL_SITE_URL = ""
    settings.DEBUG = True
    settings.ALLOWED_HOSTS = ["localhost"]
    request = rf.get("/", headers={"Host": "localhost:8000"})
    assert site_url(request) == "http://localhost:8000"
    settings.DEBUG = False
    with pytest.raises(ImproperlyConfigured, match="AUTHSIGNAL_SITE_URL must be set"):
        site_url(request)
