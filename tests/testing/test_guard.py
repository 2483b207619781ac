"""A test that would reach the network fails and says which call, whoever swallows exceptions on the way."""

from __future__ import annotations

import pickle
import re

import pytest
import requests
import responses
from asgiref.sync import async_to_sync
from django.http import HttpResponse
from django.test import AsyncClient, Client

from django_authsignal.client import Client as APIClient
from django_authsignal.decorators import step_up_required
from django_authsignal.sandbox.rules import Rules
from django_authsignal.sandbox.server import SandboxServer
from django_authsignal.sandbox.store import Store
from django_authsignal.shortcuts import track
from django_authsignal.testing import no_network
from django_authsignal.testing.guard import NetworkReachedError
from tests.gated import PATH, Gated

CALL = r"This test would have reached the network: POST https://api\.authsignal\.com/v1/users/{user}/actions/{action}"


def tracked(request):
    track(request, "look")
    return HttpResponse("done")


async def awaited(request):
    return HttpResponse("done")


VIEWS = {
    "gated": step_up_required("look")(lambda request: HttpResponse("done")),
    "gated, async": step_up_required("look")(awaited),
    "watched": step_up_required("look", mode="report_only")(lambda request: HttpResponse("done")),
    "tracked": tracked,
    "open in an outage": step_up_required("look", on_unavailable="allow")(lambda request: HttpResponse("done")),
}


@pytest.fixture(params=VIEWS)
def site(request, settings, alice):
    """A view in a project that talks to the live service, tested without the kit."""
    settings.AUTHSIGNAL_SECRET = "a live secret"
    settings.AUTHSIGNAL_API_URL = ""
    settings.AUTHSIGNAL_SITE_URL = "https://testserver"
    Gated(settings, alice).serve(VIEWS[request.param])
    return re.compile(CALL.format(user=alice.pk, action="look") + r"\nLet the test use the authsignal fixture")


def test_suite_is_guarded_without_asking(site, alice):
    client = Client(raise_request_exception=False)
    client.force_login(alice)
    with pytest.raises(NetworkReachedError, match=site):
        client.get(PATH)


def test_async_client_is_guarded(site, alice):
    client = AsyncClient(raise_request_exception=False)
    client.force_login(alice)
    with pytest.raises(NetworkReachedError, match=site):
        async_to_sync(client.get)(PATH)


def test_sandbox_on_this_machine_stays_reachable():
    store = Store(Rules(enrol_everyone=True), secret="sandbox_test")
    for host in ("127.0.0.1", "localhost"):  # one adapter, two servers
        with SandboxServer(store, host) as server:
            client = APIClient("sandbox_test", api_url=f"{server.url}/v1", adapter=no_network)
            assert [client.track_action("u", "look").state for _ in range(2)] == ["ALLOW", "ALLOW"]
    assert len(store.journal.requests) == 4


@responses.activate
def test_answer_of_another_library_comes_first():
    responses.get("https://api.authsignal.com/v1/users/u", json={"isEnrolled": True})
    client = APIClient("a live secret", api_url="https://api.authsignal.com/v1", adapter=no_network)
    assert client.get_user("u").is_enrolled


@pytest.mark.parametrize("url", ["https://api.authsignal.com", "http://10.0.0.1", "https://localhost.example"])
def test_every_other_machine_is_out_of_reach(url):
    prepared = requests.Request("GET", f"{url}/v1/users/u").prepare()
    with pytest.raises(NetworkReachedError, match=re.escape(f"GET {url}/v1/users/u")):
        no_network.send(prepared)


def test_clients_of_their_own_do_not_get_past_the_kit(authsignal, settings):
    prepared = requests.Request("GET", "http://sandbox.localhost.example/v1").prepare()
    with pytest.raises(NetworkReachedError, match=r"GET http://sandbox\.localhost\.example/v1\nWhile the authsignal"):
        settings.AUTHSIGNAL_ADAPTER.send(prepared)


def test_failure_comes_back_from_another_process():
    """As `manage.py test --parallel` sends it."""
    with pytest.raises(NetworkReachedError) as caught:
        no_network.send(requests.Request("GET", "https://api.authsignal.com/v1/users/u").prepare())
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
