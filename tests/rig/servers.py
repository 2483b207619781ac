"""Real server processes of the bank, for browsers and for races between workers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
READY = 20  # seconds that a start may take


def gunicorn(fd: int, *, workers: int = 2, threads: int = 4) -> list[str]:
    return _gunicorn(fd, "--workers", str(workers), "--threads", str(threads), "--worker-class", "gthread")


def gunicorn_sync(fd: int, *, workers: int = 4) -> list[str]:
    """Workers that answer one request at a time; forked after everything is imported, so that a start is quick."""
    return _gunicorn(fd, "--workers", str(workers), "--worker-class", "sync", "--preload")


def _gunicorn(fd: int, *options: str) -> list[str]:
    return [
        *("gunicorn", "--bind", f"fd://{fd}", *options, "--worker-tmp-dir", tempfile.gettempdir()),
        *("--access-logfile", "-", "tests.rig.wsgi:application"),
    ]


def uvicorn(fd: int, *, workers: int = 1) -> list[str]:
    return [
        *("uvicorn", "--fd", str(fd), "--workers", str(workers), "--lifespan", "off"),
        *("--timeout-graceful-shutdown", "1", "tests.rig.asgi:application"),
    ]


@contextmanager
def serve_bank(
    database: dict[str, object], api_url: str, *, server=gunicorn, settings=None, **options: int
) -> Iterator[BankServer]:
    """The bank in processes of its own, on the test database, asking the sandbox at *api_url*.

    *settings* are the Django settings, of JSON values, in which it differs from the tests' own.
    """
    # The log appends: its readers move the position that the server's processes share.
    # Bound here, so that the address is known and nobody else can take the port.
    with socket.create_server(("127.0.0.1", 0)) as listener, tempfile.TemporaryFile("a+b") as log:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        process = subprocess.Popen(
            [sys.executable, "-m", *server(listener.fileno(), **options)],
            cwd=ROOT,
            env=os.environ | environment(database, api_url, url) | {"BANK_TEST_SETTINGS": json.dumps(settings or {})},
            pass_fds=[listener.fileno()],
            stdout=log,
            stderr=log,
        )
        listener.close()
        running = BankServer(url, process, log)
        try:
            running.wait()
            yield running
        finally:
            running.stop()


def environment(database: dict[str, object], api_url: str, site_url: str) -> dict[str, str]:
    connection = {name: database[name] for name in ("ENGINE", "NAME", "USER", "HOST", "OPTIONS")}
    return {
        "BANK_TEST_DATABASE": json.dumps(connection, default=str),
        "AUTHSIGNAL_API_URL": api_url,
        "AUTHSIGNAL_SITE_URL": site_url,
    }


class BankServer:
    def __init__(self, url: str, process: subprocess.Popen[bytes], log) -> None:
        self.url, self.process, self._log = url, process, log

    def wait(self) -> None:
        try:
            with urllib.request.urlopen(f"{self.url}/sign-in/", timeout=READY):
                pass
        except OSError as error:
            raise RuntimeError(f"the bank did not start:\n{self.log()}") from error

    def log(self) -> str:
        """Everything the processes have printed, access log included."""
        self._log.seek(0)
        return self._log.read().decode()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)  # at once; SIGTERM would wait for idle connections
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
