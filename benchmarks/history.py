"""How long an operator waits for a page of the history, among millions of rows.

    python -m benchmarks.history --database postgresql --rows 5000000

Every page is asked for through Django's test client: routing, middleware, permissions, queries and rendering included.
Printed for each: the number of queries, the median and the 95th percentile in milliseconds.
"""

from __future__ import annotations

import argparse
import re
import resource
import statistics
import time
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import urlencode

from benchmarks.database import KINDS, database
from benchmarks.findings import Finding, show

LIST = "/admin/authsignal/trackedaction/"
USERS = 100_000
PROMISED = 150.0
"""Milliseconds at the 95th percentile."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=KINDS, default="postgresql")
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--requests", type=int, default=40, help="requests for each page (default 40)")
    parser.add_argument("--export", type=int, default=1_000_000, help="rows of the CSV to read, 0 for none")
    parser.add_argument("--plans", action="store_true", help="print the plan of the query that reads each page's rows")
    options = parser.parse_args()
    with database(options.database):
        from benchmarks.seed import seed

        started = time.perf_counter()
        seed(options.rows, users=USERS)
        print(f"{options.database}: {options.rows:,} rows seeded in {time.perf_counter() - started:.0f} s\n")
        measure(options)


def measure(options: argparse.Namespace) -> None:
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.test import Client

    from django_authsignal.services import rollup

    settings.ALLOWED_HOSTS = ["*"]
    started = time.perf_counter()
    days = rollup.refresh(days=90)
    print(f"figures of {days} days computed in {time.perf_counter() - started:.1f} s\n")
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("operator"))
    people_who_are_away()
    print(f"{'page':32} {'queries':>7} {'median ms':>10} {'p95 ms':>8}")
    slowest: dict[float, str] = {}
    for name, path in pages(client):
        queries = captured(client, path)
        times = sorted(timed(client, path) for _ in range(options.requests))
        p95 = times[int(len(times) * 0.95) - 1]
        slowest[p95] = name
        print(f"{name:32} {len(queries):7} {statistics.median(times):10.1f} {p95:8.1f}", flush=True)
        if options.plans:
            explain(next((one["sql"] for one in queries if "LIMIT 51" in one["sql"]), queries[-1]["sql"]))
    print()
    p95, words = max(slowest), f"{len(slowest)} pages, the slowest's 95th percentile"
    ours, target = f"{p95:.0f} ms ({slowest[p95]})", f"≤ {PROMISED:.0f} ms"
    subject = f"admin, {options.rows:,} rows, {options.database}"
    show([Finding(subject, words, ours, "", None, target, p95 <= PROMISED)])
    if options.export:
        export(client, options.export)


def pages(client: Any) -> Iterator[tuple[str, str]]:
    """Every page that an operator opens, by name."""
    from django.contrib.auth import get_user_model

    from django_authsignal.models import TrackedAction

    rows = TrackedAction.objects.order_by("created_at", "pk")
    first, last = rows.first(), rows.last()
    assert first
    assert last
    user = get_user_model().objects.get(pk=last.user_id)
    month = first.created_at + (last.created_at - first.created_at) / 2
    bounds = {"created_at__gte": month.isoformat(), "created_at__lt": (month + timedelta(days=30)).isoformat()}
    yield "first", LIST
    for status in ("created", "pending", "approved", "spent", "refused", "void"):
        yield f"status {status}", f"{LIST}?status__exact={status}"
    for reason in ("block", "unavailable"):
        yield f"reason {reason}", f"{LIST}?reason={reason}"
    for action in ("action1", "closeAccount", "neverTracked"):
        yield f"action {action}", f"{LIST}?action={action}"
    for method in ("SMS", "RECOVERY_CODE"):
        yield f"verified with {method}", f"{LIST}?verification_method={method}"
    yield "one month", f"{LIST}?{urlencode(bounds)}"
    yield "one month, refused", f"{LIST}?{urlencode({**bounds, 'status__exact': 'refused'})}"
    yield "all actions of a user", f"{LIST}?user={user.pk}"
    yield "search: key", f"{LIST}?q={last.idempotency_key}"
    yield "search: Authsignal user id", f"{LIST}?q={last.authsignal_user_id}"
    yield "search: user name", f"{LIST}?q={user.get_username()}"
    yield "search: start of user names", f"{LIST}?q=user00001"
    yield "search: people long away", f"{LIST}?q=away"
    yield "search: people without actions", f"{LIST}?q=idle"
    yield "search: no match", f"{LIST}?q=nobody"
    yield "search: one letter", f"{LIST}?q=u"
    yield "page 1000", walk(client, 1000)
    yield "last page", link(client, LIST, "last")
    yield "detail", f"{LIST}{last.pk}/change/"
    yield "dashboard", f"{LIST}dashboard/"


def people_who_are_away() -> None:
    """A hundred people whose only action lies a year back, and a hundred without any: the hardest to search for."""
    from django.contrib.auth import get_user_model

    from django_authsignal.models import TrackedAction

    users, oldest = get_user_model(), TrackedAction.objects.earliest("created_at")
    names = [f"{kind}{number:03}" for kind in ("away", "idle") for number in range(100)]
    users.objects.bulk_create([users(username=name) for name in names])
    rows = []
    for user in users.objects.filter(username__startswith="away"):
        fields = {field.attname: getattr(oldest, field.attname) for field in TrackedAction._meta.concrete_fields}
        fields |= {"id": None, "user_id": user.pk, "authsignal_user_id": str(user.pk)}
        rows.append(TrackedAction(**fields))
    TrackedAction.objects.bulk_create(rows)


def walk(client: Any, page: int) -> str:
    """The address of the *page*-th page, by following "older"."""
    path = LIST
    for _ in range(page - 1):
        path = link(client, path, "next")
    return path


def link(client: Any, path: str, rel: str) -> str:
    """The link of this relation (next, last) on a page of the list."""
    anchor = re.search(rf'<a [^>]*rel="{rel}"[^>]*>', client.get(path).text)
    assert anchor, f"{path} has no link to its {rel} page"
    target = re.search(r'href="([^"]+)"', anchor[0])
    assert target
    return LIST + unescape(target[1]) if target[1].startswith("?") else unescape(target[1])


def timed(client: Any, path: str) -> float:
    started = time.perf_counter()
    response = client.get(path)
    taken = (time.perf_counter() - started) * 1000
    assert response.status_code == 200, (path, response.status_code)
    return taken


def captured(client: Any, path: str) -> list[dict[str, str]]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        client.get(path)
    return list(queries)


def explain(sql: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"{'EXPLAIN' if connection.vendor == 'postgresql' else 'EXPLAIN QUERY PLAN'} {sql}")
        for row in cursor.fetchall():
            print("      ", row[-1])


def export(client: Any, rows: int) -> None:
    """Read *rows* lines of the CSV and say what that took."""
    before, started, lines, size = peak(), time.perf_counter(), 0, 0
    for chunk in client.get(f"{LIST}export/").streaming_content:
        lines += chunk.count(b"\n")
        size += len(chunk)
        if lines > rows:
            break
    taken = time.perf_counter() - started
    print(f"CSV: {lines:,} lines, {size / 1e6:.0f} MB in {taken:.0f} s; peak memory grew by {peak() - before:.0f} MB")


def peak() -> float:
    """The most memory this process has had. MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
