"""What connections do below the transport: addresses, TLS, and ids as they arrive."""

import json
import socket
import ssl
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from requests import PreparedRequest

from django_authsignal.client import Client, Unavailable
from django_authsignal.client.connections import DeadlineAdapter

from .conftest import ALLOW, drip, http

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"


def fails_with(client, detail, sent):
    begin = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        client.get_user("u")
    assert (caught.value.detail, caught.value.sent) == (detail, sent)
    return time.monotonic() - begin


@pytest.fixture
def addresses(monkeypatch):
    """Make every host name resolve to these addresses: the network's edge, not our code."""

    def use(*hosts):
        real = socket.getaddrinfo

        def resolve(host, port, *args, **options):
            if host != "many.test":
                return real(host, port, *args, **options)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in hosts]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)

    return use


def test_unknown_host_is_not_sent(client_of):
    """F3"""
    fails_with(client_of("http://nowhere.invalid"), "gaierror", sent=False)


def test_next_address_is_tried_when_one_refuses(serve, addresses, client_of):
    addresses("127.0.0.2", "127.0.0.1")
    server = serve(http({}))
    client_of(f"http://many.test:{server.port}").get_user("u")
    assert server.connections == 1


def test_name_without_address_is_not_sent(addresses, client_of):
    addresses()
    fails_with(client_of("http://many.test"), "OSError", sent=False)


@pytest.fixture
def full_port():
    """A port that lets nobody in and refuses nobody: its queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        for _ in range(4):
            waiting.append(socket.socket())
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for sock in waiting:
            sock.close()


def test_silent_addresses_share_the_budget(addresses, full_port, client_of):
    """F3: eight addresses that swallow what is sent to them cost no more than one."""
    addresses(*["127.0.0.1"] * 8)
    client = client_of(f"http://many.test:{full_port}", timeout=0.4)
    assert fails_with(client, "TimeoutError", sent=False) < 0.8


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1, signed by itself."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run([*command.split(), "-keyout", path, "-out", f"{path}.crt"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{path}.crt", path)
    return context, f"{path}.crt"


class Trusting(DeadlineAdapter):
    """The same adapter with another authority, as a test has no certificate that the world trusts."""

    def __init__(self, authority):
        super().__init__()
        self.authority = authority

    def send(self, request, **options):
        return super().send(request, **{**options, "verify": self.authority})


def test_certificate_that_nobody_trusts_is_refused_once(serve, client_of, certificate):
    """F4"""
    server = serve(http({}), context=certificate[0])
    fails_with(client_of(server), "SSLCertVerificationError", sent=True)
    assert (server.connections, server.received) == (1, [])


def test_certificate_of_another_host_is_refused(serve, client_of, certificate):
    """F4"""
    server = serve(http({}), context=certificate[0])
    client = client_of(f"https://localhost:{server.port}", adapter=Trusting(certificate[1]))
    fails_with(client, "SSLCertVerificationError", sent=True)


def test_plain_answer_to_a_tls_hello_is_refused(serve, client_of):
    """F4"""
    server = serve(http({}))
    fails_with(client_of(f"https://127.0.0.1:{server.port}", timeout=0.3), "TimeoutError", sent=True)


def test_tls_answers(serve, client_of, certificate):
    server = serve(http(ALLOW), context=certificate[0])
    client = client_of(server, adapter=Trusting(certificate[1]))
    assert [client.track_action("u", "pay").state for _ in range(3)] == ["ALLOW"] * 3
    assert server.connections == 1


def test_request_leaves_in_one_piece(client_of, certificate):
    """Whoever reads from TLS gets one record at a time, however many have come."""
    records = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            connection, _ = listener.accept()
            with certificate[0].wrap_socket(connection, server_side=True) as tls:
                records.append(tls.recv(65_536))
                tls.sendall(http(ALLOW))

        thread = threading.Thread(target=answer)
        thread.start()
        client = client_of(f"https://127.0.0.1:{listener.getsockname()[1]}", adapter=Trusting(certificate[1]))
        client.track_action("u", "pay", {"custom": {"amount": 1}})
        thread.join()
    head, _, body = records[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/users/u/actions/pay HTTP/1.1\r\n")
    assert json.loads(body)["custom"] == {"amount": 1}


def test_drip_over_tls_ends_with_the_budget(serve, client_of, certificate):
    """F2"""
    server = serve(drip(HEAD, 0.05), context=certificate[0])
    client = client_of(server, timeout=0.6, adapter=Trusting(certificate[1]))
    assert fails_with(client, "TimeoutError", sent=True) < 1.2


def test_silent_tls_handshake_ends_with_the_budget(full_port, serve, client_of):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = client_of(f"https://127.0.0.1:{listener.getsockname()[1]}", timeout=0.4)
        assert fails_with(client, "TimeoutError", sent=True) < 0.8


def test_thread_without_a_call_has_no_time(closed_port):
    """Whoever uses such a connection outside a call learns so at once, and not after waiting for ever."""
    request = PreparedRequest()
    request.prepare("GET", f"http://127.0.0.1:{closed_port}/")
    with ThreadPoolExecutor(1) as fresh, pytest.raises(OSError, match="in time"):
        fresh.submit(DeadlineAdapter().send, request).result()


@pytest.fixture(scope="module")
def echo():
    """One server and client for all examples of the property."""
    from .conftest import Server

    server = Server([http({})])
    yield server, Client(api_key="s", api_url=server.url)
    server.close()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    user=st.text(min_size=1, max_size=40)
    | st.sampled_from(["..", ".", "a/b", "a?b", "a#b", "%2E%2E", "%2e", "..;", "a\\b", "é"]),
    code=st.text(min_size=1, max_size=10),
)
def test_any_id_arrives_as_one_segment_or_not_at_all(echo, user, code):
    """T42: the raw path, as the peer's socket has it."""
    from urllib.parse import unquote

    server, client = echo
    server.received.clear()
    try:
        client.call("GET", "users", user, "actions", code)
    except ValueError:
        assert server.received == []
        return
    segments = server.received[0].target.split("/")
    assert [unquote(segment) for segment in segments] == ["", "v1", "users", user, "actions", code]
    assert not {"?", "#", ".", ".."} & set(segments)
