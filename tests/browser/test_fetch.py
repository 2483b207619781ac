from __future__ import annotations

import pytest

from .steps import open_verification, pay, type_code, verify

pytestmark = pytest.mark.browser


def test_fetch_steps_up_and_pays_once(visit, paid):
    page = visit("/fetch/")
    pay(page, 5000)
    verify(page)

    page.get_by_text("You sent $5000 to Landlord.").or_(page.get_by_text("You sent $5000.00 to Landlord.")).wait_for()
    assert paid() == [("Landlord", 5000)]
