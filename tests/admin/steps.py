"""What tests of the admin's history know: where it is, what rows are like, and how to read a page."""

from __future__ import annotations

LIST = "/admin/authsignal/trackedaction/"
HMACS = {"binding": "v1:binding-hmac", "channel": "v1:channel-hmac", "auth_hash": "v1:auth-hmac"}
RETURN_PATH = "/statement/?account=secret-account"
CHALLENGED = {"remote_state": "CHALLENGE_REQUIRED", "remote_state_source": "track", "is_enrolled": True}
PASSED = {"remote_state": "CHALLENGE_SUCCEEDED", "remote_state_source": "validate", "verification_method": "SMS"}


def page_of(client, row):
    response = client.get(f"{LIST}{row.pk}/change/")
    assert response.status_code == 200
    return response


def titles(response):
    return [str(entry.title) for entry in response.context["story"]]


def lines(response):
    return [line for entry in response.context["story"] for line in entry.lines]


def found(client, **query):
    response = client.get(LIST, query)
    assert response.status_code == 200
    return [row.pk for row in response.context["cl"].result_list]
