"""signed_webhook: what the service would send, through each test client."""

import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client, SimpleTestCase, override_settings
from django.utils import timezone
from rest_framework.test import APIClient

from django_authsignal.models import WebhookEvent
from django_authsignal.signals import webhook_received
from django_authsignal.testing import AuthsignalTestMixin

AT = datetime(2027, 1, 15, 8, 0, 0, 250_000, tzinfo=UTC)


@pytest.fixture
def heard():
    """Every event that the project hears of."""
    events = []

    def hear(event, **kwargs):
        events.append(event)
        return True

    webhook_received.connect(hear)
    yield events
    webhook_received.disconnect(hear)


@pytest.mark.parametrize("make_client", [Client, APIClient], ids=["Django", "DRF"])
def test_webhook_reaches_the_receiver(authsignal, heard, make_client):
    sms = {"to": "+64270000000", "code": "123456"}
    client = make_client(enforce_csrf_checks=True)
    assert client.post(**authsignal.signed_webhook("sms.created", sms)).status_code == 200
    assert [(event.type, dict(event.data)) for event in heard] == [("sms.created", sms)]


def test_webhook_reaches_the_receiver_through_the_async_client(authsignal, heard):
    webhook = authsignal.signed_webhook("sms.created", {"code": "123456"})
    assert async_to_sync(AsyncClient().post)(**webhook).status_code == 200
    assert [event.type for event in heard] == ["sms.created"]


@pytest.mark.django_db
def test_same_arguments_are_the_same_event_again(authsignal, client):
    webhook = authsignal.signed_webhook("authenticator.created", {"userId": "1"})
    for _ in range(2):
        assert client.post(**webhook).status_code == 200
    other = authsignal.signed_webhook("authenticator.created", {"userId": "1"})
    assert client.post(**other).status_code == 200
    assert WebhookEvent.objects.count() == 2


@pytest.mark.django_db
def test_batch_is_sent_as_it_is(authsignal, client):
    record = {
        "id": str(uuid.uuid4()),
        "type": "challenge.log_created",
        "time": "2027-01-15T08:00:00.000Z",
        "record": {},
    }
    webhook = authsignal.signed_webhook({"records": [record]})
    assert json.loads(webhook["data"]) == {"records": [record]}
    assert client.post(**webhook).status_code == 200
    assert WebhookEvent.objects.get().event_id == record["id"]


def test_event_is_complete_and_its_own_members_stay(authsignal):
    webhook = authsignal.signed_webhook({"type": "push.created", "id": "e-1", "extra": True}, at=AT)
    assert json.loads(webhook["data"]) == {
        "version": 1,
        "id": "e-1",
        "source": "https://authsignal.com",
        "time": "2027-01-15T08:00:00.250Z",
        "tenantId": authsignal.store.tenant_id,
        "type": "push.created",
        "data": {},
        "extra": True,
    }
    assert webhook["headers"]["X-Signature-V2"].startswith("t=1800000000,v2=")


def test_event_comes_from_the_projects_own_tenant(authsignal, client, heard):
    with override_settings(AUTHSIGNAL_TENANT_ID="t-1"):
        assert client.post(**authsignal.signed_webhook("sms.created")).status_code == 200
        stranger = authsignal.signed_webhook({"type": "sms.created", "tenantId": "t-2"})
        assert client.post(**stranger).status_code == 400
    assert [event.tenant_id for event in heard] == ["t-1"]


@pytest.mark.parametrize(
    "arguments",
    [{"secret": "sandbox_other"}, {"secret": ""}, {"seconds": -301}, {"seconds": 302}],
    ids=["another secret", "no secret", "too old", "too early"],
)
def test_project_can_try_what_it_must_refuse(authsignal, client, heard, arguments):
    seconds = arguments.pop("seconds", 0)
    at = timezone.now() + timedelta(seconds=seconds)
    assert client.post(**authsignal.signed_webhook("sms.created", at=at, **arguments)).status_code == 400
    assert heard == []


def test_rotation_is_tried_with_the_other_secret(authsignal, client, heard):
    with override_settings(AUTHSIGNAL_SECRET_FALLBACKS=["sandbox_old"]):
        assert client.post(**authsignal.signed_webhook("sms.created", secret="sandbox_old")).status_code == 200


@pytest.mark.parametrize(
    ("event", "options", "error", "text"),
    [
        ("", {}, TypeError, 'a type such as "sms.created"'),
        (None, {}, TypeError, "not None"),
        (["sms.created"], {}, TypeError, 'a type such as "sms.created"'),
        ({}, {}, ValueError, "neither a type nor records"),
        ({"data": {}}, {}, ValueError, "neither a type nor records"),
        ({"type": "sms.created"}, {"data": {}}, TypeError, "inside the event"),
        ("sms.created", {"data": "123456"}, TypeError, "is a mapping, not '123456'"),
        ("sms.created", {"data": {"code": object}}, TypeError, "JSON serializable"),
        ("sms.created", {"at": AT.replace(tzinfo=None)}, ValueError, "has no time zone"),
    ],
)
def test_nonsense_is_refused_with_a_reason(authsignal, event, options, error, text):
    with pytest.raises(error, match=text):
        authsignal.signed_webhook(event, **options)


class TestMixin(AuthsignalTestMixin, SimpleTestCase):
    def test_mixin_has_it_too(self):
        response = self.client.post(**self.authsignal.signed_webhook("sms.created", secret="sandbox_other"))
        assert response.status_code == 400
