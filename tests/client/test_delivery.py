"""A webhook posted over a real socket."""

import ssl

import pytest

from django_authsignal.client import Unavailable
from django_authsignal.client.delivery import post

from .conftest import drip, hang_up, http, silence
from .test_connections import certificate as certificate

BODY = b'{"id":"1"}'
HEADERS = {"X-Signature-V2": "t=1,v2=x"}


def deliver(server, path="/hooks/", timeout=3.0):
    return post(f"{server.url}{path}", BODY, HEADERS, timeout)


def test_body_and_headers_arrive(serve):
    server = serve(http({}))
    assert deliver(server, "/step-up/webhook/?x=1").status == 200
    (request,) = server.received
    assert (request.method, request.target, request.body) == ("POST", "/step-up/webhook/?x=1", BODY)
    assert request.headers["x-signature-v2"] == "t=1,v2=x"
    assert request.headers["content-type"] == "application/json"


@pytest.mark.parametrize("status", ["200 OK", "400 Bad", "403 No", "404 Where", "500 Oh", "503 Busy"])
def test_every_status_is_an_answer(serve, status):
    server = serve(http({"error": "no"}, status))
    reply = deliver(server)
    assert (reply.status, reply.body) == (int(status[:3]), b'{"error": "no"}')
    assert len(server.received) == 1


def test_redirect_is_told_and_not_followed(serve):
    elsewhere = serve(http({}))
    reply = deliver(serve(http({}, "301 There", Location=f"{elsewhere.url}/hooks/")))
    assert (reply.status, reply.location) == (301, f"{elsewhere.url}/hooks/")
    assert elsewhere.connections == 0


@pytest.mark.parametrize("answer", [silence, drip(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", 0.05)])
def test_slow_receiver_is_given_up(serve, answer):
    with pytest.raises(Unavailable, match="Timeout|timed out"):
        deliver(serve(answer), timeout=0.3)


def test_receiver_that_hangs_up_gave_no_answer(serve):
    with pytest.raises(Unavailable) as caught:
        deliver(serve(hang_up))
    assert caught.value.sent is True


def test_nobody_listens(closed_port):
    with pytest.raises(Unavailable, match="ConnectionRefusedError") as caught:
        post(f"http://127.0.0.1:{closed_port}/", BODY, HEADERS, 3.0)
    assert caught.value.sent is False


def test_certificate_that_nobody_vouches_for_is_refused(serve, certificate):
    server = serve(http({}), context=certificate[0])
    with pytest.raises(Unavailable, match=ssl.SSLCertVerificationError.__name__):
        deliver(server)
    assert server.received == []
