"""The bank in a real browser: on the narrowest phone, light and dark, with and without scripts."""

from __future__ import annotations

import pytest

from example_project.bank.seed import open_account

pytestmark = pytest.mark.browser


@pytest.fixture
def alice(bank_server):
    user = open_account("alice")
    user.account.pay(payee="Power & Water Company of the Long Name", amount=1, reference="a" * 80)
    return user


@pytest.mark.parametrize(
    "options",
    [{"color_scheme": "light"}, {"color_scheme": "dark", "java_script_enabled": False}],
    ids=["light", "dark, no scripts"],
)
def test_pages_fit_a_narrow_phone(bank_server, alice, new_page, options):
    page = new_page(viewport={"width": 320, "height": 640}, **options)
    page.goto(f"{bank_server.url}/sign-in/")
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill("alice")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Balance").wait_for()

    for name in ["Home", "Transfer", "Profile"]:
        page.get_by_role("navigation").get_by_role("link", name=name).click()
        page.locator("nav [aria-current=page]", has_text=name).wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") == 320
