"""The hosted pages, as a browser without JavaScript uses them; pop-up mode's messages by their text."""

import json
import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

BACK = "http://localhost:8000/back/?next=%2Fa+b&x=1#part"


class Browser:
    """Opens hosted pages and posts their forms, following no redirect."""

    def get(self, url):
        return self._keep(requests.get(url, timeout=5, allow_redirects=False))

    def post(self, url, **form):
        return self._keep(requests.post(url, data=form, timeout=5, allow_redirects=False))

    def _keep(self, response):
        assert "Set-Cookie" not in response.headers
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Cache-Control"] == "no-store"
        return response


@pytest.fixture
def browser():
    return Browser()


@pytest.fixture
def challenge(service):
    service.enrol("u", phoneNumber="+64271234567")
    return service.track("u", "pay", idempotencyKey="k", redirectUrl=BACK, custom={"payee": "<b>Ann</b>"})


def token_in(response):
    assert response.status_code == 303
    return parse_qs(urlsplit(response.headers["Location"]).query)["token"][0]


def kind(response):
    return re.search(r'data-page="(\w*)"', response.text)[1]


def test_challenge_page_shows_the_code_and_what_is_confirmed(browser, challenge):
    page = browser.get(challenge["url"])
    assert (page.status_code, kind(page)) == (200, "challenge")
    assert "The code in the text message to +64271234567 is <strong>123456</strong>" in page.text
    assert "&lt;b&gt;Ann&lt;/b&gt;" in page.text
    assert "Authsignal sandbox" in page.text
    assert "<script" not in page.text


def test_page_may_be_framed(browser, challenge):
    headers = browser.get(challenge["url"]).headers
    assert "X-Frame-Options" not in headers
    assert "Cross-Origin-Opener-Policy" not in headers


@pytest.mark.parametrize("code", ["123456", " 123 456 "])
def test_right_code_leads_back_with_a_token_that_validates(browser, service, store, challenge, code):
    back = browser.post(challenge["url"], do="verify", code=code)
    validation = service.validate(token_in(back), userId="u", action="pay")
    assert (validation["isValid"], validation["idempotencyKey"]) == (True, "k")
    assert validation["verificationMethod"] == "SMS"
    summary = service("GET", "/v1/users/u/actions").json()[0]
    assert summary["verifiedByAuthenticatorId"] == store.user("u").authenticators[0].id


def test_query_and_fragment_of_the_redirect_url_survive(browser, challenge):
    location = browser.post(challenge["url"], do="quit").headers["Location"]
    assert re.fullmatch(r"http://localhost:8000/back/\?next=%2Fa\+b&x=1&token=[\w.-]+#part", location)


def test_wrong_code_says_so_and_changes_nothing(browser, service, challenge):
    page = browser.post(challenge["url"], do="verify", code="000000")
    assert (page.status_code, kind(page)) == (200, "challenge")
    assert "That code is not right" in page.text
    assert service.validate(challenge["token"])["state"] == "CHALLENGE_REQUIRED"


@pytest.mark.parametrize(("do", "state"), [("fail", "CHALLENGE_FAILED"), ("quit", "CHALLENGE_REQUIRED")])
def test_fail_and_quit_lead_back_too(browser, service, challenge, do, state):
    validation = service.validate(token_in(browser.post(challenge["url"], do=do)))
    assert (validation["isValid"], validation["state"]) == (False, state)


def test_answered_challenge_cannot_be_answered_again(browser, service, challenge):
    browser.post(challenge["url"], do="fail")
    back = browser.post(challenge["url"], do="verify", code="123456")
    assert service.validate(token_in(back))["state"] == "CHALLENGE_FAILED"
    assert "This challenge has failed" in browser.get(challenge["url"]).text


def test_action_changed_meanwhile_is_not_overwritten(browser, service, challenge):
    service("PATCH", "/v1/users/u/actions/pay/k", {"state": "BLOCK"})
    back = browser.post(challenge["url"], do="verify", code="123456")
    assert service.validate(token_in(back))["state"] == "BLOCK"


def test_method_is_chosen_among_the_enrolled(browser, service, challenge):
    assert "<select" not in browser.get(challenge["url"]).text
    service.enrol("u", verificationMethod="EMAIL_OTP", email="a@b.nz")
    page = browser.post(challenge["url"], do="method", method="EMAIL_OTP")
    assert "The code in the e-mail to a@b.nz is" in page.text
    back = browser.post(challenge["url"], do="verify", code="123456", method="EMAIL_OTP")
    assert service.validate(token_in(back))["verificationMethod"] == "EMAIL_OTP"


def test_expired_page_offers_the_way_back_only(browser, service, clock, challenge):
    clock.now += 600
    for page in (browser.get(challenge["url"]), browser.post(challenge["url"], do="verify", code="123456")):
        assert (page.status_code, "This link has expired" in page.text) == (410, True)
        assert "Back to your application" in page.text
    token = token_in(browser.post(challenge["url"], do="quit"))
    assert service.validate(token)["state"] == "CHALLENGE_REQUIRED"


@pytest.mark.parametrize("query", ["", "?token=garbage", "?token=%C3%A9.a.b"])
def test_unknown_link_is_explained(browser, server, query):
    page = browser.get(f"{server.url}/hosted{query}")
    assert (page.status_code, "Start again in your application" in page.text) == (404, True)


def test_link_of_a_forgotten_action_is_unknown(browser, service, challenge):
    service("DELETE", "/v1/users/u", params={"actions": "true"})
    assert browser.get(challenge["url"]).status_code == 404


@pytest.mark.parametrize("do", ["", "dance"])
def test_unknown_deed_shows_the_page_again(browser, challenge, do):
    assert kind(browser.post(challenge["url"], do=do)) == "challenge"


@pytest.mark.parametrize(
    ("form", "method", "address"),
    [
        ({"method": "SMS", "phoneNumber": "+64271234567"}, "SMS", "+64271234567"),
        ({"method": "EMAIL_OTP", "email": " a@b.nz "}, "EMAIL_OTP", "a@b.nz"),
        ({"method": "AUTHENTICATOR_APP"}, "AUTHENTICATOR_APP", ""),
    ],
)
def test_first_enrolment_leads_back_and_leaves_the_action_allowed(browser, service, store, form, method, address):
    tracked = service.track("u", "pay", redirectUrl=BACK, email="known@b.nz")
    page = browser.get(tracked["url"])
    assert (kind(page), 'value="known@b.nz"' in page.text) == ("enrol", True)
    token = token_in(browser.post(tracked["url"], do="enrol", **form))
    assert service.validate(token)["state"] == "ALLOW"
    (factor,) = store.user("u").authenticators
    assert (factor.method, factor.address) == (method, address)


@pytest.mark.parametrize("form", [{}, {"method": "PALM"}, {"method": "SMS"}, {"method": "EMAIL_OTP", "email": " "}])
def test_incomplete_enrolment_says_what_is_missing(browser, service, store, form):
    page = browser.post(service.track("u", "pay")["url"], do="enrol", **form)
    assert (kind(page), 'role="alert"' in page.text) == ("enrol", True)
    assert not store.user("u").is_enrolled


def test_settings_page_lists_adds_removes_and_leads_back(browser, service, store):
    service.enrol("u", phoneNumber="+64271234567")
    url = service.track("u", "pay", redirectToSettings=True, redirectUrl=BACK)["url"]
    page = browser.get(url)
    assert (kind(page), "+64271234567" in page.text) == ("settings", True)
    added = browser.post(url, do="enrol", method="AUTHENTICATOR_APP")
    assert (added.status_code, kind(browser.get(url))) == (303, "settings")
    assert added.headers["Location"] == url.removeprefix(store.origin)
    browser.post(url, do="remove", authenticator=store.user("u").authenticators[0].id)
    assert store.user("u").methods == ("AUTHENTICATOR_APP",)
    assert token_in(browser.post(url, do="quit"))


def test_url_of_get_user_opens_settings_and_comes_back(browser, service):
    service.enrol("u")
    url = service("GET", "/v1/users/u", params={"redirectUrl": BACK}).json()["url"]
    assert kind(browser.get(url)) == "settings"
    assert browser.post(url, do="quit").headers["Location"].startswith("http://localhost:8000/back/?next=")


def test_without_redirect_url_the_journey_ends_on_the_page(browser, service):
    service.enrol("u")
    page = browser.post(service.track("u", "pay")["url"], do="verify", code="123456")
    assert (page.status_code, "return to your application" in page.text) == (200, True)


def test_popup_says_ready_and_its_height(browser, challenge):
    text = browser.get(f"{challenge['url']}&mode=popup").text
    assert 'JSON.stringify({event: "AUTHSIGNAL_READY"})' in text
    assert "{height: document.documentElement.scrollHeight}" in text


def closing(page):
    return json.loads(unescape(re.search(r'<script id="closing"[^>]*>(.*?)</script>', page.text)[1]))


def test_popup_closes_by_a_message_to_the_applications_origin_only(browser, service, challenge):
    page = browser.post(f"{challenge['url']}&mode=popup", do="verify", code="123456")
    assert page.status_code == 200
    assert '{event: "AUTHSIGNAL_CLOSE_POPUP", token: closing.token}' in page.text
    message = closing(page)
    assert message["origin"] == "http://localhost:8000"
    assert service.validate(message["token"])["state"] == "CHALLENGE_SUCCEEDED"
    assert 'href="http://localhost:8000/back/?next=%2Fa+b' in page.text


def test_popup_without_redirect_url_tells_whoever_opened_it(browser, service):
    service.enrol("u")
    page = browser.post(f"{service.track('u', 'pay')['url']}&mode=popup", do="quit")
    assert closing(page)["origin"] == "*"
    assert "<a href" not in page.text


def test_front_page_shows_the_settings_to_paste(browser, server, store):
    text = unescape(browser.get(f"{server.url}/").text)
    assert f'AUTHSIGNAL_API_URL = "{server.url}/v1"' in text
    assert f'AUTHSIGNAL_SECRET = "{store.secret}"' in text
    assert re.search(r"<dt>close</dt><dd>BLOCK</dd>", text)
