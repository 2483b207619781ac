"""Methods that must do nothing, strangers, forgeries, and caches that must keep nothing."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import path

from django_authsignal.decorators import step_up_required
from django_authsignal.shortcuts import require_step_up
from django_authsignal.testing import assert_step_up_required, complete_step_up
from example_project.urls import urlpatterns as bank_urls

from .steps import press_continue, statuses
from .views import act, act_async


@pytest.fixture
def client(bank, alice):
    for action in ("act", "window", "serve"):
        bank.authsignal.challenge(action)
    return bank.sign_in(alice)


@pytest.mark.parametrize("path", ["/act/", "/async/", "/posts/", "/window/", "/transfer/", "/fail/mixin/"])
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE"])
def test_harmless_methods_are_never_tracked_or_run(bank, client, done, path, method):  # A23 T32
    response = client.generic(method, path)
    assert response.status_code == (405 if method == "TRACE" else 200)
    assert (response.content, "POST" in response["Allow"]) == (b"", True)
    assert (done, statuses(), bank.authsignal.requests) == ([], [], [])


@pytest.mark.parametrize("state", ["pending", "approved"])
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE"])
def test_harmless_methods_burn_nothing(bank, client, done, state, method):  # A23 T32
    challenged = client.post("/act/")
    if state == "approved":
        complete_step_up(client, challenged)
    calls = len(bank.authsignal.requests)
    client.generic(method, "/act/", "_step_up_key=" + str(challenged.step_up.key))
    assert (statuses(), done, len(bank.authsignal.requests)) == ([state], [], calls)
    if state == "approved":
        assert client.post("/act/").content == b"done"


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE"])
def test_call_in_a_service_refuses_them_too(bank, client, done, method):  # A23 T32
    assert client.generic(method, "/service/").status_code >= 400
    assert (done, statuses(), bank.authsignal.requests) == ([], [], [])


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
@pytest.mark.parametrize(("sent", "pretended"), [("POST", "GET"), ("POST", "HEAD"), ("GET", "OPTIONS")])
def test_method_override_is_ignored(bank, client, done, header, sent, pretended):  # A23 T32
    assert_step_up_required(client.generic(sent, "/act/?_method=" + pretended, headers={header: pretended}))
    assert (done, statuses()) == ([], ["pending"])


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_other_unsafe_methods_are_gated_or_refused(client, done, method):  # T32
    assert client.generic(method, "/posts/").status_code == 405
    assert_step_up_required(client.generic(method, "/act/"))
    assert done == []


def test_safe_method_that_the_policy_leaves_out_passes(bank, client, done):
    assert client.get("/posts/").content == b"done"
    assert_step_up_required(client.post("/posts/"))
    assert done == ["/posts/"]


@pytest.mark.parametrize("purpose", ["prefetch", "prefetch;prerender"])
def test_prefetch_starts_nothing(bank, client, done, purpose):  # T49
    assert client.get("/act/", headers={"Sec-Purpose": purpose}).status_code == 503
    assert (done, statuses(), bank.authsignal.requests) == ([], [], [])


@pytest.mark.parametrize("path", ["/act/", "/async/", "/window/", "/service/", "/service/async/", "/fail/mixin/"])
def test_stranger_is_sent_to_sign_in_and_not_tracked(bank, done, path):  # T34
    response = Client().post(path)
    assert (response.status_code, response["Location"]) == (302, f"/sign-in/?next={path}")
    assert (done, statuses(), bank.authsignal.requests) == ([], [], [])


def test_strange_script_is_answered_401(bank, done):  # T34
    response = Client().post("/act/", {}, headers={"Accept": "application/json"})
    assert (response.status_code, response.json()["code"]) == (401, "step_up_login")
    assert (done, bank.authsignal.requests) == ([], [])


def test_forged_cross_site_post_starts_nothing(bank, alice):  # A24 T28
    strict = bank.sign_in(alice, enforce_csrf_checks=True)
    assert bank.transfer(strict).status_code == 403
    assert (bank.ledger, statuses(), bank.authsignal.requests) == ([], [], [])


def test_forged_cross_site_post_spends_no_approval(bank, alice):  # A24 T27
    strict = bank.sign_in(alice, enforce_csrf_checks=True)
    strict.get("/transfer/")
    proof = {"csrfmiddlewaretoken": strict.cookies["csrftoken"].value}
    holding = bank.transfer(strict, **proof)
    complete_step_up(strict, holding)
    assert bank.transfer(strict, _step_up_key=str(holding.step_up.key)).status_code == 403
    assert (bank.ledger, statuses()) == ([], ["approved"])
    press_continue(strict, holding)  # its form carries a CSRF token
    assert len(bank.ledger) == 1


def pages(bank, client):
    """Each kind of answer that the gate makes, once; first those with a form of ours."""
    holding = client.post("/act/")
    yield from (holding, client.get("/step-up/enrol/"))
    bounce = complete_step_up(Client(), holding)
    back = complete_step_up(client, holding)
    yield from (client.get("/act/?page=1"), bounce, back, client.get(back["Location"]))
    bank.authsignal.block("act")
    yield from (client.post("/act/?blocked"), client.post("/act/?json", {}, headers={"Accept": "application/json"}))
    yield from (Client().get("/act/"), client.head("/act/"), Client().get(holding.context["status_url"]))


def words(page, header):
    return {word.strip() for word in page[header].split(",")}


def test_every_answer_of_the_gate_is_private_and_unframed(bank, client):  # A25 T31 T33
    for page in pages(bank, client):
        assert words(page, "Cache-Control") >= {"private", "no-store"}
        assert words(page, "Vary") >= {"Accept", "Cookie", "HX-Request"}
        assert page["X-Frame-Options"] == "DENY"
        assert page["Cross-Origin-Opener-Policy"] == "same-origin-allow-popups"


def test_no_answer_of_the_gate_is_told_to_another_site(bank, client):  # A25 T23
    """Django's CSRF check needs the origin of our own forms, in whose URLs nothing is secret."""
    policies = [page["Referrer-Policy"] for page in pages(bank, client)]
    assert policies == ["same-origin"] * 2 + ["no-referrer"] * 9


@pytest.mark.parametrize("path", ["/act/", "/async/", "/window/", "/profile/"])
def test_protected_answer_is_private_and_not_stored(bank, client, done, path):  # A25 T31
    form = {"first_name": "Ann", "email": "ann@bank.example"}
    complete_step_up(client, client.post(path, form))
    page = client.post(path, form)
    assert page.status_code in (200, 302)
    assert words(page, "Cache-Control") >= {"private", "no-store"}
    assert "Cookie" in page["Vary"]


def test_cache_outside_the_gate_keeps_nothing(bank, client, bob, done):  # T31
    complete_step_up(client, client.get("/cached/"))
    assert [client.get("/cached/").content for _ in range(2)] == [b"done", b"done"]
    assert len(done) == 2
    assert_step_up_required(bank.sign_in(bob).get("/cached/"))
    assert Client().get("/cached/").status_code == 302


@pytest.fixture
def cached_site(settings):
    settings.MIDDLEWARE = [
        "django.middleware.cache.UpdateCacheMiddleware",
        *settings.MIDDLEWARE,
        "django.middleware.cache.FetchFromCacheMiddleware",
    ]


def test_site_wide_cache_keeps_nothing(bank, alice, bob, done, cached_site):  # T31
    bank.authsignal.challenge("window")
    client = bank.sign_in(alice)
    complete_step_up(client, client.get("/window/"))
    assert [client.get("/window/").content for _ in range(2)] == [b"done", b"done"]
    assert (len(done), bank.sign_in(bob).get("/window/").status_code) == (2, 302)


@pytest.mark.parametrize("view", ["decorated", "async", "called", "area"])
def test_page_of_a_harmless_request_is_not_served_to_a_risky_one(client, done, cached_site, settings, view):  # T31
    """`when` may look at more than the address, such as at how much is in the account by now."""
    risky = False

    def when(request):
        return risky

    def called(request):
        require_step_up(request, "act", when=when)
        return act(request)

    gate = step_up_required("act", when=when)
    views = {"decorated": gate(act), "async": gate(act_async), "called": called, "area": act}
    settings.ROOT_URLCONF = (path("when/", views[view], name=view), *bank_urls)
    settings.AUTHSIGNAL_PROTECT = {"area": {"action": "act", "when": when}}
    assert [client.get("/when/").content for _ in range(2)] == [b"done", b"done"]
    assert len(done) == 2
    risky = True
    assert_step_up_required(client.get("/when/"))
    assert len(done) == 2
