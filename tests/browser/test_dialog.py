"""The dialog: seen, heard, and reached by keyboard."""

from __future__ import annotations

import pytest

from .steps import dialog_of, open_verification, pay, press, verify

pytestmark = pytest.mark.browser

SIZES = {"phone": {"width": 390, "height": 844}, "desktop": {"width": 1280, "height": 900}}


def fits(page):
    """Whether nothing of the dialog lies outside of the window, nor has to be scrolled to sideways."""
    box, size = dialog_of(page).bounding_box(), page.viewport_size
    width = page.evaluate("document.documentElement.scrollWidth")
    return width <= size["width"] and box["x"] >= 0 and box["x"] + box["width"] <= size["width"] and box["y"] >= 0


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_state_passes_axe_and_fits(visit, violations, scheme, size):
    page = visit("/fetch/", color_scheme=scheme, viewport=SIZES[size])
    pay(page, 5000, "Power & Water Company of the Long Name")
    dialog_of(page).wait_for()
    assert fits(page)
    assert violations(page) == ""

    hosted = open_verification(page)
    dialog_of(page).get_by_text("Waiting for you to finish").wait_for()
    assert fits(page)
    assert violations(page) == ""

    hosted.get_by_role("button", name="Fail").click()
    dialog_of(page).get_by_text("You were not verified.").wait_for()
    assert fits(page)
    assert violations(page) == ""


def test_enrol_and_refused_states_pass_axe(sign_in, carol, violations):
    page = sign_in(carol, "/fetch/")
    pay(page, 50)
    dialog_of(page).get_by_role("link", name="Set up verification").wait_for()
    assert violations(page) == ""

    press(page, "Cancel")
    pay(page, 50, "Blocked Ltd")
    dialog_of(page).get_by_role("button", name="Close").wait_for()
    assert violations(page) == ""


def test_dialog_is_named_described_and_holds_the_focus(visit):
    page = visit("/fetch/")
    pay(page)
    dialog = page.get_by_role("dialog", name="Verify that it is you")
    dialog.wait_for()

    assert dialog.evaluate("(dialog) => document.getElementById(dialog.getAttribute('aria-describedby')).textContent")
    focused = page.locator(":focus")
    assert focused.inner_text() == "Verify"
    assert "opens in a new window" in page.locator(f"#{focused.get_attribute('aria-describedby')}").inner_text()
    page.keyboard.press("Tab")
    assert focused.inner_text() == "Cancel"
    page.keyboard.press("Enter")
    dialog.wait_for(state="detached")
    assert focused.inner_text() == "Pay"


def test_progress_and_outcome_are_announced(visit):
    page = visit("/fetch/")
    pay(page)
    heard = dialog_of(page).get_by_role("status")
    assert heard.inner_text() == ""
    hosted = open_verification(page)
    assert heard.inner_text().startswith("Waiting for you to finish in the other window.")
    hosted.get_by_role("button", name="Fail").click()
    heard.get_by_text("You were not verified.").wait_for()
    assert page.locator(":focus").inner_text() == "Try again"
    hosted.close()
    press(page, "Try again")

    verify(page)
    page.get_by_role("status").get_by_text("You are verified. Sending…").wait_for()


def test_cancelling_is_announced(visit):
    page = visit("/fetch/")
    pay(page)
    press(page, "Cancel")

    page.get_by_role("status").get_by_text("Cancelled. Nothing was done.").wait_for()


def test_whole_way_by_keyboard(visit, paid):
    page = visit("/fetch/")
    page.get_by_label("Payee").fill("Landlord")
    page.get_by_label("Amount").fill("5000")
    page.keyboard.press("Enter")
    dialog_of(page).wait_for()
    with page.context.expect_page() as opened:
        page.keyboard.press("Enter")
    hosted = opened.value
    hosted.get_by_label("Code", exact=True).wait_for()
    hosted.keyboard.type("123456")
    with hosted.expect_event("close"):
        hosted.keyboard.press("Enter")

    page.get_by_text("You sent $5000").wait_for()
    assert paid() == [("Landlord", 5000)]
