"""The whole way of a transfer in a real browser, over real servers: with scripts and without."""

from __future__ import annotations

from decimal import Decimal

import pytest

from example_project.bank.models import Transfer
from example_project.bank.seed import open_account

pytestmark = pytest.mark.browser


@pytest.fixture(params=[True, False], ids=["scripts", "no scripts"])
def scripts(request):
    return request.param


@pytest.fixture
def alice(bank_server):
    return open_account("alice")


@pytest.fixture
def page(new_page, scripts, bank_server, alice):
    """Alice's browser, with a challenged transfer of 5,000 before her."""
    page = new_page(java_script_enabled=scripts)
    sign_in(page, bank_server, "alice")
    page.get_by_role("navigation").get_by_role("link", name="Transfer").click()
    page.get_by_label("Payee").fill("Landlord")
    page.get_by_label("Amount").fill("5000")
    page.get_by_role("button", name="Send money").click()
    page.get_by_role("heading", name="Verify that it is you").wait_for()
    return page


def sign_in(page, bank_server, username):
    page.goto(f"{bank_server.url}/sign-in/")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(username)
    page.get_by_role("button", name="Sign in").click()


def open_verification(page):
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Verify").click()
    return opened.value


def type_code(hosted, code):
    hosted.get_by_label("Code", exact=True).fill(code)
    hosted.get_by_role("button", name="Verify").click()


def pass_verification(page, hosted, scripts):
    """Type the right code, and be back at the page that waits."""
    if scripts:
        with hosted.expect_event("close"):
            type_code(hosted, "123456")
        page.get_by_text("You are verified.").wait_for()
    else:
        type_code(hosted, "123456")
        hosted.get_by_role("heading", name="You are verified").wait_for()
        hosted.close()


def ledger():
    return list(Transfer.objects.values_list("payee", "amount"))


def test_challenged_transfer_is_paid_once_and_told_in_the_admin(page, bank_server, scripts):
    """The happy path of the whole product (A1)."""
    assert page.get_by_text("Landlord").is_visible()
    hosted = open_verification(page)
    type_code(hosted, "000000")
    hosted.get_by_role("alert").wait_for()
    pass_verification(page, hosted, scripts)
    assert ledger() == []

    page.get_by_role("button", name="Continue").click()

    page.get_by_text("You sent $5,000.00 to Landlord.").wait_for()
    assert page.url == f"{bank_server.url}/"
    assert ledger() == [("Landlord", Decimal("5000.00"))]

    page.get_by_role("button", name="Sign out").click()
    open_account("admin", is_staff=True, is_superuser=True)
    sign_in(page, bank_server, "admin")
    page.goto(f"{bank_server.url}/admin/authsignal/trackedaction/")
    page.locator("#result_list tbody a").first.click()
    page.get_by_text("The user passed the challenge").wait_for()
    page.get_by_text("The approval was spent").wait_for()


def test_double_click_on_continue_pays_once_and_says_so(page, scripts):
    """A second click meets a key that is spent already, or no form to send (T6)."""
    pass_verification(page, open_verification(page), scripts)

    page.get_by_role("button", name="Continue").dblclick()

    # Without scripts both requests go out, and the browser shows the answer to the second.
    paid, already = page.get_by_text("You sent $5,000.00"), page.get_by_text("This was already sent")
    paid.or_(already).first.wait_for()
    assert ledger() == [("Landlord", Decimal("5000.00"))]


def test_continue_without_verification_pays_nothing(page):
    page.get_by_role("button", name="Continue").click()

    page.get_by_role("heading", name="Verify that it is you").wait_for()
    assert ledger() == []
