"""What a person does with a page, the dialog and the hosted page."""

from __future__ import annotations


def pay(page, amount=5000, payee="Landlord"):
    """Fill in the form of the fetch or the htmx page, and send it."""
    page.get_by_label("Payee").fill(payee)
    page.get_by_label("Amount").fill(str(amount))
    page.get_by_role("button", name="Pay").click()


def choose(page, content, name="payments.csv"):
    page.get_by_label("File").set_input_files({"name": name, "mimeType": "text/csv", "buffer": content})


def dialog_of(page):
    return page.get_by_role("dialog")


def press(page, name):
    dialog_of(page).get_by_role("button", name=name).click()


def open_verification(page):
    with page.context.expect_page() as opened:
        dialog_of(page).get_by_role("link", name="Verify").click()
    return opened.value


def type_code(hosted, code="123456"):
    hosted.get_by_label("Code", exact=True).fill(code)
    hosted.get_by_role("button", name="Verify").click()


def pass_challenge(hosted):
    """Type the right code: the pop-up closes itself."""
    with hosted.expect_event("close"):
        type_code(hosted)


def verify(page):
    """Pass the challenge, after which the dialog goes and the request is sent again."""
    pass_challenge(open_verification(page))
    dialog_of(page).wait_for(state="detached")
