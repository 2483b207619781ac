"""What is read of an answer, over a real socket."""

import gzip
import io
import json
import tracemalloc

import pytest
import requests
from requests.adapters import BaseAdapter

from django_authsignal.client import Unavailable, UnexpectedAnswer

from .conftest import ALLOW, after, http, silence


def test_chunked_answer_is_read(serve, client_of):
    body = json.dumps(ALLOW).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (1, body[i : i + 1]) for i in range(len(body))) + b"0\r\n\r\n"
    server = serve(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
    client = client_of(server)
    assert [client.track_action("u", "pay").state for _ in range(2)] == ["ALLOW", "ALLOW"]
    assert server.connections == 1


def test_answer_up_to_the_end_of_the_connection_is_read(serve, client_of):
    body = json.dumps(ALLOW).encode()
    server = serve(after(b"HTTP/1.0 200 OK\r\n\r\n" + body, lambda connection, server: None))
    assert client_of(server).track_action("u", "pay").state == "ALLOW"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
    ],
)
def test_broken_http_is_unavailable(serve, client_of, answer):
    """F13"""
    server = serve(after(answer, lambda connection, server: None))
    with pytest.raises(Unavailable) as caught:
        client_of(server).validate_challenge("t")
    assert caught.value.sent is True


def test_huge_body_is_given_up_early(serve, client_of):
    """F14: the peer announces a terabyte and sends a megabyte; nobody waits for the rest."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n"
    server = serve(after(head + b" " * 1_000_000, silence), http(ALLOW))
    client = client_of(server)
    with pytest.raises(UnexpectedAnswer, match="more than 262144 bytes"):
        client.track_action("u", "pay")
    assert client.track_action("u", "pay").state == "ALLOW"
    assert server.connections == 2


def test_compressed_bomb_is_not_unpacked(serve, client_of):
    """F14"""
    bomb = gzip.compress(b" " * 200_000_000, compresslevel=9)
    server = serve(http(bomb, Content_Encoding="gzip"))
    client = client_of(server)
    tracemalloc.start()
    with pytest.raises(UnexpectedAnswer, match="compressed|more than"):
        client.track_action("u", "pay")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


def test_error_status_counts_even_with_a_huge_body(serve, client_of):
    server = serve(http(b" " * 400_000, "404 Where"))
    with pytest.raises(Exception, match="rejected with 404"):
        client_of(server).get_action("u", "pay", "k")


class Canned(BaseAdapter):
    """A foreign adapter whose answers have a plain file as ``raw``."""

    def send(self, request, stream=False, timeout=None, verify=True, cert=None, proxies=None):
        response = requests.Response()
        response.status_code = 200
        response.raw = io.BytesIO(json.dumps(ALLOW).encode())
        self.request = request
        return response

    def close(self):
        pass


def test_foreign_adapter_needs_only_send(client_of):
    adapter = Canned()
    assert client_of("http://x.test", adapter=adapter).track_action("u/1", "pay").state == "ALLOW"
    assert adapter.request.url == "http://x.test/v1/users/u%2F1/actions/pay"
    assert adapter.request.path_url == "/v1/users/u%2F1/actions/pay"
    assert adapter.request.headers["authorization"] == "Basic dGhlLXNlY3JldDo="


def test_failure_inside_an_except_block_names_its_own_cause(closed_port, client_of):
    try:
        raise LookupError
    except LookupError:
        with pytest.raises(Unavailable, match="ConnectionRefusedError"):
            client_of(f"http://127.0.0.1:{closed_port}").validate_challenge("t")
