"""What a ping tells: the line, the secret, and how far two clocks are apart."""

import time
from email.utils import formatdate

import pytest

from django_authsignal.client import Rejected, Unauthorized, Unavailable, UnexpectedAnswer
from django_authsignal.client.ping import Ping

from .conftest import http, reset

STARTED = 1_740_016_316.0
KNOWN = {"isEnrolled": False}


def http_date(ahead=0.0):
    return formatdate(time.time() + ahead, usegmt=True)


def test_ping_asks_about_a_user_who_does_not_exist(serve, client_of):
    server = serve(http(KNOWN, Date=http_date()))
    ping = client_of(server).ping()
    (request,) = server.received
    assert (request.method, request.target, request.body) == ("GET", "/v1/users/authsignal-check", b"")
    assert 0 < ping.seconds < 5


@pytest.mark.parametrize("seconds", [-90, 0, 90])
def test_clocks_are_compared(serve, client_of, seconds):
    ping = client_of(serve(http(KNOWN, Date=http_date(-seconds)))).ping()
    assert ping.ahead == pytest.approx(seconds, abs=1.5)


@pytest.mark.parametrize("date", ["", "yesterday", "Thu, 99 Feb 2025 01:51:56 GMT", "\xff", "1740016316"])
def test_service_without_a_usable_date_leaves_the_clock_unknown(serve, client_of, date):
    head = f"HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: 20\r\n\r\n"
    server = serve(head.encode("latin-1") + b'{"isEnrolled":false}')
    assert client_of(server).ping().ahead is None


def test_service_without_a_date_leaves_the_clock_unknown(serve, client_of):
    assert client_of(serve(http(KNOWN))).ping().ahead is None


@pytest.mark.parametrize(
    ("date", "seconds", "ahead"),
    [
        ("Thu, 20 Feb 2025 01:51:56 GMT", 0.0, -0.5),
        ("Thu, 20 Feb 2025 01:51:56 GMT", 3.0, 1.0),
        ("Thu, 20 Feb 2025 01:51:46 GMT", 1.0, 10.0),
        ("Thu, 20 Feb 2025 02:51:56 +0100", 1.0, 0.0),
        ("Thu, 20 Feb 2025 01:51:56 -0000", 1.0, 0.0),
        ("Thu, 20 Feb 2025 01:51:56", 1.0, 0.0),
    ],
)
def test_middle_of_the_call_is_compared_with_the_middle_of_the_second(date, seconds, ahead):
    assert Ping.read(date, STARTED, seconds) == Ping(seconds, ahead)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (http({}, "401 Who"), Unauthorized),
        (http({}, "403 No"), Unauthorized),
        (http({}, "404 Where"), Rejected),
        (http({}, "301 There", Location="https://elsewhere.example/"), UnexpectedAnswer),
        (http(b"<html>Please sign in</html>"), UnexpectedAnswer),
        (http({}), UnexpectedAnswer),
        (http({"isEnrolled": "no"}), UnexpectedAnswer),
        (http([]), UnexpectedAnswer),
        (http({}, "503 Busy"), Unavailable),
        (reset, Unavailable),
    ],
)
def test_whatever_is_not_the_service_is_an_error(serve, client_of, answer, error):
    with pytest.raises(error):
        client_of(serve(answer)).ping()
