"""One view behind the gate, in a site of its own, and a network and a database that fail on request."""

from __future__ import annotations

import io
import json
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.test import Client
from django.urls import path
from urllib3 import HTTPResponse

from django_authsignal.decorators import step_up_required
from django_authsignal.models import TrackedAction
from django_authsignal.testing.adapter import SandboxAdapter
from example_project.urls import urlpatterns as bank_urls

PATH = "/gated/"
ACTION = "pay"


class Gated:
    """`gated(max_age=60)` protects PATH with these policy arguments; `gated.runs` counts how often the view ran."""

    def __init__(self, settings, user):
        self._settings = settings
        self._user = user
        self.runs = 0
        self.client = self.sign_in()

    def __call__(self, *arguments, **policy):
        self.serve(step_up_required(*(arguments or [ACTION]), **policy)(self.view))
        return self

    def serve(self, view, *others):
        """Make *view* the one at PATH."""
        routes = [path("gated/", view), path("gated/<slug:name>/", view), *others, *bank_urls]
        self._settings.ROOT_URLCONF = tuple(routes)

    def view(self, request, *args, **kwargs):
        self.runs += 1
        return HttpResponse("done")

    def sign_in(self, user=None, **options):
        client = Client(**options)
        client.force_login(user or self._user)
        return client

    def get(self, client=None, **options):
        return (client or self.client).get(PATH, **options)

    def post(self, data=None, client=None, **options):
        return (client or self.client).post(PATH, {"amount": "5"} if data is None else data, **options)

    @property
    def row(self):
        """The newest row."""
        return TrackedAction.objects.latest("pk")


@pytest.fixture
def gated(authsignal, settings, alice):
    return Gated(settings, alice)


class Tampered(SandboxAdapter):
    """The sandbox behind a network that changes its answers: `tamper(answer)` gets and returns the JSON object."""

    def __init__(self, store):
        super().__init__(store)
        self.tamper = lambda answer: answer
        self.before = lambda request: None

    def send(self, request, *args, **kwargs):
        self.before(request)
        honest = super().send(request, *args, **kwargs)
        body = json.dumps(self.tamper(honest.json())).encode()
        raw = HTTPResponse(io.BytesIO(body), status=honest.status_code, preload_content=False)
        return self.build_response(request, raw)


@pytest.fixture
def wire(authsignal, settings):
    """The network: `wire.tamper` changes answers, `wire.before` runs while a call is on its way."""
    settings.AUTHSIGNAL_ADAPTER = Tampered(authsignal.store)
    return settings.AUTHSIGNAL_ADAPTER


@contextmanager
def broken_database(*words, error=OperationalError):
    """Every statement that contains all of *words* fails, as when the server is gone."""

    def execute(run, sql, params, many, context):
        if all(word in sql for word in words):
            raise error("the database is gone")
        return run(sql, params, many, context)

    with connection.execute_wrapper(execute):
        yield


def outcome(response):
    """What the gate decided; None when the response is not its own."""
    return getattr(getattr(response, "step_up", None), "outcome", None)


@pytest.fixture
def someone():
    """A user that no database knows."""
    return SimpleNamespace(
        pk=7, is_authenticated=True, is_active=True, get_session_auth_hash=lambda: "hash", backend="none"
    )
