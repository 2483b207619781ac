"""htmx: its own request is repeated, and its answer swapped in as if nothing had happened."""

from __future__ import annotations

from pathlib import Path

import pytest

from .steps import dialog_of, pay, press, verify

pytestmark = pytest.mark.browser

OLD = Path(__file__).parent / "assets" / "htmx-1.9.12.min.js"


@pytest.fixture(params=["1.9.12", "2.0.11"])
def page(request, visit):
    page = visit("/")
    if request.param == "1.9.12":
        page.route("**/vendor/htmx.min.js", lambda route: route.fulfill(path=OLD, content_type="text/javascript"))
    page.goto(f"{page.url}htmx/")
    assert page.evaluate("htmx.version") == request.param
    return page


def rows(page):
    return page.locator("#transfers tbody tr").all_inner_texts()


def test_allowed_request_meets_no_dialog(page, paid):
    pay(page, 50)

    page.get_by_text("You sent $50.00 to Landlord.").wait_for()
    assert paid() == [("Landlord", 50)]


def test_cancelled_request_changes_nothing_and_can_be_tried_again(page, paid):
    pay(page, 5000)
    press(page, "Cancel")
    dialog_of(page).wait_for(state="detached")
    assert (rows(page), paid()) == ([], [])

    page.get_by_role("button", name="Pay").click()
    verify(page)
    page.get_by_text("You sent $5,000.00 to Landlord.").wait_for()
    assert len(rows(page)) == 1
    assert paid() == [("Landlord", 5000)]


def test_repeated_request_is_the_first_one_to_the_letter(page, paid):
    """Values that htmx would gather anew are those that were approved; its question is not asked twice."""
    asked = []
    page.on("dialog", lambda question: (asked.append(question.message), question.accept()))
    page.locator("form[hx-post]").evaluate("(form) => form.setAttribute('hx-confirm', 'Sure?')")
    pay(page, 5000)
    dialog_of(page).wait_for()
    page.locator("#amount").evaluate("(field) => { field.value = 9000; }")
    verify(page)

    page.get_by_text("You sent $5,000.00 to Landlord.").wait_for()
    assert asked == ["Sure?"]
    assert paid() == [("Landlord", 5000)]


def test_double_click_pays_once(page, paid):  # T6
    page.get_by_label("Payee").fill("Landlord")
    page.get_by_label("Amount").fill("5000")
    page.get_by_role("button", name="Pay").dblclick()
    verify(page)

    page.get_by_text("You sent $5,000.00 to Landlord.").wait_for()
    page.wait_for_load_state("networkidle")
    assert paid() == [("Landlord", 5000)]
