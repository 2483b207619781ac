"""What it costs to ask a service that does not answer: with the breaker open, and while it is silent.

    python -m benchmarks.refusals [--tries 10]

A silent peer is one that lets nobody in, says nothing, says nothing to a TLS hello, or drips its answer byte by byte.
"""

from __future__ import annotations

import argparse
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from benchmarks.findings import Finding, show, us
from benchmarks.pairs import by_turns, median
from django_authsignal.client import Client, Unavailable

MOST_US, MOST_MS = 50, 50
BUDGET = 0.5
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"

Answer = Callable[[socket.socket, threading.Event], None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=10, help="calls to each silent peer (default 10)")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    show(findings(options.tries, options.rounds))


def findings(tries: int, rounds: int) -> Iterator[Finding]:
    yield open_breaker(rounds)
    for words, scheme, answer in (
        ("says nothing", "http", silence),
        ("drips its head", "http", drip(HEAD)),
        ("drips its body", "http", drip(b"{" * 1000, HEAD)),
        ("says nothing to a TLS hello", "https", silence),
    ):
        with serving(answer) as port:
            yield silent_peer(words, f"{scheme}://127.0.0.1:{port}", tries)
    with full_port() as port:
        yield silent_peer("lets nobody in", f"http://127.0.0.1:{port}", tries)


def open_breaker(rounds: int) -> Finding:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = Client("a-secret-of-nobody", f"http://127.0.0.1:{port}")
    for _ in range(5):
        refused(client)
    taken = median(by_turns({"ours": lambda: refused(client)}, rounds=rounds, calls=300)["ours"], "p50")
    met = taken * 1e6 <= MOST_US
    return Finding("outage", "an open breaker refuses in", us(taken), "", None, f"≤ {MOST_US} µs", met)


def refused(client: Client) -> float:
    """Seconds until a call is given up."""
    begun = time.perf_counter()
    with suppress(Unavailable):
        client.track_action("user-12345", "withdrawFunds", {"custom": {"amount": 5000}})
        raise AssertionError("somebody answered")
    return time.perf_counter() - begun


def silent_peer(words: str, url: str, tries: int) -> Finding:
    """Each try is the first of its client, as the breaker would spare the later ones."""
    late = [(refused(Client("a-secret-of-nobody", url, timeout=BUDGET)) - BUDGET) * 1000 for _ in range(tries)]
    ours = f"{statistics.median(late):.1f} ms, at most {max(late):.1f} ms"
    return Finding(
        "outage",
        f"a peer that {words} costs beyond the budget",
        ours,
        "",
        None,
        f"≤ {MOST_MS} ms",
        max(late) <= MOST_MS,
    )


def silence(connection: socket.socket, stopping: threading.Event) -> None:
    stopping.wait()


def drip(slowly: bytes, before: bytes = b"") -> Answer:
    def answer(connection: socket.socket, stopping: threading.Event) -> None:
        connection.sendall(before)
        for byte in slowly:
            if stopping.wait(0.02):
                return
            connection.sendall(bytes([byte]))

    return answer


@contextmanager
def serving(answer: Answer) -> Iterator[int]:
    """A port on which every connection is treated so."""
    stopping, threads = threading.Event(), []

    def treat(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            answer(connection, stopping)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threads.append(threading.Thread(target=treat, args=[connection]))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads.append(threading.Thread(target=accept))
        threads[0].start()
        yield listener.getsockname()[1]
        stopping.set()
        listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for it
    for thread in threads:
        thread.join()


@contextmanager
def full_port() -> Iterator[int]:
    """A port that lets nobody in and refuses nobody: its queue is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


if __name__ == "__main__":
    main()
