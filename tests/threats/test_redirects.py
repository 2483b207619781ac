"""No parameter and no header chooses where a browser goes: neither by a redirect nor by a link of ours (T25 A22)."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from django.test import Client

from django_authsignal.models import TrackedAction
from django_authsignal.testing import complete_step_up
from tests.rig.proofs import LONG

EVIL = "evil.example"
# Everything that some browser or some library has once read as another site, or as a script.
BAD = {
    "schemes": [
        f"{start}{EVIL}/x" for start in ("http://", "https://", "HTTPS://", "ftp://", "//", "///", "////", "http:/")
    ],
    "slashes": [
        f"{start}{EVIL}"
        for start in (
            "\\\\",
            "\\\\\\",
            "/\\",
            "\\/",
            "/\\\\/",
            "/\\/",
            "http:\\\\",
            "http:/\\",
            "http:///",
            "http:",
            "/%5C",
            "/%2F",
        )
    ],
    "spaces": [
        f"{space}//{EVIL}"
        for space in ("\x08", "\t", "\n", "\r\n", " ", "\xa0", "\u2028", "/%09", "/.", "/..", "\uff0f", "/\uff0f")
    ],
    "authorities": [
        f"http://testserver{trick}{EVIL}" for trick in ("@", "\\@", "\\me:pass@", ".", "%40", "%2f@", "#@", "?@")
    ],
    "scripts": [
        f"{script}(1)" for script in ("javascript:x", "\njavascript:x", "java\nscript:x", "JavaScript:x", "data:x")
    ],
    "numbers": [
        "http:999999999",
        "ftp:9999999999",
        "http://[2001:db8::1/",
        "http://2001:db8::1]/",
        "//[::ffff:7f00:1]/",
    ],
    "others": ["/sign-out/", "\0", ""],
}
PARAMETERS = [
    "next",
    "back",
    "page",
    "redirect",
    "redirectUrl",
    "redirect_uri",
    "return_url",
    "returnTo",
    "url",
    "continue",
]
PARAMETERS += ["RelayState", "state", "hop", "returned", "status_url", "challengeUrl", "cancel_url"]
HOSTS = ["Host", "X-Forwarded-Host"]
"""Django itself refuses what is no host at all, so these say a host, and the others everything else."""
HEADERS = ["Forwarded", "X-Forwarded-Server", "X-Original-URL", "X-Rewrite-URL", "Referer", "Origin", "HX-Current-URL"]
HEADERS += ["X-Forwarded-Prefix", "X-Forwarded-Proto", "Authsignal-Step-Up", "Location"]
OURS = ("", "testserver", "sandbox.localhost")


class Links(HTMLParser):
    """Every address in a page that a browser may go to."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page.content.decode())

    def handle_starttag(self, tag, attributes):
        names = ("href", "action", "src", "formaction", "data-url", "data-status-url", "content")
        self.found += [
            value or "" for name, value in attributes if name in names and ("/" in (value or "") or ":" in value)
        ]


def leads_astray(address):
    """As a browser reads it: white space inside goes, and a backslash is a slash."""
    read = "".join(char for char in address.strip() if char not in "\t\r\n").replace("\\", "/")
    try:
        parts = urlsplit(read)
    except ValueError:
        return True
    return (
        parts.scheme not in ("", "http", "https") or parts.hostname not in (None, *OURS) or parts.path == "/sign-out/"
    )


def every_page(client, key, query, headers):
    """Each page of ours, to its owner and to a stranger."""
    stranger = Client(raise_request_exception=False)
    for path in (f"return/{key}/", "enrol/", "manage/", "unlock/"):
        for browser in (client, stranger):
            yield browser.get(f"/step-up/{path}", query, headers=headers)
    yield client.get("/act/", query, headers=headers)
    yield client.post("/act/", query, headers=headers)
    yield client.post("/step-up/enrol/", query | {"action": "start"}, headers=headers)
    yield stranger.get("/act/", query, headers=headers)


@pytest.fixture
def client(bank, alice, settings):
    settings.ALLOWED_HOSTS, settings.USE_X_FORWARDED_HOST = ["*"], True
    for action in ("act", "manageAuthenticators"):
        bank.authsignal.challenge(action)
    return bank.sign_in(alice, raise_request_exception=False)


def assert_stays(page):
    assert not leads_astray(page.get("Location", ""))
    assert "Refresh" not in page
    if "html" in page.get("Content-Type", ""):
        assert [link for link in Links(page).found if leads_astray(link)] == []


@pytest.mark.parametrize("kind", BAD)
def test_no_parameter_and_no_header_leads_astray(bank, client, kind):  # T25 A22
    """All at once; at the long setting each header by itself too. The service is told the configured address."""
    key = client.get("/act/").step_up.key
    for bad in BAD[kind]:
        sent = dict.fromkeys(HEADERS, bad) | dict.fromkeys(HOSTS, EVIL)
        for headers in [sent, *({name: value} for name, value in sent.items() if LONG)]:
            pages = list(every_page(client, key, dict.fromkeys(PARAMETERS, bad), headers))
            for page in pages:
                assert_stays(page)
            assert sum(page.status_code < 400 for page in pages) >= 4  # so they were pages, and no mere refusals
    told = {entry.payload.get("redirectUrl", "http://testserver/") for entry in bank.authsignal.requests}
    assert {urlsplit(url).netloc for url in told} == {"testserver"}


def test_way_back_after_a_challenge_is_the_page_that_asked(bank, client):  # T25
    for bad in ("//evil.example/", "/act//evil.example/", "/act/?next=//evil.example"):
        challenged = client.get(bad)
        if getattr(challenged, "step_up", None) and challenged.step_up.outcome == "challenge":
            back = complete_step_up(client, challenged)
            assert not leads_astray(back.get("Location", ""))
            assert_stays(client.get(back["Location"]))


@pytest.mark.parametrize("planted", ["//evil.example/", "https://evil.example/", "/\\evil.example", "/act/\n"])
def test_way_back_is_checked_again_when_it_is_used(bank, client, planted):  # T25
    """Whoever can write to the database still sends nobody away: a bad path counts as none."""
    challenged = client.get("/act/")
    own = f"/step-up/return/{challenged.step_up.key}/"
    TrackedAction.objects.update(return_path=planted)
    tried = client.get(own)
    assert (tried.status_code, tried.context["result"]) == (403, "pending")
    assert_stays(tried)
    for page in (complete_step_up(client, challenged), client.get(own)):
        assert page.get("Location", own) == own
        assert_stays(page)
