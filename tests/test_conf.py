"""Every setting: what it is by default, what it may be, what it may not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings as project
from django.core.exceptions import ImproperlyConfigured

from django_authsignal import conf
from django_authsignal.conf import app_settings


@pytest.fixture(autouse=True)
def nothing_set(settings):
    for name in dir(project):
        if name.startswith("AUTHSIGNAL_"):
            delattr(settings, name)


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("API_URL", "https://api.authsignal.com/v1"),
        ("SITE_URL", ""),
        ("TENANT_ID", ""),
        ("MODE", "enforce"),
        ("TIMEOUT", 8.0),
        ("ACTIONS", {}),
        ("UNENROLLED", "enrol"),
        ("PROTECT", {}),
        ("SIGN_IN_ACTION", ""),
        ("APPROVAL_TTL", timedelta(seconds=300)),
        ("CHALLENGE_TTL", timedelta(seconds=600)),
        ("TRUSTED_PROXY_COUNT", 0),
        ("USER_ID", None),
        ("ATTRIBUTES", None),
        ("ALLOWED_CHALLENGE_HOSTS", ()),
        ("ALLOW_SANDBOX", False),
        ("ADAPTER", None),
    ],
)
def test_setting_that_is_not_set_has_its_default(name, default):
    assert getattr(app_settings, name) == default


def test_secret_has_no_default():
    with pytest.raises(ImproperlyConfigured, match="AUTHSIGNAL_SECRET must hold the API secret key"):
        app_settings.SECRET  # noqa: B018


@pytest.mark.parametrize(
    ("name", "given", "read"),
    [
        ("SECRET", "c2VjcmV0", "c2VjcmV0"),
        ("API_URL", "http://localhost:8001/v1", "http://localhost:8001/v1"),
        ("SITE_URL", "https://bank.example/", "https://bank.example"),
        ("SITE_URL", "http://localhost:8000", "http://localhost:8000"),
        ("TENANT_ID", "t-1", "t-1"),
        ("MODE", "report_only", "report_only"),
        ("TIMEOUT", 2, 2.0),
        ("TIMEOUT", 0.5, 0.5),
        ("ACTIONS", {"pay": {"max_age": 5}}, {"pay": {"max_age": 5}}),
        ("UNENROLLED", "deny", "deny"),
        ("APPROVAL_TTL", 10, timedelta(seconds=10)),
        ("APPROVAL_TTL", 900, timedelta(seconds=900)),
        ("CHALLENGE_TTL", 30, timedelta(seconds=30)),
        ("TRUSTED_PROXY_COUNT", 2, 2),
        ("USER_ID", repr, repr),
        ("USER_ID", "builtins.repr", repr),
        ("ATTRIBUTES", "builtins.dict", dict),
        ("ALLOWED_CHALLENGE_HOSTS", ["mfa.bank.example"], ("mfa.bank.example",)),
        ("ALLOW_SANDBOX", True, True),
        ("ALLOW_SANDBOX", "yes", False),
        ("ADAPTER", "django_authsignal.conf.app_settings", app_settings),
        ("ADAPTER", app_settings, app_settings),
    ],
)
def test_setting_is_read_when_it_is_used(settings, name, given, read):
    setattr(settings, f"AUTHSIGNAL_{name}", given)
    assert getattr(app_settings, name) == read


@pytest.mark.parametrize(
    ("name", "given"),
    [
        *[("SECRET", value) for value in ("", " key", "key\n", "kéy", "k\x00", None, b"key")],
        *[
            ("API_URL", value)
            for value in (
                "api.authsignal.com",
                "ftp://api.authsignal.com",
                "https://",
                "https://me:pw@api.authsignal.com",
                "https://:pw@api.authsignal.com",
                "https://api.authsignal.com/v1?x=1",
                "https://api.authsignal.com/v1#x",
                "https://[::1",
                "https://api.authsignal.com:port",
                5,
            )
        ],
        *[
            ("SITE_URL", value)
            for value in (
                "bank.example",
                "javascript:alert(1)",
                "https://bank.example/path",
                "https://bank.example?x=1",
                "https://bank.example#x",
                "https://me@bank.example",
                "https://:pw@bank.example",
                "https://[",
                None,
            )
        ],
        ("TENANT_ID", None),
        ("MODE", "off"),
        ("MODE", None),
        *[("TIMEOUT", value) for value in (0.4, 20.1, "8", True, None, float("nan"))],
        *[("ACTIONS", value) for value in (None, ["pay"], {"pay": 5})],
        *[("PROTECT", value) for value in (None, ["admin:*"], {"admin:*": "adminAccess"})],
        ("SIGN_IN_ACTION", None),
        ("UNENROLLED", "ignore"),
        *[("APPROVAL_TTL", value) for value in (9, 901, 60.0, True, "300")],
        *[("CHALLENGE_TTL", value) for value in (29, 901)],
        *[("TRUSTED_PROXY_COUNT", value) for value in (-1, 11, True)],
        *[("USER_ID", value) for value in ("nowhere.at_all", "builtins.NotImplemented", 5)],
        ("ATTRIBUTES", "no_dots"),
        *[("ALLOWED_CHALLENGE_HOSTS", value) for value in ("mfa.bank.example", [""], [5], None, 5)],
        *[
            ("ALLOWED_CHALLENGE_HOSTS", [host])
            for host in ("https://a.example", "a.example.", "*.a.example", ".a.example")
        ],
    ],
)
def test_value_that_cannot_be_right_names_its_setting(settings, name, given):
    setattr(settings, f"AUTHSIGNAL_{name}", given)
    with pytest.raises(ImproperlyConfigured, match=f"^AUTHSIGNAL_{name} "):
        getattr(app_settings, name)


@pytest.mark.parametrize(("region", "url"), conf.REGIONS.items())
def test_region_names_a_well_known_address(settings, region, url):
    settings.AUTHSIGNAL_REGION = region
    assert url == app_settings.API_URL


def test_unknown_region_is_refused(settings):
    settings.AUTHSIGNAL_REGION = "moon"
    with pytest.raises(ImproperlyConfigured, match="AUTHSIGNAL_REGION must be one of 'us', 'au', 'eu', 'ca'"):
        app_settings.API_URL  # noqa: B018


def test_address_wins_over_region(settings):
    settings.AUTHSIGNAL_REGION = "au"
    settings.AUTHSIGNAL_API_URL = "https://proxy.example/v1"
    assert app_settings.API_URL == "https://proxy.example/v1"


def test_secret_is_not_repeated_in_its_complaint(settings):
    settings.AUTHSIGNAL_SECRET = " c2VjcmV0"
    with pytest.raises(ImproperlyConfigured) as caught:
        app_settings.SECRET  # noqa: B018
    assert "c2VjcmV0" not in str(caught.value)
