"""What tests of the admin's history know: where it is, what rows are like, and how to read a page."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client

from django_authsignal.models import TrackedAction

ACTION = "withdrawFunds"
"""What the bank tracks a transfer as."""
LIST = "/admin/authsignal/trackedaction/"
HMACS = {"binding": "v1:binding-hmac", "channel": "v1:channel-hmac", "auth_hash": "v1:auth-hmac"}
RETURN_PATH = "/statement/?account=secret-account"
CHALLENGED = {"remote_state": "CHALLENGE_REQUIRED", "remote_state_source": "track", "is_enrolled": True}
WHY = "The customer called; her papers are right"
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


def said(response):
    """The messages on a page."""
    return [str(message) for message in response.context["messages"]]


def events(row):
    return list(row.events.order_by("pk").values_list("kind", "detail"))


def staff(name, *permissions):
    """The browser of a colleague, `.user`, with these permissions on tracked actions."""
    client = Client()
    client.user = get_user_model().objects.create_user(name, is_staff=True)
    codenames = [f"{permission}_trackedaction" for permission in permissions]
    client.user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(client.user)
    return client


def lift(client, row, why=WHY):
    return client.post(f"{LIST}{row.pk}/lift/", {"reason": why}, follow=True)


def lifted_from(row):
    return TrackedAction.objects.exclude(pk=row.pk).get()
