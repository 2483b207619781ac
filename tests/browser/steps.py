"""What a person does with the dialog and the hosted page."""

from __future__ import annotations


def pay(page, amount, payee="Landlord"):
    """Fill the form of the fetch or the htmx page in, and send it."""
    page.get_by_label("Payee").fill(payee)
    page.get_by_label("Amount").fill(str(amount))
    page.get_by_role("button", name="Pay").click()


def open_verification(page):
    with page.context.expect_page() as opened:
        page.get_by_role("dialog").get_by_role("link", name="Verify").click()
    return opened.value


def type_code(hosted, code="123456"):
    hosted.get_by_label("Code", exact=True).fill(code)
    hosted.get_by_role("button", name="Verify").click()


def verify(page):
    """Pass the challenge in the pop-up, which closes itself, and then the dialog."""
    hosted = open_verification(page)
    with hosted.expect_event("close"):
        type_code(hosted)
    page.get_by_role("dialog").wait_for(state="hidden")
