"""Budget, retries, breaker, threads and forks, over real sockets."""

import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate

import pytest
import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError

from django_authsignal.client import Client, Unavailable, UnexpectedAnswer

from .conftest import ALLOW, Server, after, drip, hang_up, http, reset, silence

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"


def get(client):
    return client.get_action("u", "pay", "k")


def track(client):
    return client.track_action("u", "pay")


def update(client):
    return client.update_action("u", "pay", "k", "BLOCK")


def validate(client):
    return client.validate_challenge("t")


def enrol(client):
    return client.enrol_authenticator("u", {"verificationMethod": "SMS"})


def identify(client):
    return client.identify("u", {"email": "a@x.nz"})


REPEATED = [get, track, update]
SENT_ONCE = [validate, enrol, identify]
GOOD = http({**ALLOW, "isValid": True, "authenticator": {"userAuthenticatorId": "a"}})


@pytest.fixture(scope="module", autouse=True)
def long_call():
    """The one call that takes its full eight seconds, made while the other tests run."""
    server = Server([drip(HEAD, 0.2)])
    client = Client(api_key="the-secret", api_url=server.url)
    with ThreadPoolExecutor(1) as background:
        yield background.submit(seconds, lambda: track(client))
    server.close()


def seconds(call):
    begin = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        call()
    return time.monotonic() - begin, caught.value


@pytest.mark.parametrize("status", ["429 Too Many", "500 Oops", "504 Late"])
@pytest.mark.parametrize("call", REPEATED)
def test_failure_that_is_harmless_to_repeat_is_repeated_once(serve, client_of, call, status):
    """F7, F8"""
    server = serve(http({}, status), GOOD)
    assert call(client_of(server)).state == "ALLOW"
    assert [request.body for request in server.received[1:]] == [server.received[0].body]


@pytest.mark.parametrize("status", ["429 Too Many", "503 Busy"])
@pytest.mark.parametrize("call", SENT_ONCE)
def test_failure_of_any_other_call_is_not_repeated(serve, client_of, call, status):
    server = serve(http({}, status), GOOD)
    with pytest.raises(Unavailable) as caught:
        call(client_of(server))
    assert (caught.value.sent, len(server.received)) == (True, 1)


@pytest.mark.parametrize("end", [reset, hang_up, after(HEAD + b"{", hang_up)])
@pytest.mark.parametrize("call", REPEATED)
def test_lost_connection_is_repeated_when_harmless(serve, client_of, call, end):
    """F5, F13"""
    server = serve(end, GOOD)
    assert call(client_of(server)).state == "ALLOW"
    assert len(server.received) == 2


@pytest.mark.parametrize("end", [reset, hang_up, after(HEAD + b"{", reset), after(HEAD + b"{", hang_up)])
@pytest.mark.parametrize("call", SENT_ONCE)
def test_lost_connection_of_any_other_call_is_not_repeated(serve, client_of, call, end):
    """F5, F13"""
    server = serve(end, GOOD)
    with pytest.raises(Unavailable) as caught:
        call(client_of(server))
    assert (caught.value.sent, len(server.received)) == (True, 1)


def test_second_failure_is_final(serve, client_of):
    server = serve(http({}, "503 Busy"))
    with pytest.raises(Unavailable, match="status 503"):
        get(client_of(server))
    assert len(server.received) == 2


@pytest.mark.parametrize("status", ["400 Bad", "401 Who", "403 No", "404 Where", "422 What", "302 There"])
def test_refusal_is_not_repeated(serve, client_of, status):
    """F9, F10, F11"""
    server = serve(http({}, status))
    with pytest.raises(Exception, match="GET /users"):
        get(client_of(server))
    assert len(server.received) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(serve, client_of, status):
    """T44, F18: neither on the same host nor across hosts, for the secret would go with it."""
    elsewhere = serve(http(ALLOW))
    server = serve(http(ALLOW, f"{status} There", Location=f"{elsewhere.url}/v1/x"), http(ALLOW))
    with pytest.raises(UnexpectedAnswer, match=f"status {status}"):
        track(client_of(server))
    assert (len(server.received), elsewhere.received) == (1, [])


@pytest.mark.parametrize("call", [*REPEATED, *SENT_ONCE])
def test_refused_connection_is_tried_twice_and_nothing_was_sent(closed_port, client_of, call):
    """F3"""
    took, error = seconds(lambda: call(client_of(f"http://127.0.0.1:{closed_port}")))
    assert (error.sent, error.detail) == (False, "ConnectionRefusedError")
    assert 0.05 <= took < 1.0


class Refusing(requests.adapters.BaseAdapter):
    """Fails with each of *errors* in turn, then answers nothing at all."""

    def __init__(self, *errors):
        super().__init__()
        self.errors = list(errors)
        self.timeouts = []

    def send(self, request, stream=False, timeout=None, verify=True, cert=None, proxies=None):
        self.timeouts.append(timeout)
        assert (stream, verify, proxies) == (True, True, {})
        raise self.errors.pop(0)

    def close(self):
        pass


UNREACHABLE = requests.ConnectionError(MaxRetryError(None, "/", NewConnectionError(None, "no route")))


@pytest.mark.parametrize("call", [track, validate])
@pytest.mark.parametrize("error", [requests.ConnectTimeout(), UNREACHABLE])
def test_connection_never_made_is_not_sent(client_of, call, error):
    """F3: the one failure that certainly changed nothing at the service."""
    adapter = Refusing(error, error)
    _, caught = seconds(lambda: call(client_of("http://x.test", adapter=adapter)))
    assert (caught.sent, adapter.errors) == (False, [])


@pytest.mark.parametrize(
    "errors", [(requests.ConnectionError(), UNREACHABLE), (UNREACHABLE, requests.ConnectionError())]
)
def test_either_try_may_have_been_sent(client_of, errors):
    _, caught = seconds(lambda: track(client_of("http://x.test", adapter=Refusing(*errors))))
    assert caught.sent is True


@pytest.mark.parametrize("error", [requests.exceptions.SSLError(), requests.ReadTimeout()])
def test_tls_failure_and_read_timeout_are_not_repeated(client_of, error):
    """F1, F4"""
    adapter = Refusing(error)
    _, caught = seconds(lambda: get(client_of("http://x.test", adapter=adapter)))
    assert (caught.sent, caught.detail, adapter.errors) == (True, type(error).__name__, [])


@pytest.mark.parametrize(("timeout", "limits"), [(8.0, (2.0, 4.0)), (3.0, (2.0, 3.0)), (1.0, (1.0, 1.0))])
def test_connect_and_read_limits_shrink_with_the_budget(client_of, timeout, limits):
    adapter = Refusing(requests.ReadTimeout())
    seconds(lambda: get(client_of("http://x.test", timeout=timeout, adapter=adapter)))
    assert adapter.timeouts[0] == pytest.approx(limits, abs=0.1)


def test_second_try_gets_only_what_is_left(client_of):
    adapter = Refusing(UNREACHABLE, UNREACHABLE)
    seconds(lambda: get(client_of("http://x.test", timeout=1.0, adapter=adapter)))
    assert adapter.timeouts[1][1] < adapter.timeouts[0][1] - 0.04


def test_error_that_is_not_the_network_s_passes_through(client_of):
    """A test kit's adapter may want to fail a test in its own words."""
    with pytest.raises(LookupError, match="no such fixture"):
        get(client_of("http://x.test", adapter=Refusing(LookupError("no such fixture"))))


@pytest.mark.parametrize(
    ("header", "least"),
    [("1", 1.0), (formatdate(time.time() + 2, usegmt=True), 0.0), ("soon", 0.05), ("-5", 0.05)],
    ids=["seconds", "date", "word", "negative"],
)
def test_retry_after_within_the_budget_is_waited_for(serve, client_of, header, least):
    """F7"""
    server = serve(http({}, "503 Busy", Retry_After=header), GOOD)
    begin = time.monotonic()
    assert get(client_of(server)).state == "ALLOW"
    assert least <= time.monotonic() - begin < 3.0


@pytest.mark.parametrize(("header", "passed_on"), [("10", 10.0), ("3600", 60.0)])
def test_longer_retry_after_is_passed_on_at_once(serve, client_of, header, passed_on):
    """F7"""
    server = serve(http({}, "429 Too Many", Retry_After=header), GOOD)
    took, error = seconds(lambda: get(client_of(server)))
    assert (took < 1.0, error.retry_after, len(server.received)) == (True, passed_on, 1)


def test_retry_after_date_is_passed_on_capped(serve, client_of):
    """F7"""
    server = serve(http({}, "503 Busy", Retry_After=formatdate(time.time() + 86_400, usegmt=True)))
    assert seconds(lambda: validate(client_of(server)))[1].retry_after == 60.0


def test_unknown_wait_is_none(serve, client_of):
    server = serve(http({}, "503 Busy"))
    assert seconds(lambda: validate(client_of(server)))[1].retry_after is None


SLOW = [
    silence,
    drip(b"", 0.05),
    drip(b"HTTP/1.1 200 OK\r\n", 0.05),
    drip(b"HTTP/1.1 200 OK\r\nX-A: ", 0.05),
    drip(HEAD, 0.05),
    drip(b"HTTP/1.1 200 OK\r\n\r\n", 0.05),
    drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFF\r\n", 0.05),
    drip(b"HTTP/1.1 100 Continue\r\n\r\n", 0.05),
    drip(b"HTTP/1.1 503 Busy\r\nContent-Length: 1000\r\n\r\n", 0.05),
]


@pytest.mark.parametrize("answer", SLOW)
def test_slow_answer_ends_with_the_budget(serve, client_of, answer):
    """F1, F2"""
    took, error = seconds(lambda: track(client_of(serve(answer), timeout=0.25)))
    assert error.sent is True
    assert 0.2 <= took < 0.5


def test_retry_shares_the_budget(serve, client_of):
    """F2"""

    def late_failure(connection, server):
        server.stopping.wait(0.6)
        connection.sendall(http({}, "503 Busy"))

    server = serve(late_failure, silence)
    assert seconds(lambda: get(client_of(server, timeout=0.9)))[0] < 1.5  # with a budget of its own: 1.55 at least
    assert len(server.received) == 2


def test_peer_that_does_not_read_ends_with_the_budget(client_of):
    payload = {"custom": {"x": "x" * 16_000_000}}
    with socket.create_server(("127.0.0.1", 0)) as listener:  # connections wait in its queue, and nobody reads them
        client = client_of(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=0.4)
        took, error = seconds(lambda: client.track_action("u", "pay", payload))
    assert (error.sent, error.detail) == (True, "TimeoutError")
    assert took < 4  # without a budget it would never end; to write so much takes a busy machine a while


def test_outage_opens_the_breaker_and_it_refuses_at_once(closed_port, client_of):
    """T50"""
    client = client_of(f"http://127.0.0.1:{closed_port}", timeout=0.02)
    for _ in range(5):
        assert seconds(lambda: get(client))[1].detail == "ConnectionRefusedError"
    took, error = seconds(lambda: get(client.with_timeout(5.0)))
    assert (error.sent, took < 0.5) == (False, True)
    assert 0 < error.retry_after <= 30


@pytest.mark.parametrize("answer", [http({}, "500 Down"), silence, reset], ids=["error", "silence", "reset"])
def test_breaker_that_a_reached_service_opened_does_not_say_that_nothing_was_sent(serve, client_of, answer):
    """T40"""
    server = serve(answer)
    client = client_of(server, timeout=0.05)
    for _ in range(6):
        error = seconds(lambda: get(client))[1]
        assert error.sent is True
    assert error.detail.startswith("not asked")


def test_one_answered_error_among_failed_connections_keeps_the_service_reached(serve, client_of):
    """T40"""
    server = serve(http({}, "500 Down"))
    client = client_of(server, timeout=0.05)
    seconds(lambda: get(client))
    server.close()
    assert [seconds(lambda: get(client))[1].sent for _ in range(5)] == [False] * 4 + [True]


def test_refusals_of_one_user_leave_the_breaker_closed(serve, client_of):
    """T50"""
    server = serve(http({}, "400 Bad"))
    client = client_of(server)
    for _ in range(500):
        with pytest.raises(Exception, match="400"):
            get(client)
    assert len(server.received) == 500


def test_too_many_requests_leave_the_breaker_closed(serve, client_of):
    server = serve(http({}, "429 Too Many"))
    client = client_of(server)
    for _ in range(10):
        seconds(lambda: validate(client))
    assert len(server.received) == 10


def test_threads_share_no_more_connections_than_there_are_threads(serve, client_of):
    """T51"""
    server = serve(http(ALLOW, Set_Cookie="session=1"))
    client, gate, answers = client_of(server), threading.Barrier(16), []

    def work():
        gate.wait()
        answers.extend(track(client).state for _ in range(10))

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(answers), len(server.received)) == (160, 160)
    assert server.connections <= 16
    assert not any("cookie" in request.headers for request in server.received)


def test_calls_in_a_row_use_one_connection(serve, client_of):
    server = serve(http(ALLOW))
    client = client_of(server)
    for timeout in (5.0, 1.0, 5.0):
        track(client.with_timeout(timeout))
    assert server.connections == 1


def test_connection_dropped_while_idle_is_replaced(serve, client_of):
    """F6"""
    server = serve(after(http({"isValid": False}), hang_up), http({"isValid": False}))
    client = client_of(server)
    validate(client)
    time.sleep(0.05)
    validate(client)
    assert (server.connections, len(server.received)) == (2, 2)


FORK = """
import os, sys
from django_authsignal.client import Client
client = Client(api_key="s", api_url=sys.argv[1])
client.get_user("parent")
child = os.fork()
if child == 0:
    client.get_user("child")
    client.get_user("child")
    os._exit(0)
status = os.waitpid(child, 0)[1]
client.get_user("parent")
sys.exit(status)
"""


def test_forked_child_opens_connections_of_its_own(serve):
    """T51, F30"""
    server = serve(http({}))
    subprocess.run([sys.executable, "-W", "error", "-c", FORK, server.url], check=True, timeout=20)
    used = [(request.target.rpartition("/")[2], request.connection) for request in server.received]
    assert used == [("parent", 1), ("child", 2), ("child", 2), ("parent", 1)]


def test_environment_has_no_say(serve, client_of, closed_port, tmp_path, monkeypatch):
    """T51: proxies, netrc and certificate paths of the environment are not read."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login eve password eve\n")
    poison = {"NETRC": str(tmp_path / ".netrc"), "HOME": str(tmp_path), "REQUESTS_CA_BUNDLE": "/nowhere"}
    poison |= {"NO_PROXY": "", "no_proxy": ""}
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        poison[name] = poison[name.lower()] = f"http://127.0.0.1:{closed_port}"
    for name, value in poison.items():
        monkeypatch.setenv(name, value)
    server = serve(http(ALLOW))
    track(client_of(server))
    assert server.received[0].headers["authorization"] == "Basic dGhlLXNlY3JldDo="
    assert server.received[0].headers["host"] == f"127.0.0.1:{server.port}"


def test_import_does_not_import_requests():
    """It would add 50 ms to every start of a process."""
    code = (
        "import sys, django_authsignal.client as c; client = c.Client(api_key='s'); "
        "sys.exit(bool({'requests', 'urllib3', 'django'} & set(sys.modules)))"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=20, env={**os.environ, "COVERAGE_PROCESS_START": ""}
    )


def test_default_budget_is_eight_seconds_of_wall_clock(long_call):
    """F2: measured from outside, one byte every 200 ms."""
    took, error = long_call.result()
    assert 7.9 <= took <= 12
    assert error.detail == "TimeoutError"
