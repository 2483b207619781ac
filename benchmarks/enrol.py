"""How long a bulk enrolment takes, and how much memory, against a sandbox that listens on a socket.

    python -m benchmarks.enrol [--rows 10000] [--workers 4] [--database sqlite|postgresql]

The command runs as a process of its own, once for a hundred rows and once for all of them: what the second needs
more at its peak is what the rows cost. The sandbox answers in Python on the same machine, so the seconds are its as
much as ours; the real service is slower by its distance, and that is what workers are for.
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.database import KINDS, database

FEW = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--database", choices=KINDS, default="sqlite")
    options = parser.parse_args()
    with database(options.database), tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options.rows, options.workers)


def measure(folder: Path, rows: int, workers: int) -> None:
    from django.conf import settings
    from django.contrib.auth import get_user_model

    from django_authsignal.sandbox.rules import Rules
    from django_authsignal.sandbox.server import SandboxServer
    from django_authsignal.sandbox.store import Store

    logging.getLogger("django.server").setLevel(logging.ERROR)  # not a line for each call
    users = get_user_model()
    users.objects.bulk_create((users(username=f"user{number}") for number in range(rows)), batch_size=1000)
    store = Store(Rules(), secret=settings.AUTHSIGNAL_SECRET)
    with SandboxServer(store) as sandbox:
        _, base = run(sheet(folder, FEW), sandbox.url, workers)
        seconds, peak = run(sheet(folder, rows), sandbox.url, workers)
    enrolled = [user for user in store.users() if len(user.authenticators) == 1]
    if len(enrolled) != rows:
        raise SystemExit(f"{len(enrolled)} of {rows} users have one authenticator")
    print(f"{rows} rows, {workers} workers: {seconds:.0f} s, {rows / seconds:.0f} rows/s")
    print(f"peak memory {peak:.0f} MiB, {peak - base:.0f} MiB more than for {FEW} rows")


def sheet(folder: Path, rows: int) -> Path:
    path = folder / f"{rows}.csv"
    lines = (f"user{number},+6421{1000000 + number}\n" for number in range(rows))
    path.write_text("user,phone\n" + "".join(lines))
    return path


def run(path: Path, api_url: str, workers: int) -> tuple[float, float]:
    """Seconds, and the peak of resident memory in MiB."""
    from django.db import connection

    from tests.rig import commands

    arguments = ["authsignal_enrol", "--csv", str(path), "--workers", str(workers)]
    begun = time.monotonic()
    process = commands.start(database_of(connection), f"{api_url}/v1", *arguments)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    with process:
        printed = process.stdout.read() + process.stderr.read() if process.stdout and process.stderr else ""
    if process.returncode:
        raise SystemExit(printed)
    return time.monotonic() - begun, usage.ru_maxrss / 1024


def database_of(connection: Any) -> dict[str, Any]:
    """What a process of its own needs to use the same database."""
    return dict(connection.settings_dict)


if __name__ == "__main__":
    main()
