"""Our own pages: return, status and enrol, as a browser meets them."""

from __future__ import annotations

import uuid

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client
from django.urls import resolve, reverse

from django_authsignal.models import Status, TrackedAction
from django_authsignal.services.completion import status_capability
from django_authsignal.testing import complete_step_up

from .gated import ACTION, broken_database, outcome
from .gated import gated as gated

ENROL = "/step-up/enrol/"


@pytest.fixture
def challenged(gated, authsignal):
    authsignal.challenge(ACTION)
    gated()
    return gated.get()


def return_url(key):
    return f"/step-up/return/{key}/"


def status_url(key):
    return reverse("authsignal:status", args=[status_capability(key)])


def assert_hardened(response):  # T23, T31, T33
    assert {"private", "no-store"} <= set(response["Cache-Control"].split(", "))
    # Where a form is, Django's CSRF check needs to know our own origin; nobody else is told.
    assert response["Referrer-Policy"] == ("same-origin" if b"<form" in response.content else "no-referrer")
    assert response["X-Frame-Options"] == "DENY"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin-allow-popups"


# The return


@pytest.mark.parametrize("name", ["return", "status", "enrol"])
def test_own_pages_need_no_login_and_open_no_transaction(name):
    arguments = {"return": [uuid.uuid4()], "status": ["x"], "enrol": []}[name]
    view = resolve(reverse(f"authsignal:{name}", args=arguments)).func
    assert view.login_required is False
    assert "default" in view._non_atomic_requests


def test_return_page_is_hardened_in_every_state(gated, challenged, client):
    assert_hardened(complete_step_up(gated.client, challenged))
    for visitor in (gated.client, client):
        for url in (
            return_url(challenged.step_up.key),
            return_url(uuid.uuid4()),
            return_url(uuid.uuid4()) + "?token=a",
        ):
            assert_hardened(visitor.get(url))


def test_return_of_a_stranger_hops_once_and_then_says_expired(client, db):  # T30, T35
    hop = client.get(return_url(uuid.uuid4()), {"token": "a.b&c"})
    assert hop.status_code == 200
    assert hop.context["continue_url"].endswith("/?token=a.b%26c&hop=1")
    clean = client.get(hop.context["continue_url"])
    assert clean.status_code == 303
    assert clean.headers["Location"] == hop.request["PATH_INFO"]
    assert client.get(clean.headers["Location"]).status_code == 403


def test_hop_carries_no_more_than_a_token_can_have(client, db):
    hop = client.get(return_url(uuid.uuid4()), {"token": "x" * 50_000})
    assert len(hop.context["continue_url"]) < 4300


@pytest.mark.parametrize("query", ["token=a&token=b", "other=1", "token=&x=1"])
def test_return_that_proves_nothing_becomes_a_clean_address(gated, challenged, query):  # T23, T24
    response = gated.client.get(f"{return_url(challenged.step_up.key)}?{query}")
    assert (response.status_code, response.headers["Location"]) == (303, return_url(challenged.step_up.key))
    assert gated.row.status == Status.PENDING


@pytest.mark.parametrize("method", ["post", "put", "delete", "head", "options"])
def test_return_is_for_get_alone(gated, challenged, method):
    assert getattr(gated.client, method)(return_url(challenged.step_up.key)).status_code == 405


def test_return_to_a_key_that_is_no_key_is_not_found(client, db):
    assert client.get("/step-up/return/../").status_code == 404
    assert client.get("/step-up/return/1/").status_code == 404


# The status


@pytest.mark.parametrize(("status", "word"), [(Status.PENDING, b"pending"), (Status.VOID, b"expired")])
def test_status_is_plain_text_for_whoever_holds_the_capability(challenged, client, status, word):
    TrackedAction.objects.update(status=status)
    response = client.get(status_url(challenged.step_up.key))
    assert (response.status_code, response.content, response["Content-Type"]) == (200, word, "text/plain")
    assert_hardened(response)


def test_status_touches_no_session(gated, challenged, django_assert_num_queries):
    with django_assert_num_queries(1):
        response = gated.client.get(status_url(challenged.step_up.key))
    assert response.cookies == {}


@pytest.mark.parametrize("capability", ["x", "6f9619ff-8b86-4011-b42d-00c04fc964ff", "a:b:c"])
def test_status_without_the_capability_is_unknown(client, db, capability):
    response = client.get(reverse("authsignal:status", args=[capability]))
    assert (response.status_code, response.content) == (404, b"unknown")


def test_status_is_for_get_alone(client, db):
    assert client.post(reverse("authsignal:status", args=["x"])).status_code == 405


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_status_during_a_database_failure_is_unavailable(client, challenged, error):  # F20
    with broken_database("authsignal", error=error):
        assert client.get(status_url(challenged.step_up.key)).status_code == 503


# Enrolment


@pytest.fixture
def unenrolled(gated, authsignal, alice):
    authsignal.unenrolled(alice)
    return gated.client


@pytest.mark.parametrize("method", ["get", "post"])
def test_enrolment_is_for_people_who_are_signed_in(client, authsignal, db, method):  # T34
    response = getattr(client, method)(f"{ENROL}?back=signed")
    assert response.headers["Location"] == "/sign-in/?next=/step-up/enrol/%3Fback%3Dsigned"
    assert authsignal.requests == []


def test_enrol_page_tells_how_to_begin(unenrolled, authsignal):
    response = unenrolled.get(ENROL)
    assert (response.status_code, response.context["state"]) == (200, "start")
    assert_hardened(response)
    assert authsignal.requests == []


def test_enrolment_is_protected_against_forgery(alice, authsignal):  # T28
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert strict.post(ENROL, {"action": "start"}).status_code == 403
    assert authsignal.requests == []


def test_enrolment_leads_to_the_hosted_page_by_303(unenrolled):
    response = unenrolled.post(ENROL)
    assert response.status_code == 303
    assert response.headers["Location"].startswith("http://sandbox.localhost/")
    assert_hardened(response)


def test_way_back_from_the_hosted_page_drops_the_token(client, unenrolled, db):  # T23, T30
    for visitor in (client, unenrolled):
        hop = visitor.get(f"{ENROL}?token=a.b")
        assert (hop.status_code, hop.context["continue_url"]) == (200, f"{ENROL}?returned=1")
        assert b"a.b" not in hop.content
        assert visitor.get(f"{ENROL}?back=x&token=a.b").context["continue_url"] == f"{ENROL}?back=x&returned=1"


def test_signing_in_again_signs_out_and_comes_back(unenrolled):
    response = unenrolled.post(f"{ENROL}?back=x", {"action": "reauthenticate"})
    assert response.headers["Location"] == "/sign-in/?next=/step-up/enrol/%3Fback%3Dx"
    assert "_auth_user_id" not in unenrolled.session


# Managing


MANAGE = "/step-up/manage/"


def test_managing_needs_a_challenge_and_then_leads_to_the_settings_page(gated, authsignal):  # T12
    authsignal.challenge("manageAuthenticators")
    complete_step_up(gated.client, gated.client.get(MANAGE))
    response = gated.client.get(MANAGE)
    assert response.status_code == 303
    assert response.headers["Location"].startswith("http://sandbox.localhost/")
    assert authsignal.requests[-1].payload["redirectToSettings"] is True
    assert outcome(gated.client.get(MANAGE)) == "challenge"


def test_allow_is_not_enough_to_manage(gated, authsignal):  # T12, T13
    assert outcome(gated.client.get(MANAGE)) == "blocked"


def test_stranger_cannot_manage(client, authsignal, db):  # T34
    assert client.get(MANAGE).headers["Location"].startswith("/sign-in/")
    assert authsignal.requests == []


def test_way_back_from_managing_drops_the_token(gated):  # T23
    hop = gated.client.get(f"{MANAGE}?token=a.b")
    assert hop.context["continue_url"] == f"{MANAGE}?returned=1"
    assert_hardened(gated.client.get(hop.context["continue_url"]))


def test_outage_after_the_challenge_offers_to_try_again(gated, authsignal):
    authsignal.challenge("manageAuthenticators")
    complete_step_up(gated.client, gated.client.get(MANAGE))
    authsignal.down()
    response = gated.client.get(MANAGE)
    assert (response.status_code, response.context["retry_url"]) == (503, MANAGE)
    assert response["Retry-After"] == "10"


@pytest.mark.parametrize("method", ["put", "delete", "head", "options"])
def test_enrol_page_is_for_get_and_post_alone(unenrolled, method):
    assert getattr(unenrolled, method)(ENROL).status_code == 405


def test_failed_enrolment_offers_to_try_again(unenrolled, authsignal):
    authsignal.down()
    response = unenrolled.post(f"{ENROL}?back=x")
    assert (response.status_code, response.context["retry_url"]) == (503, f"{ENROL}?back=x")
    assert_hardened(response)
