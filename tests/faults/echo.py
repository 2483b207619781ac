"""An upstream for the tests of the proxy."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager

ANSWER = b"answer:"


@contextmanager
def echo(*where):
    """An upstream that answers what it is sent, and remembers it."""
    seen, ends = [], []
    listener = socket.socket(socket.AF_UNIX) if where else socket.socket()
    listener.bind(where[0] if where else ("127.0.0.1", 0))
    listener.listen()

    def serve(peer):
        with peer:
            try:
                while data := peer.recv(65536):
                    seen.append(data)
                    peer.sendall(ANSWER + data)
                    if data == b"bye":
                        return
            except OSError:
                pass

    def accept():
        try:
            while True:
                peer, _ = listener.accept()
                ends.append(peer)
                threading.Thread(target=serve, args=(peer,), daemon=True).start()
        except OSError:
            pass

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield listener.getsockname(), seen
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for peer in ends:
        with peer:
            pass
    thread.join(5)
