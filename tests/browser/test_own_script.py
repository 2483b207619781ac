"""The script that the documentation gives to those who write their own, word for word: docs/how-to/fetch.md."""

from __future__ import annotations

import pytest

from tests.docs.fences import ROOT, blocks_of

from .steps import pass_challenge

pytestmark = pytest.mark.browser

SCRIPT = next(block.text for block in blocks_of(ROOT / "docs/how-to/fetch.md") if "async function send" in block.text)
SEND = f"""(terms) => {{
    {SCRIPT}
    const showLink = (url) => {{
        const link = document.createElement("a");
        document.body.append(Object.assign(link, {{ href: url, target: "_blank", textContent: "Prove" }}));
    }};
    const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
    const options = {{
        method: "POST",
        headers: {{ "Content-Type": "application/json", "X-CSRFToken": token }},
        body: JSON.stringify(terms),
    }};
    window.sent = send("/fetch/payments/", options).then((response) => response.status);
}}"""


def test_script_sends_the_request_again_once_it_is_approved(visit, paid):
    page = visit("/fetch/")
    page.evaluate(SEND, {"amount": 5000, "payee": "Landlord"})
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Prove").click()
    assert paid() == []
    pass_challenge(opened.value)
    assert (page.evaluate("window.sent"), paid()) == (200, [("Landlord", 5000)])


def test_script_hands_back_a_refusal(visit, paid):
    page = visit("/fetch/")
    page.evaluate(SEND, {"amount": 50, "payee": "Blocked Ltd"})
    assert (page.evaluate("window.sent"), paid()) == (403, [])
