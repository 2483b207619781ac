"""Every page of the gate and of the bank, as axe sees it (WCAG 2.2 AA): phone and desktop, light and dark."""

from __future__ import annotations

import uuid

import pytest

from django_authsignal.models import TrackedAction
from example_project.bank.seed import open_account
from tests.rig.missing import accessible_admin

pytestmark = pytest.mark.browser

WINDOWS = [({"width": 390, "height": 844}, "light"), ({"width": 1280, "height": 900}, "dark")]
PAGES = ["/", "/transfer/", "/profile/", "/upload/", "/fetch/", "/htmx/", f"/step-up/return/{uuid.UUID(int=1)}/"]


@pytest.fixture(params=WINDOWS, ids=["phone-light", "desktop-dark"])
def visit(request, sign_in):
    viewport, scheme = request.param
    return lambda user, path: sign_in(user, path, viewport=viewport, color_scheme=scheme)


def send(page, amount, payee):
    page.get_by_label("Payee").fill(payee)
    page.get_by_label("Amount").fill(amount)
    page.get_by_role("button", name="Send money").click()
    page.locator("#step-up").wait_for()


@pytest.mark.parametrize("path", PAGES)
def test_page_passes_axe(visit, alice, violations, path):
    assert violations(visit(alice, path)) == ""


@pytest.mark.parametrize(("amount", "payee"), [("5000", "Landlord"), ("5", "Blocked Ltd")])
def test_refusal_passes_axe(visit, alice, violations, amount, payee):
    page = visit(alice, "/transfer/")
    send(page, amount, payee)
    assert violations(page) == ""


def test_enrolment_passes_axe(visit, carol, bank_url, violations):
    page = visit(carol, "/transfer/")
    send(page, "5000", "Landlord")
    assert violations(page) == ""
    page.goto(bank_url + page.get_by_role("link", name="Set up verification").get_attribute("href"))
    assert violations(page) == ""


@accessible_admin
def test_history_passes_axe(visit, alice, violations):
    send(visit(alice, "/transfer/"), "5", "Blocked Ltd")
    admin = open_account("admin", is_staff=True, is_superuser=True)
    page = visit(admin, f"/admin/authsignal/trackedaction/{TrackedAction.objects.get().pk}/change/")
    assert violations(page) == ""
