"""Forms with data-step-up: sent by the script, answered as by the browser, and never asked for twice."""

from __future__ import annotations

import hashlib

import pytest

from .steps import choose, dialog_of, press, verify

pytestmark = pytest.mark.browser

# Line ends of every kind, a byte order mark's cousin, and a quoted field: what a careless script would change.
PAYMENTS = 'payee,amount,reference\r\nLandlord,1200.00,"Rent; März"\nGrocer ☕,64.10,\n'.encode()
PAID = [("Landlord", 1200), ("Grocer ☕", 64.1)]
SENT = f"You sent 2 payments from payments.csv (SHA-256 {hashlib.sha256(PAYMENTS).hexdigest()})."


@pytest.fixture
def page(visit):
    page = visit("/upload/")
    choose(page, PAYMENTS)
    return page


def send(page):
    page.get_by_role("button", name="Send payments").click()


def test_file_is_not_asked_for_again_and_arrives_intact(page, paid):
    send(page)
    verify(page)

    page.get_by_text(SENT).wait_for()
    assert paid() == PAID


def test_file_is_asked_for_again_visibly_without_scripts(visit, paid):
    page = visit("/upload/", java_script_enabled=False)
    choose(page, PAYMENTS)
    send(page)
    page.get_by_role("heading", name="Verify that it is you").wait_for()
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Verify").click()
    opened.value.get_by_label("Code", exact=True).fill("123456")
    opened.value.get_by_role("button", name="Verify").click()
    opened.value.get_by_role("heading", name="You are verified").wait_for()
    choose(page, PAYMENTS)
    page.get_by_role("button", name="Continue").click()

    page.get_by_text(SENT).wait_for()
    assert paid() == PAID


def test_double_click_sends_once(page, paid):  # T6
    page.get_by_role("button", name="Send payments").dblclick()
    verify(page)

    page.get_by_text(SENT).wait_for()
    assert paid() == PAID


def test_cancelled_form_keeps_its_file_and_can_be_sent_again(page, paid):
    send(page)
    press(page, "Cancel")
    dialog_of(page).wait_for(state="detached")
    assert page.get_by_label("File").evaluate("(input) => input.files.length") == 1
    assert paid() == []

    send(page)
    verify(page)
    page.get_by_text(SENT).wait_for()
    assert paid() == PAID


def test_back_after_success_repeats_nothing_and_leaves_the_form_usable(page, paid, bank_url):
    send(page)
    verify(page)
    page.get_by_text(SENT).wait_for()
    page.goto(bank_url)
    page.go_back()
    page.get_by_label("File").wait_for()
    assert paid() == PAID

    choose(page, PAYMENTS)
    send(page)
    dialog_of(page).get_by_role("link", name="Verify").wait_for()
    assert paid() == PAID


def test_file_that_cannot_be_read_is_told_and_the_form_stays(page, paid):
    choose(page, b"payee,amount\nLandlord,-1\n")
    send(page)

    dialog_of(page).get_by_text("Line 2 is no payment: payee,amount,reference").wait_for()
    press(page, "Close")
    dialog_of(page).wait_for(state="detached")
    choose(page, PAYMENTS)
    send(page)
    verify(page)
    page.get_by_text(SENT).wait_for()
    assert paid() == PAID


def test_signed_out_customer_is_sent_to_sign_in(page, paid):
    page.context.clear_cookies(name="sessionid")
    send(page)

    page.wait_for_url("**/sign-in/?next=/upload/")
    assert paid() == []


def test_lost_connection_is_told_and_the_form_stays(page, paid):
    page.route("**/upload/", lambda route: route.abort())
    send(page)
    dialog_of(page).get_by_text("Check your connection, and whether it was carried out").wait_for()
    press(page, "Close")
    page.unroute_all()

    send(page)
    verify(page)
    page.get_by_text(SENT).wait_for()
    assert paid() == PAID


def redirect_form(page, to):
    page.locator("form[data-step-up]").evaluate("(form, to) => form.setAttribute('action', to)", to)


def test_page_in_answer_is_shown_at_its_address(page, bank_url):
    redirect_form(page, "/sign-in/")
    send(page)

    page.get_by_role("heading", name="Sign in").wait_for()
    assert page.get_by_text("This field is required.").count() == 2
    assert page.url == f"{bank_url}/sign-in/"


def test_attachment_in_answer_is_saved_under_its_name(page):
    headers = {"Content-Type": "text/html", "Content-Disposition": 'attachment; filename="receipt.html"'}
    page.route("**/receipt/", lambda route: route.fulfill(body="<script>never()</script>", headers=headers))
    redirect_form(page, "/receipt/")
    with page.expect_download() as download:
        send(page)

    assert download.value.suggested_filename == "receipt.html"
    page.locator("form[data-step-up]:not([aria-busy])").wait_for()


def test_scripts_of_an_answer_run_only_under_the_nonce_of_its_own_policy(page):
    """The page's policy stays in force when it shows an answer, whose policy names another nonce."""

    def with_nonce(route):
        response = route.fetch()
        policy = {"content-security-policy": "default-src 'self'; script-src 'nonce-page'"}
        body = response.text().replace("<script ", '<script nonce="page" ')
        route.fulfill(response=response, headers=response.headers | policy, body=body)

    answer = {
        "body": '<!doctype html><title>Answer</title><script nonce="answer">document.write("It ran.");</script>',
        "headers": {"Content-Type": "text/html", "Content-Security-Policy": "script-src 'nonce-answer'"},
    }
    page.route("**/upload/", with_nonce)
    page.route("**/answer/", lambda route: route.fulfill(**answer))
    page.reload()
    choose(page, PAYMENTS)
    redirect_form(page, "/answer/")
    send(page)

    page.get_by_text("It ran.").wait_for()


def test_choice_of_button_and_encoding_are_those_of_the_form(page):
    """The names and values that arrive are the browser's own, line ends included."""
    sent = []
    page.route("**/echo/", lambda route: (sent.append(route.request), route.fulfill(status=204)))
    form = page.locator("form[data-step-up]")
    form.evaluate(
        """(form) => {
            form.insertAdjacentHTML("beforeend", '<textarea name="action"></textarea><button name="do" value="one"'
                + ' formaction="/echo/" formenctype="application/x-www-form-urlencoded">One</button>');
            form.querySelector("textarea").value = "a\\nb";
        }"""
    )
    page.get_by_role("button", name="One").click()
    page.locator("form[data-step-up]:not([aria-busy])").wait_for()

    [request] = sent
    assert request.headers["content-type"].startswith("application/x-www-form-urlencoded")
    body = request.post_data
    assert "action=a%0D%0Ab" in body
    assert "do=one" in body
    assert "file=payments.csv" in body
    assert "send=" not in body
