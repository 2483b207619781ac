"""The receiver's plumbing: who may call it, what it reads, and what it leaves alone (T61, A32)."""

from __future__ import annotations

import asyncio
import io
import json

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.test import AsyncClient, Client
from django.urls import path, reverse
from django.views.decorators.csrf import csrf_exempt

from django_authsignal import signals
from django_authsignal.client.signature import HEADER
from django_authsignal.models import WebhookEvent
from django_authsignal.webhook import BODY_LIMIT, webhook
from tests.rig.proofs import often

from .events import PATH, batch, encoded, event, log, post, signed

FLOOD = often(500, 10_000)


def test_it_is_where_the_urls_say():
    assert reverse("authsignal:webhook") == PATH


@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete", "options"])
def test_other_methods_are_not_allowed(method):  # T61; without the database fixture, so without a query
    response = getattr(Client(), method)(PATH)
    assert (response.status_code, response["Allow"]) == (405, "POST")


def test_flood_of_unsigned_posts_costs_no_query_and_no_session(db, statements):  # T61 A32
    client = Client()
    answers = {post(event("x", {}), header=header, client=client).status_code for header in ["", "t=1,v2=x"] * 5}
    for number in range(FLOOD - 10):
        answers.add(post(b'{"id": %d}' % number, header="", client=client).status_code)
    assert (answers, statements, client.cookies) == ({400}, [], {})


def test_answers_tell_no_cache_to_keep_them_and_set_no_cookie(db, settings):
    settings.SESSION_SAVE_EVERY_REQUEST = True
    response = post(event("x.y", {}))
    assert (response.status_code, response.json(), response.cookies) == (200, {}, {})
    assert "no-store" in response["Cache-Control"]
    assert not Session.objects.exists()


def test_session_of_a_browser_that_posts_is_not_read(db, alice, statements):  # T61
    client = Client()
    client.force_login(alice)
    statements.clear()
    assert post(event("x", {}), header="", client=client).status_code == 400
    assert statements == []


@pytest.mark.parametrize(
    "door",
    [
        {"AUTHSIGNAL_PROTECT": {"*": {"action": "act"}}},
        {"AUTHSIGNAL_SIGN_IN_ACTION": "signIn"},
        {"MIDDLEWARE": [*django_settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]},
    ],
    ids=["PROTECT", "SIGN_IN_ACTION", "LoginRequiredMiddleware"],
)
def test_no_door_of_the_project_stands_before_it(db, settings, alice, authsignal, door):  # T61
    for name, value in door.items():
        setattr(settings, name, value)
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    for sender in (None, client):
        assert post(event("x", {}), client=sender).status_code == 200
    assert authsignal.requests == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("atomic_requests")
def test_it_is_outside_atomic_requests(make_row, listen):  # T61
    inside = []

    def receiver(**kwargs):
        inside.append(connection.in_atomic_block)

    listen(signals.webhook_received, receiver)
    assert post(log(make_row(), "BLOCK")).status_code == 200
    assert inside == [False]


@pytest.mark.django_db(transaction=True)
def test_unsigned_posts_open_no_transaction_under_atomic_requests(atomic_requests, django_assert_num_queries):
    with django_assert_num_queries(0):  # a BEGIN would count
        assert post(event("x", {}), header="").status_code == 400


@pytest.mark.parametrize("middle", ["", "body", "POST"])
def test_body_that_a_middleware_has_looked_at_is_still_whole(db, settings, middle):
    @csrf_exempt
    def looked_at(request):
        getattr(request, middle, None)
        return webhook(request)

    settings.ROOT_URLCONF = (path("hook/", looked_at),)
    assert post(event("x", {}), path="/hook/").status_code == 200


def test_form_is_read_as_the_bytes_it_is(db):
    body = b"t=1&a=%20"
    response = Client().post(
        PATH, body, content_type="application/x-www-form-urlencoded", headers={HEADER: signed(body)}
    )
    assert (response.status_code, "no sound JSON" in response.json()["error"]) == (400, True)


def test_body_of_the_greatest_size_is_read_and_a_longer_one_is_not(db, statements):  # T55
    longest = encoded(event("x", {"padding": "", "id": ""}))
    longest += b" " * (BODY_LIMIT - len(longest))
    assert post(longest).status_code == 200
    statements.clear()
    refused = post(longest + b" ")
    assert (refused.status_code, refused.json(), statements) == (413, {"error": "the body is too large"}, [])


def test_body_that_is_too_long_is_read_one_byte_too_far(db):  # T55
    stream = io.BytesIO(b" " * 3 * BODY_LIMIT)
    response, _ = wsgi(stream, CONTENT_LENGTH=str(3 * BODY_LIMIT), HTTP_X_SIGNATURE_V2=signed(b""))
    assert (response[:3], stream.tell()) == ("413", BODY_LIMIT + 1)


def test_body_without_a_signature_is_not_even_read(db):  # a server looks after its connections with each request
    class Untouched(io.BytesIO):
        def read(self, *args):
            raise AssertionError("read")

    response, _ = wsgi(Untouched(), CONTENT_LENGTH="100")
    assert response.startswith("400")


class Broken(io.BytesIO):
    def read(self, *args):
        raise OSError("the client is gone")


@pytest.mark.parametrize(
    ("stream", "error"),
    [(Broken(), "the body ended early"), (io.BytesIO(b'{"id": "half'), "no signature matches")],
    ids=["gone", "short"],
)
def test_body_that_ends_early_is_refused(db, stream, error):  # T55
    body = encoded(event("x", {}))
    response, said = wsgi(stream, CONTENT_LENGTH=str(len(body)), HTTP_X_SIGNATURE_V2=signed(body))
    assert (response[:3], json.loads(said)) == ("400", {"error": error})


def test_chunked_body_under_wsgi_is_refused_as_django_sees_none_of_it(db):
    """WSGI promises a length only; servers and proxies that keep chunks need ASGI, which has no such limit."""
    body = encoded(event("x", {}))
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "HTTP_X_SIGNATURE_V2": signed(body)}
    response, _ = wsgi(io.BytesIO(body), **chunked)
    assert response.startswith("400")


def wsgi(stream, **environ):
    """Call the site as a WSGI server would: the status line and the body."""
    lines = []
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": PATH, "SERVER_NAME": "localhost", "SERVER_PORT": "80", **environ}
    environ.update({"wsgi.input": stream, "wsgi.url_scheme": "http", "wsgi.errors": io.StringIO()})
    answer = WSGIHandler()(environ, lambda status, headers: lines.append(status))
    return lines[0], b"".join(answer)


@pytest.mark.django_db(transaction=True)
def test_it_answers_under_asgi_too(make_row):
    row = make_row()
    body = encoded(log(row, "BLOCK"))

    async def send():
        sender = AsyncClient(enforce_csrf_checks=True)
        return await sender.post(PATH, body, content_type="application/json", headers={HEADER: signed(body)})

    assert async_to_sync(send)().status_code == 200
    row.refresh_from_db()
    assert row.status == "refused"


@pytest.mark.django_db(transaction=True)
def test_large_chunked_batch_is_read_under_asgi():  # T55 A33
    body = encoded(batch(*(event("x.y", {"padding": "-" * 6000}) for _ in range(450))))
    assert len(body) > django_settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    parts = [
        {"type": "http.request", "body": body[at : at + 65536], "more_body": True} for at in range(0, len(body), 65536)
    ]
    parts.append({"type": "http.request", "body": b"", "more_body": False})
    assert asgi(parts, signed(body)) == 200
    assert WebhookEvent.objects.count() == 450


def asgi(parts, header):
    """Call the site as an ASGI server would that gets the body in *parts*; the status."""
    sent = []

    async def receive():
        if not parts:
            await asyncio.Event().wait()  # the client stays on the line
        return parts.pop(0)

    async def send(part):
        sent.append(part)

    headers = [(b"host", b"localhost"), (HEADER.lower().encode(), header.encode())]
    scope = {"type": "http", "method": "POST", "path": PATH, "headers": headers, "query_string": b"", "scheme": "http"}
    async_to_sync(ASGIHandler())(scope, receive, send)
    return sent[0]["status"]
