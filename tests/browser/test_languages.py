"""Languages that need more room or another font, and Arabic: the package brings no texts for it, but turns round."""

from __future__ import annotations

import uuid

import pytest

from django_authsignal.models import TrackedAction
from django_authsignal.services import rollup
from example_project.bank.seed import open_account
from tests.rig.history import seed_history

from .steps import dialog_of, pay

pytestmark = pytest.mark.browser

LIST = "/admin/authsignal/trackedaction/"
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
WINDOWS = [("de", PHONE), ("ja", PHONE), ("ar", PHONE), ("ar", DESKTOP)]

OURS = "main.step-up *, .authsignal-action *, .authsignal-dashboard :not(.authsignal-table *)"
OUTSIDE = """nodes => nodes.filter(node => {
    const { left, right, width } = node.getBoundingClientRect()
    return width && (left < -1 || right > innerWidth + 1)
}).map(node => node.outerHTML.slice(0, 80))"""
UPRIGHT = "nodes => nodes.every(node => node.offsetWidth >= node.offsetHeight)"
"""No word is broken into a column of single characters."""
LEFT_TO_RIGHT = "nodes => nodes.length && nodes.every(node => getComputedStyle(node).direction === 'ltr')"


@pytest.fixture(params=WINDOWS, ids=["de-phone", "ja-phone", "ar-phone", "ar-desktop"])
def window(request):
    language, viewport = request.param
    return {"locale": language, "viewport": viewport}


@pytest.fixture
def fits(window):
    def fits(page):
        """Whether the page runs as its language does, and nothing of it beyond the window."""
        html = page.locator("html")
        assert html.get_attribute("lang") == window["locale"]
        assert html.get_attribute("dir") == ("rtl" if window["locale"] == "ar" else "ltr")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page itself scrolls sideways"
        assert page.eval_on_selector_all(OURS, OUTSIDE) == []
        return True

    return fits


def send(page, amount, payee):
    page.get_by_label("Payee").fill(payee)
    page.get_by_label("Amount").fill(amount)
    page.get_by_role("button", name="Send money").click()
    page.locator("#step-up").wait_for()


def test_pages_of_the_gate_fit(sign_in, alice, bank_url, window, fits):
    page = sign_in(alice, "/transfer/", **window)
    send(page, "5000", "Landlord (flat 3)")
    assert fits(page)
    assert page.locator(".step-up-shown dd bdi").evaluate_all(LEFT_TO_RIGHT)  # the amount and the payee
    page.goto(f"{bank_url}/transfer/")
    send(page, "5", "Blocked Ltd")
    assert fits(page)
    page.goto(f"{bank_url}/step-up/return/{uuid.UUID(int=1)}/")
    assert fits(page)


def test_enrolment_fits(sign_in, carol, window, fits):
    assert fits(sign_in(carol, "/step-up/enrol/", **window))


def test_dialog_fits(sign_in, alice, window):
    page = sign_in(alice, "/fetch/", **window)
    if window["locale"] == "ar":  # the bank itself speaks English only
        page.evaluate("document.documentElement.dir = 'rtl'")
    pay(page)
    dialog = dialog_of(page)
    dialog.locator("#step-up-dialog-verify").wait_for()
    assert page.eval_on_selector_all("dialog, dialog *", OUTSIDE) == []
    assert dialog.evaluate("dialog => dialog.scrollWidth <= dialog.clientWidth")
    assert dialog.locator("dd bdi").evaluate_all(LEFT_TO_RIGHT)


def test_operators_pages_fit(sign_in, transactional_db, bank_url, window, fits):
    seed_history(days=16, per_day=20, user=open_account("alice"))
    rollup.refresh()
    admin = open_account("admin", is_staff=True, is_superuser=True)
    page = sign_in(admin, LIST, **window)
    assert fits(page)
    assert page.eval_on_selector_all(".authsignal-status", UPRIGHT)
    row = TrackedAction.objects.filter(reason="block").latest("pk")
    page.goto(f"{bank_url}{LIST}{row.pk}/change/")
    assert fits(page)
    for code in (f"{row.method} {row.route}", str(row.idempotency_key), row.action):
        assert page.get_by_text(code, exact=True).evaluate_all(LEFT_TO_RIGHT), code
    page.goto(f"{bank_url}{LIST}{row.pk}/lift/")
    assert fits(page)
    page.goto(f"{bank_url}{LIST}dashboard/?days=7")
    for summary in page.locator(".authsignal-panel summary").all():
        summary.click()
    assert fits(page)
    if window["locale"] == "ja":  # without spaces between words
        assert page.eval_on_selector_all(".authsignal-table thead th", UPRIGHT)
    assert page.eval_on_selector_all(".authsignal-chart", LEFT_TO_RIGHT)
