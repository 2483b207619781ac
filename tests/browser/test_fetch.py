"""authsignal.fetch: the page stays, and what it sends is carried out once."""

from __future__ import annotations

import pytest

from .steps import dialog_of, open_verification, pass_challenge, pay, press, type_code, verify

pytestmark = pytest.mark.browser

SEND = """([amount, payee]) => {
    const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
    window.answers ??= [];
    authsignal.fetch("/fetch/payments/", {
        method: "POST",
        headers: {"Content-Type": "application/json", "X-CSRFToken": token},
        body: JSON.stringify({amount, payee}),
    }).then((response) => window.answers.push(response.status));
}"""


@pytest.fixture
def page(visit):
    return visit("/fetch/")


def test_page_has_the_policies_under_which_all_this_is_proved(page):
    headers = page.reload().headers
    assert headers["content-security-policy"].startswith("default-src 'self';")
    assert headers["cross-origin-opener-policy"] == "same-origin"


def test_challenged_request_is_sent_again_and_pays_once(page, paid):
    pay(page, 5000)
    verify(page)

    page.get_by_text("You sent $5000").wait_for()
    assert paid() == [("Landlord", 5000)]
    assert page.get_by_role("button", name="Pay").evaluate("(button) => button === document.activeElement")


def test_allowed_request_meets_no_dialog(page, paid):
    pay(page, 50)

    page.get_by_text("You sent $50").wait_for()
    assert dialog_of(page).count() == 0
    assert paid() == [("Landlord", 50)]


def test_blocked_request_is_told_and_returned(page, paid):
    pay(page, 50, "Blocked Ltd")
    dialog_of(page).get_by_text("Nothing was done. If you think this is a mistake").wait_for()
    assert dialog_of(page).get_by_role("link").count() == 0
    press(page, "Close")

    page.get_by_text("Nothing was sent.").wait_for()
    assert paid() == []


def test_what_is_approved_is_shown(page):
    pay(page, 5000, "Ann & \u202eBob")

    dialog_of(page).get_by_role("heading", name="You are about to approve").wait_for()
    assert dialog_of(page).get_by_role("definition").all_inner_texts() == ["Ann & ⟨U+202E⟩Bob", "5,000"]


@pytest.mark.parametrize("how", ["button", "Escape"])
def test_cancelled_request_is_not_sent_and_can_be_tried_again(page, paid, how):
    pay(page, 5000)
    dialog_of(page).wait_for()
    press(page, "Cancel") if how == "button" else page.keyboard.press("Escape")
    page.get_by_text("Nothing was sent.").wait_for()
    assert paid() == []

    page.get_by_role("button", name="Pay").click()
    verify(page)
    page.get_by_text("You sent $5000").wait_for()
    assert paid() == [("Landlord", 5000)]


def test_pop_up_closed_by_hand_leaves_the_page_usable(page, paid):
    pay(page, 5000)
    open_verification(page).close()
    dialog_of(page).get_by_text("Waiting for you to finish").wait_for()

    verify(page)
    page.get_by_text("You sent $5000").wait_for()
    assert paid() == [("Landlord", 5000)]


def test_failed_challenge_is_told_and_can_be_tried_again(page, paid):
    pay(page, 5000)
    hosted = open_verification(page)
    hosted.get_by_role("button", name="Fail").click()
    dialog_of(page).get_by_text("You were not verified.").wait_for()
    hosted.get_by_role("heading", name="The verification failed").wait_for()
    hosted.close()
    press(page, "Try again")

    dialog_of(page).get_by_role("link", name="Verify").wait_for()
    verify(page)
    page.get_by_text("You sent $5000").wait_for()
    assert paid() == [("Landlord", 5000)]


def test_blocked_pop_up_falls_back_to_a_tab(page, paid):
    page.evaluate("window.open = () => null")
    pay(page, 5000)
    tab = open_verification(page)
    type_code(tab)

    page.get_by_text("You sent $5000").wait_for()
    assert paid() == [("Landlord", 5000)]


def test_outcome_is_learnt_from_the_status_url_where_no_message_arrives(page, paid):
    """Pages of other partitions, private windows: BroadcastChannel is only the faster way."""
    page.context.add_init_script("BroadcastChannel.prototype.postMessage = () => {}")
    pay(page, 5000)
    verify(page)

    page.get_by_text("You sent $5000").wait_for()
    assert paid() == [("Landlord", 5000)]


def test_two_tabs_at_once_pay_what_each_showed(page, paid):
    other = page.context.new_page()
    other.goto(page.url)
    pay(page, 5000, "Landlord")
    pay(other, 6000, "Builder")
    hosted, other_hosted = open_verification(page), open_verification(other)
    pass_challenge(other_hosted)
    other.get_by_text("You sent $6000").wait_for()
    assert paid() == [("Builder", 6000)]

    pass_challenge(hosted)
    page.get_by_text("You sent $5000").wait_for()
    assert paid() == [("Builder", 6000), ("Landlord", 5000)]


def test_two_requests_at_once_are_asked_about_in_turn(page, paid):
    page.evaluate(SEND, [5000, "Landlord"])
    page.evaluate(SEND, [6000, "Builder"])
    for answers in (1, 2):
        dialog_of(page).wait_for()
        assert dialog_of(page).count() == 1
        pass_challenge(open_verification(page))
        page.wait_for_function(f"window.answers.length === {answers}")

    assert sorted(paid()) == [("Builder", 6000), ("Landlord", 5000)]


def test_the_same_request_twice_at_once_pays_once(page, paid):  # T6
    page.evaluate(SEND, [5000, "Landlord"])
    page.evaluate(SEND, [5000, "Landlord"])
    verify(page)

    page.wait_for_function("window.answers.length === 2")
    assert sorted(page.evaluate("window.answers")) == [200, 403]
    assert paid() == [("Landlord", 5000)]


def test_challenged_get_is_answered_to_the_script_alone(page):
    """The pop-up must not end at the address that the script asked for: it would spend the approval there (A26)."""
    page.evaluate("void authsignal.fetch('/statement/').then((response) => { window.answer = response.status; })")
    verify(page)

    page.wait_for_function("window.answer === 200")


def test_unenrolled_customer_sets_up_and_tries_again(sign_in, carol, paid):
    page = sign_in(carol, "/fetch/")
    pay(page, 50)
    with page.context.expect_page() as opened:
        dialog_of(page).get_by_role("link", name="Set up verification").click()
    tab = opened.value
    tab.get_by_role("button", name="Set up now").click()
    tab.get_by_role("button", name="Use text message").click()
    tab.get_by_role("heading", name="You are set up").wait_for()
    assert paid() == []

    press(page, "Try again")
    page.get_by_text("You sent $50").wait_for()
    assert paid() == [("Landlord", 50)]


@pytest.mark.parametrize(
    "call",
    [
        "authsignal.fetch('/fetch/payments/', {method: 'POST', body: new Blob(['x']).stream(), duplex: 'half'})",
        "authsignal.fetch(new Request('/fetch/payments/', {method: 'POST', body: 'x'}))",
    ],
    ids=["stream", "request"],
)
def test_body_that_can_be_sent_only_once_is_refused(page, call):
    assert "TypeError: authsignal.fetch may send a body twice" in page.evaluate(f"{call}.catch(String)")


def test_challenge_that_is_no_web_address_is_never_offered(page):
    """Whatever an answer says, no script of it runs here."""
    problem = '{title: "T", detail: "D", challenge_url: "javascript:alert(1)", status_url: "/", key: "k"}'
    page.evaluate(f"void authsignal.run({problem})")

    dialog_of(page).wait_for()
    assert dialog_of(page).locator("a[href]").count() == 0
