"""Settings that are nobody's default: each journey ends as anywhere else."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import get_script_prefix, set_script_prefix
from django.utils import translation

from .journey import Payment, look, pay, rename
from .oddities import MountedClient, ZippingClient, settings_with

HERE = "tests.deployments.oddities"
CACHE = "django.middleware.cache"
SETTINGS = {
    "sessions saved at every request": {"SESSION_SAVE_EVERY_REQUEST": True},
    "CSRF token in the session": {"CSRF_USE_SESSIONS": True},
    "sessions of the browser's length": {"SESSION_EXPIRE_AT_BROWSER_CLOSE": True, "SESSION_COOKIE_NAME": "s"},
    "SameSite Strict": {"SESSION_COOKIE_SAMESITE": "Strict", "CSRF_COOKIE_SAMESITE": "Strict"},
    "far east": {"TIME_ZONE": "Pacific/Kiritimati"},
    "far west": {"TIME_ZONE": "America/Adak", "LANGUAGE_CODE": "de"},
    "messages in cookies": {"MESSAGE_STORAGE": "django.contrib.messages.storage.cookie.CookieStorage"},
    "a backend that asks nothing": {"AUTHENTICATION_BACKENDS": [f"{HERE}.AnyBackend"]},
    "no slash is appended": {"APPEND_SLASH": False, "PREPEND_WWW": False},
    "dummy cache": {"CACHES": {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}},  # F25
    "broken cache": {"CACHES": {"default": {"BACKEND": f"{HERE}.BrokenCache"}}},  # F25
    "without our middleware": {"MIDDLEWARE": settings_with()[:-1]},
    "everybody must sign in": {
        "MIDDLEWARE": settings_with(last="django.contrib.auth.middleware.LoginRequiredMiddleware")
    },
    "caches and compression around all": {
        "MIDDLEWARE": settings_with(
            f"{CACHE}.UpdateCacheMiddleware",
            "django.middleware.gzip.GZipMiddleware",
            "django.middleware.http.ConditionalGetMiddleware",
            last=f"{CACHE}.FetchFromCacheMiddleware",
        )
    },
}


@pytest.mark.parametrize("journey", [pay, look])
@pytest.mark.parametrize("odd", SETTINGS.values(), ids=SETTINGS)
def test_journey_ends_as_anywhere(bank, alice, customer, settings, journey, odd):
    for name, value in odd.items():
        setattr(settings, name, value)
    journey(bank, alice, bank.sign_in(alice, enforce_csrf_checks=True))


def test_journey_below_a_language(bank, alice, customer, settings, journey):
    settings.ROOT_URLCONF = f"{HERE}_urls"
    with translation.override("de"):
        journey(bank, alice, customer)
    assert all("/de/step-up/" in call.payload["redirectUrl"] for call in tracked(bank))


def test_approval_does_not_change_its_language(bank, customer, settings):
    """Below a language a page has one route for each: what was approved on one is not spent on another."""
    settings.ROOT_URLCONF = f"{HERE}_urls"
    payment = Payment(bank, customer)
    payment.start()
    payment.come_back()
    with translation.override("de"):
        payment.start()
    assert payment.paid == 0


def tracked(bank):
    return [call for call in bank.authsignal.requests if "redirectUrl" in (call.payload or {})]


@pytest.fixture
def at_root():
    """Puts the prefix of reversed URLs back."""
    prefix = get_script_prefix()
    yield
    set_script_prefix(prefix)


@pytest.mark.parametrize("way", ["SCRIPT_NAME", "FORCE_SCRIPT_NAME"])
@pytest.mark.parametrize("journey", [pay, look, rename])
def test_journey_below_a_prefix(bank, alice, settings, at_root, journey, way):
    if way == "FORCE_SCRIPT_NAME":
        settings.FORCE_SCRIPT_NAME = "/bank"
    set_script_prefix("/bank/")
    mounted = MountedClient("/bank", is_told=way == "SCRIPT_NAME", enforce_csrf_checks=True)
    mounted.force_login(alice)
    bank.sign_in = lambda user: signed_in(MountedClient("/bank", is_told=way == "SCRIPT_NAME"), user)
    journey(bank, alice, mounted)
    assert all(call.payload["redirectUrl"].startswith("http://testserver/bank/step-up/") for call in tracked(bank))


def signed_in(browser, user):
    browser.force_login(user)
    return browser


def test_compressed_pages_carry_the_journey(bank, alice, customer, settings):
    settings.MIDDLEWARE = settings_with("django.middleware.gzip.GZipMiddleware")
    zipping = signed_in(ZippingClient(enforce_csrf_checks=True), alice)
    pay(bank, alice, zipping)
    assert zipping.unzipped > 2


def test_strict_cookies_stay_behind_on_the_way_back(bank, alice, customer, settings):  # T30
    """The browser sends them only on the hop that starts on our own page."""
    settings.SESSION_COOKIE_SAMESITE = "Strict"
    payment = Payment(bank, customer)
    payment.start()
    payment.browser = cross_site = Client()
    bounce = payment.come_back()
    assert (bounce.status_code, payment.paid, cross_site.cookies.output()) == (200, 0, "")
    payment.browser = customer
    payment.send_again()
    assert payment.paid == 0
    assert customer.get(bounce.context["continue_url"]).status_code == 303
    payment.send_again()
    payment.replay()


def test_journey_over_https_alone(bank, alice, customer, settings):
    """Behind a proxy that ends TLS; cookies are for https only."""
    settings.SECURE_SSL_REDIRECT = settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.AUTHSIGNAL_SITE_URL, settings.ALLOWED_HOSTS = "https://bank.example", ["bank.example"]
    headers = {"X-Forwarded-Proto": "https", "Host": "bank.example", "Referer": "https://bank.example/transfer/"}
    pay(bank, alice, bank.sign_in(alice, enforce_csrf_checks=True, headers=headers))
    assert {urlsplit(call.payload["redirectUrl"]).netloc for call in tracked(bank)} == {"bank.example"}


def test_user_whom_the_web_server_names(bank, alice, settings):
    """RemoteUserMiddleware signs in by itself, with the first request that carries the name."""
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE[:-1],
        "django.contrib.auth.middleware.RemoteUserMiddleware",
        settings.MIDDLEWARE[-1],
    ]
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.RemoteUserBackend"]
    named = Client(enforce_csrf_checks=True, REMOTE_USER="alice")
    pay(bank, alice, named)
    payment = Payment(bank, named)
    payment.start()
    payment.come_back()
    payment.browser = Client(REMOTE_USER="alice")  # of the same name, and another browser
    payment.send_again()
    assert payment.paid == 0


def test_account_that_is_closed_though_its_backend_lets_it_in(bank, alice, settings):  # A17 T22
    settings.AUTHENTICATION_BACKENDS = [f"{HERE}.AnyBackend"]
    payment = Payment(bank, bank.sign_in(alice))
    payment.start()
    payment.come_back()
    type(alice).objects.update(is_active=False)
    assert (payment.send_again().status_code, payment.paid) == (403, 0)


@pytest.mark.parametrize("debug", [True, False])
def test_page_of_a_failing_view_gives_nothing_back(bank, alice, settings, done, debug):  # A13 A38 K8
    """The debug page tells its reader neither the secret nor the hosted page, and the approval stays spent."""
    settings.ROOT_URLCONF, settings.DEBUG = "tests.journeys.urls", debug
    bank.authsignal.challenge("pay")
    payment = Payment(bank, bank.sign_in(alice, raise_request_exception=False))
    payment.page = payment.browser.post("/fail/")
    hosted = payment.page.step_up.url
    payment.come_back()
    failed = payment.send_again()
    shown = failed.content.decode()
    assert (failed.status_code, "ArithmeticError" in shown) == (500, debug)
    assert [
        secret for secret in (settings.AUTHSIGNAL_SECRET, hosted, hosted.partition("=")[2]) if secret in shown
    ] == []
    assert [payment.send_again().status_code for _ in range(2)] == [409, 409]
    assert done == ["/fail/"]
