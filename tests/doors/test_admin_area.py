"""A window for `admin:*`: the admin's own permission first, then one question per window and not per click."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from django_authsignal.testing import assert_step_up_required, complete_step_up
from tests.journeys.steps import press_continue, statuses

from .conftest import browser_of
from .steps import follow

AREA = {"admin:*": {"action": "adminAccess", "max_age": 900}}
PAGES = ["/admin/", "/admin/auth/group/", "/admin/auth/user/", "/admin/auth/group/add/", "/admin/jsi18n/", "/admin/x/"]


@pytest.fixture(autouse=True)
def _protected(settings, authsignal):
    settings.AUTHSIGNAL_PROTECT = AREA
    authsignal.challenge("adminAccess")


@pytest.fixture
def office(boss):
    """The boss's browser."""
    return browser_of(boss)


def unlocked(browser):
    complete_step_up(browser, browser.get("/admin/"))
    assert browser.get("/admin/").status_code == 200
    return browser


@pytest.mark.parametrize("address", PAGES)
def test_every_page_of_the_admin_is_behind_it(office, address):
    assert_step_up_required(office.get(address), "adminAccess")


def test_window_costs_one_call_and_not_one_per_click(office, authsignal):
    unlocked(office)
    calls = len(authsignal.requests)
    for page in PAGES * 2:
        assert office.get(page).status_code in (200, 404)
    assert office.post("/admin/auth/group/add/", {"name": "Tellers"}).status_code == 302
    group = {"action": "delete_selected", "_selected_action": Group.objects.get().pk, "post": "yes"}
    assert office.post("/admin/auth/group/", group).status_code == 302
    assert (len(authsignal.requests), calls) == (2, 2)  # one track, one validate
    assert statuses() == ["spent"]


def test_window_costs_no_query_on_the_way(office, django_assert_max_num_queries):
    unlocked(office)
    with django_assert_max_num_queries(2) as queries:  # the session and its user
        assert office.get("/admin/jsi18n/").status_code == 200
    assert not [query for query in queries if "authsignal" in query["sql"]]


def test_form_of_the_admin_survives_the_challenge(office):
    rights = [right.pk for right in Permission.objects.all()[:2]]
    holding = office.post("/admin/auth/group/add/", {"name": "Tellers", "permissions": rights})
    assert_step_up_required(holding, "adminAccess")
    assert b"Tellers" in holding.content
    complete_step_up(office, holding)
    assert press_continue(office, holding)["Location"] == "/admin/auth/group/"
    group = Group.objects.get()
    assert (group.name, group.permissions.count()) == ("Tellers", 2)


def test_window_ends(boss, clock):
    clocked = unlocked(browser_of(boss))
    clock.shift(899)
    assert clocked.get("/admin/").status_code == 200
    clock.shift(1)
    assert_step_up_required(clocked.get("/admin/"))


def test_window_is_of_one_browser(office, boss):  # T21
    unlocked(office)
    assert_step_up_required(browser_of(boss).get("/admin/"))


def test_key_of_the_session_changes_with_the_window(office, boss):  # A20 T20
    planted = Client()
    planted.cookies["sessionid"] = office.cookies["sessionid"].value
    unlocked(office)
    assert planted.get("/admin/")["Location"].startswith("/admin/login/")


# Permission first


@pytest.mark.parametrize("address", PAGES)
def test_stranger_is_left_to_the_login_of_the_admin(db, authsignal, address):  # A26 T34
    browser = Client()
    landed = follow(browser, browser.get(address))
    assert (landed.status_code, landed.request["PATH_INFO"]) == (200, "/admin/login/")
    assert (authsignal.requests, statuses()) == ([], [])


@pytest.mark.parametrize("address", PAGES)
def test_customer_without_staff_rights_is_left_to_the_login_of_the_admin(client, authsignal, address):  # T28
    landed = follow(client, client.get(address))
    assert (landed.status_code, landed.request["PATH_INFO"]) == (200, "/admin/login/")
    assert (authsignal.requests, statuses()) == ([], [])


def test_customer_can_sign_in_there_as_somebody_else(client, boss, authsignal):
    credentials = {"username": "boss", "password": "boss", "next": "/admin/"}
    assert client.post("/admin/login/?next=/admin/", credentials)["Location"] == "/admin/"
    assert authsignal.requests == []
    assert_step_up_required(client.get("/admin/"))


def test_login_of_the_admin_leads_to_the_challenge_and_on(boss, authsignal):
    browser = Client()
    response = browser.post("/admin/login/?next=/admin/", {"username": "boss", "password": "boss", "next": "/admin/"})
    landed = follow(browser, response)
    assert (landed.status_code, landed.request["PATH_INFO"]) == (200, "/admin/")


def test_logout_of_the_admin_needs_no_step_up(office):
    assert office.post("/admin/logout/").status_code in (200, 302)
    assert "_auth_user_id" not in office.session


def test_boss_who_lost_the_rights_is_not_asked(office, boss, authsignal):  # T22
    unlocked(office)
    boss.is_staff = boss.is_superuser = False
    boss.save()
    calls = len(authsignal.requests)
    assert office.get("/admin/")["Location"].startswith("/admin/login/")
    assert len(authsignal.requests) == calls


def test_forged_post_starts_nothing(boss, authsignal):  # A24 T28
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(boss)
    assert strict.post("/admin/auth/group/add/", {"name": "x"}).status_code == 403
    assert authsignal.requests == []


# Answers


@pytest.mark.parametrize("address", PAGES[:4])
def test_every_answer_of_the_area_is_kept_by_no_cache(office, address):  # A25 T31
    for response in (office.get(address), unlocked(office).get(address)):
        assert {"private", "no-store"} <= set(response["Cache-Control"].replace(" ", "").split(","))
        assert "Cookie" in response["Vary"]


def test_cache_of_the_site_shows_the_area_to_nobody_else(office, boss, settings):  # T31
    """Approved GET, then a new session, under Django's cache for the whole site."""
    settings.MIDDLEWARE = [
        "django.middleware.cache.UpdateCacheMiddleware",
        *settings.MIDDLEWARE,
        "django.middleware.cache.FetchFromCacheMiddleware",
    ]
    unlocked(office).get("/admin/auth/group/")
    assert_step_up_required(browser_of(boss).get("/admin/auth/group/"))
    type(boss).objects.filter(pk=boss.pk).update(is_active=False)
    assert office.get("/admin/auth/group/")["Location"].startswith("/admin/login/")


def test_answers_of_the_gate_are_never_framed(office, authsignal):  # A25 T33
    holding = office.post("/admin/auth/group/add/", {"name": "x"})
    authsignal.block("adminAccess")
    for response in (holding, office.get("/admin/?again"), office.get("/admin/", headers={"Accept": "text/json"})):
        assert response["X-Frame-Options"] == "DENY"
        assert response["Cross-Origin-Opener-Policy"] == "same-origin-allow-popups"  # SecurityMiddleware leaves it
        assert response["X-Content-Type-Options"] == "nosniff"


def test_single_use_area_asks_for_every_click(office, settings):
    settings.AUTHSIGNAL_PROTECT = {"admin:*": {"action": "adminAccess"}}
    complete_step_up(office, office.get("/admin/"))
    assert office.get("/admin/").status_code == 200
    assert_step_up_required(office.get("/admin/"))


def test_report_only_area_lets_the_admin_work(office, settings, authsignal):
    settings.AUTHSIGNAL_PROTECT = {"admin:*": {"action": "adminAccess", "max_age": 900, "mode": "report_only"}}
    authsignal.down()
    assert office.get("/admin/").status_code == 200
    authsignal.up()
    assert office.post("/admin/auth/group/add/", {"name": "x"}).status_code == 302
    settings.AUTHSIGNAL_PROTECT = AREA
    assert_step_up_required(office.get("/admin/"))  # to be watched opens no window
