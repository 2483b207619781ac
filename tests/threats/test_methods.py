"""No method but the approved request's own runs a view or burns an approval (T32 A23)."""

from __future__ import annotations

import pytest

from django_authsignal.testing import complete_step_up
from tests.journeys.steps import row

HARMLESS = ["HEAD", "OPTIONS", "TRACE"]
OTHERS = ["GET", "PUT", "PATCH", "DELETE", "CONNECT", "PROPFIND", "REPORT", "BREW", "post", "Head"]
OVERRIDES = {"X-HTTP-Method-Override": "POST", "X-HTTP-Method": "POST", "X-Method-Override": "POST"}


@pytest.fixture
def client(bank, alice):
    bank.authsignal.challenge("act")
    return bank.sign_in(alice)


PLACES = [
    ("/act/", "nothing"),
    ("/act/", "pending"),
    ("/act/", "approved"),
    ("/async/", "approved"),
    ("/posts/", "approved"),
]


@pytest.mark.parametrize(("path", "state"), PLACES)
@pytest.mark.parametrize("method", HARMLESS + OTHERS)
def test_other_method_runs_and_burns_nothing(bank, client, done, method, state, path):  # T32 A23
    challenged = client.post(path) if state != "nothing" else None
    if state == "approved":
        complete_step_up(client, challenged)
    calls = len(bank.authsignal.requests)
    named = {"Authsignal-Step-Up": str(challenged.step_up.key)} if challenged else {}
    response = client.generic(method, path, headers={**OVERRIDES, **named})
    if method == "GET" and path == "/posts/":
        assert done.pop() == path  # the policy leaves GET to the view
    assert done == []
    assert response.status_code in (200, 302, 403, 405)
    if challenged:
        assert row(challenged).status == state
    if method in HARMLESS:
        assert (len(bank.authsignal.requests), response.content) == (calls, b"")
    if state == "approved":
        assert client.post(path).content == b"done"
        assert done == [path]
