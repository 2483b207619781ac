"""Prune a large history while somebody writes: `python -m benchmarks.prune --database postgresql --rows 1000000`.

Prints rows per second, how long a writer beside it had to wait at most, and by how much the memory grew. Fails when a
writer waited 100 ms or longer. SQLite on a busy disk measures the disk as well, whose pauses hit who holds the lock:
`TMPDIR=/dev/shm` leaves it out.
"""

from __future__ import annotations

import argparse
import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from benchmarks.database import KINDS, database

MOST_SECONDS = 0.1
EVERY_SECONDS = 0.005


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=KINDS, default="sqlite")
    parser.add_argument("--rows", type=int, default=200_000)
    arguments = parser.parse_args()
    with database(arguments.database):
        measure(arguments.rows)


def measure(rows: int) -> None:
    from benchmarks.seed import seed
    from django_authsignal.services.retention import Pruned, prune

    seed(rows, days=400)
    live = open_action()
    with writer(live) as alone:
        time.sleep(2)
    memory, started, steps = peak_kib(), time.perf_counter(), [Pruned()]
    with writer(live) as beside:
        pruned = prune(timedelta(days=1), progress=steps.append)
    seconds, grown = time.perf_counter() - started, peak_kib() - memory
    rate = pruned.actions / seconds
    print(f"deleted {pruned.actions:,} of {rows:,} actions in {seconds:.1f} s: {rate:,.0f} a second")
    print(f"in {len(steps) - 1:,} batches; the peak of the memory grew by {grown:,} KiB")
    print(f"a writer waits {described(alone)} alone, {described(beside)} beside it")
    if late := sum(wait >= MOST_SECONDS for wait in beside):
        raise SystemExit(f"{late} of {len(beside):,} updates waited for 100 ms or longer")


def open_action() -> Any:
    """The primary key of an action that waits for its challenge, and that no prune may touch."""
    from django.utils import timezone

    from django_authsignal.models import TrackedAction

    now = timezone.now()
    return TrackedAction.objects.create(
        status="pending",
        environment="sandbox",
        authsignal_user_id="1",
        action="pay",
        created_at=now,
        expires_at=now + timedelta(days=1),
    ).pk


@contextmanager
def writer(key: Any) -> Iterator[list[float]]:
    """Another connection updates the action *key* every 5 ms; how many seconds each update took."""
    waits: list[float] = []
    done = threading.Event()

    def write() -> None:
        from django.db import connection

        from django_authsignal.models import TrackedAction

        while not done.wait(EVERY_SECONDS):
            started = time.perf_counter()
            TrackedAction.objects.filter(pk=key).update(return_path=f"/{len(waits)}/")
            waits.append(time.perf_counter() - started)
        connection.close()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield waits
    finally:
        done.set()
        thread.join()


def peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def described(waits: list[float]) -> str:
    ordered = sorted(waits)
    middle, late, most = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100], ordered[-1]
    return f"{middle * 1000:.1f} ms (p99 {late * 1000:.1f} ms, at most {most * 1000:.1f} ms, {len(waits):,} updates)"


if __name__ == "__main__":
    main()
