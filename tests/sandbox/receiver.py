"""An application that hears the sandbox's webhooks: a small real server that records, and can refuse."""

from __future__ import annotations

import json
import queue
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PATIENCE = 5  # seconds until a webhook that never comes fails the test


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def message(self):
        return json.loads(self.body)

    @property
    def type(self):
        return self.message.get("type", "batch")


class Receiver:
    """``answers`` maps a type (or "batch") to the statuses of its next webhooks; all others are answered 200."""

    def __init__(self):
        self.received = queue.Queue()
        self.answers = {}
        self.ask = lambda received: None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks/?from=sandbox"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def next(self):
        return self.received.get(timeout=PATIENCE)

    @property
    def is_quiet(self):
        return self.received.empty()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc_info):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(receiver):  # noqa: N805  the handler inside has a self of its own
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received = Received(self.path, dict(self.headers), body)
                receiver.ask(received)
                statuses = receiver.answers.get(received.type, [])
                status = statuses.pop(0) if statuses else 200
                receiver.received.put(received)
                self.send_response(status)
                if status in (301, 302, 307, 308):
                    self.send_header("Location", "/elsewhere/")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        return Handler
