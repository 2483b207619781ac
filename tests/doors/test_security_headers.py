"""Every door among Django's own protections: security headers, HSTS, the CSRF check, strict cookies."""

from __future__ import annotations

import pytest
from django.test import Client

from django_authsignal.testing import assert_step_up_required, complete_step_up
from tests.journeys.steps import press_continue

PATHS = {
    "decorator": "/decorated/",
    "mixin": "/mixed/",
    "PROTECT": "/area/one/",
    "sign-in": "/plain/",
    "require_step_up": "/service/",
    "async": "/decorated/async/",
}


@pytest.fixture(params=PATHS)
def path(request, settings, authsignal):
    authsignal.challenge("act")
    settings.AUTHSIGNAL_PROTECT = {"area:*": {"action": "act"}}
    settings.AUTHSIGNAL_SIGN_IN_ACTION = "act" if request.param == "sign-in" else ""
    settings.SECURE_HSTS_SECONDS = 3600
    settings.X_FRAME_OPTIONS = "SAMEORIGIN"
    return PATHS[request.param]


def words(response, header):
    return {word.strip() for word in response[header].split(",")}


def test_answers_of_the_gate_keep_their_headers_and_get_those_of_django(client, done, authsignal, path):  # A25 T31 T33
    holding = client.post(path, {"amount": "5"}, secure=True)
    authsignal.block("act")
    refusal = client.post(path + "?other", secure=True)
    script = client.post(path + "?script", {}, "application/json", secure=True)
    for response in (holding, refusal, script):
        assert words(response, "Cache-Control") >= {"private", "no-store"}
        assert words(response, "Vary") >= {"Accept", "Cookie", "HX-Request"}
        assert response["X-Frame-Options"] == "DENY"
        assert response["Cross-Origin-Opener-Policy"] == "same-origin-allow-popups"
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["Strict-Transport-Security"] == "max-age=3600"
    assert holding["Referrer-Policy"] == "same-origin"  # its form must say where it comes from
    assert refusal["Referrer-Policy"] == "no-referrer" or refusal.status_code == 403


def test_answer_of_the_view_is_private_and_has_the_headers_of_django(client, done, path):  # A25 T31
    holding = client.post(path, {"amount": "5"})
    complete_step_up(client, holding)
    response = press_continue(client, holding)
    assert response.content == b"done"
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"
    if path not in ("/plain/", "/service/"):  # there the view itself is not the gate's
        assert words(response, "Cache-Control") >= {"private", "no-store"}
    assert "Cookie" in response["Vary"]


def test_holding_page_passes_the_csrf_check(alice, done, path):  # A24 T27
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    strict.get("/sign-in/")
    strict.cookies["csrftoken"] = "c" * 32
    holding = strict.post(path, {"amount": "5", "csrfmiddlewaretoken": "c" * 32})
    assert_step_up_required(holding, "act")
    complete_step_up(strict, holding)
    assert strict.post(path, {"amount": "5", "_step_up_key": str(holding.step_up.key)}).status_code == 403
    assert done == []
    assert press_continue(strict, holding).content == b"done"
    assert len(done) == 1


def test_forged_post_reaches_and_starts_nothing(alice, done, authsignal, path):  # A24 T28
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert strict.post(path, {"amount": "5"}, headers={"Origin": "https://evil.example"}).status_code == 403
    assert (done, authsignal.requests) == ([], [])


def test_return_without_strict_cookies_takes_one_hop(client, done, path):  # T30
    stopped = client.get(path)
    bounce = complete_step_up(Client(), stopped)
    assert bounce.status_code == 200
    back = client.get(bounce.context["continue_url"])
    assert (back.status_code, back["Location"]) == (303, path)
    assert client.get(path).content == b"done"
