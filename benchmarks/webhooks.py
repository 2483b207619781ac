"""How fast webhooks are recorded, beside the least that any receiver must do.

    python -m benchmarks.webhooks --database postgresql --rounds 20

The least is one transaction of two statements on the same connection: insert the event unless it is there, update the
row by its key. The service sends these events in batches. Every round does the same number of events in each way, in
turn, so that what slows the machine down slows all of them. A ratio is the bare pair's time over the other's: 1.0 is as
fast, 0.5 takes twice as long.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from benchmarks.database import KINDS, database
from benchmarks.findings import Finding, show

PROMISED = 0.85
ACTION, USER, STATE = "transfer", "alice", "CHALLENGE_REQUIRED"
BATCH = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=KINDS, default="postgresql")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--events", type=int, default=500, help="events of each way in each round (default 500)")
    parser.add_argument("--durable", action="store_true", help="commit to the disk, as in production")
    options = parser.parse_args()
    with database(options.database, durable=options.durable):
        measure(options)


def measure(options: argparse.Namespace) -> None:
    keys = itertools.cycle(make_rows(options.events))
    ways: dict[str, Callable[[Iterator[uuid.UUID], int], float]] = {
        "two bare statements": bare,
        "deliver(), one at a time": delivered,
        f"deliver(), batches of {BATCH}": delivered_in_batches,
        "the view, signature included": posted,
        f"the view, batches of {BATCH}": posted_in_batches,
        "the view, sent again": repeated,
    }
    for way in ways.values():
        way(keys, options.events)  # warms up
    times = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, way in ways.items():
            times[name].append(way(keys, options.events))
    show(findings(options, times))


def findings(options: argparse.Namespace, times: dict[str, list[float]]) -> Iterator[Finding]:
    bare_times, *_ = times.values()
    subject = f"webhooks, {options.database}{', durable' if options.durable else ''}"
    beside = f"two bare statements: {options.events / statistics.median(bare_times):,.0f}"
    for name, taken in list(times.items())[1:]:
        ratio = statistics.median(least / one for least, one in zip(bare_times, taken, strict=True))
        rate = f"{options.events / statistics.median(taken):,.0f}"
        if name.startswith("deliver(), batches"):
            yield Finding.at_least(subject, f"{name}: events a second", rate, beside, ratio, PROMISED)
        else:
            yield Finding(subject, f"{name}: events a second", rate, beside, ratio)
    yield Finding(subject, "queries of an event sent again", str(queries_of_a_repeat()))


def make_rows(count: int) -> list[uuid.UUID]:
    """The keys of *count* rows that wait for their challenge."""
    from django.utils import timezone

    from django_authsignal import connection
    from django_authsignal.models import Status, TrackedAction

    now = timezone.now()
    made = TrackedAction.objects.bulk_create(
        TrackedAction(
            authsignal_user_id=USER,
            environment=connection.environment(),
            action=ACTION,
            status=Status.PENDING,
            route="transfer/",
            method="POST",
            binding=f"v1:{number}",
            channel="v1:channel",
            auth_hash="v1:hash",
            created_at=now,
            expires_at=now + timedelta(minutes=10),
        )
        for number in range(count)
    )
    return [row.idempotency_key for row in made]


def bare(keys: Iterator[uuid.UUID], count: int) -> float:
    from django.db import connection, transaction
    from django.utils import timezone

    adapt_time, adapt_key = connection.ops.adapt_datetimefield_value, adapted_key(connection)
    batch = [(str(uuid.uuid4()), next(keys)) for _ in range(count)]
    started = time.perf_counter()
    for event_id, key in batch:
        now = adapt_time(timezone.now())
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO authsignal_webhookevent (tenant, event_id, type, occurred_at, received_at, outcome)"
                " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                ["", event_id, "action.log_created", now, now, "recorded"],
            )
            if cursor.rowcount:
                cursor.execute(
                    "UPDATE authsignal_trackedaction SET remote_state = %s, remote_state_at = %s,"
                    " remote_state_source = %s WHERE idempotency_key = %s AND authsignal_user_id = %s AND action = %s",
                    [STATE, now, "webhook", adapt_key(key), USER, ACTION],
                )
    return time.perf_counter() - started


def adapted_key(connection: Any) -> Callable[[uuid.UUID], Any]:
    return (lambda key: key) if connection.features.has_native_uuid_field else (lambda key: key.hex)


def delivered(keys: Iterator[uuid.UUID], count: int) -> float:
    from django_authsignal.client import webhooks
    from django_authsignal.services.webhooks import deliver

    return timed(deliver, [webhooks.read(body(envelope(key))).events for key in itertools.islice(keys, count)])


def delivered_in_batches(keys: Iterator[uuid.UUID], count: int) -> float:
    from django_authsignal.client import webhooks
    from django_authsignal.services.webhooks import deliver

    return timed(deliver, [webhooks.read(content).events for content in batches(keys, count)])


def posted(keys: Iterator[uuid.UUID], count: int) -> float:
    return timed(answer, [request(body(envelope(key))) for key in itertools.islice(keys, count)])


def posted_in_batches(keys: Iterator[uuid.UUID], count: int) -> float:
    return timed(answer, [request(content) for content in batches(keys, count)])


def batches(keys: Iterator[uuid.UUID], count: int) -> list[bytes]:
    sizes = [min(BATCH, count - start) for start in range(0, count, BATCH)]
    return [body({"records": [envelope(key, "record") for key in itertools.islice(keys, size)]}) for size in sizes]


def repeated(keys: Iterator[uuid.UUID], count: int) -> float:
    event = body(envelope(next(keys)))
    answer(request(event))
    return timed(answer, [request(event) for _ in range(count)])


def timed(act: Callable[[Any], Any], things: list[Any]) -> float:
    started = time.perf_counter()
    for thing in things:
        act(thing)
    return time.perf_counter() - started


def envelope(key: uuid.UUID, member: str = "data") -> dict[str, Any]:
    from django.utils import timezone

    now = timezone.now().isoformat()
    data = {"userId": USER, "actionCode": ACTION, "idempotencyKey": str(key), "state": STATE, "stateUpdatedAt": now}
    return {"id": str(uuid.uuid4()), "type": "action.log_created", "time": now, "tenantId": "t", member: data}


def body(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode()


def request(content: bytes) -> Any:
    from django.test import RequestFactory

    from django_authsignal.client.signature import HEADER, sign
    from django_authsignal.conf import app_settings

    header = sign(content, app_settings.SECRET, int(time.time()))
    return RequestFactory(headers={HEADER: header}).post("/", content, content_type="application/json")


def answer(request: Any) -> None:
    from django_authsignal.webhook import webhook

    response = webhook(request)
    if response.status_code != 200:
        raise RuntimeError(f"{response.status_code}: {response.content!r}")


def queries_of_a_repeat() -> int:
    from django.db import connection

    sent, seen = request(body(envelope(uuid.uuid4()))), []
    again = request(sent.body)
    answer(sent)
    with connection.execute_wrapper(lambda run, sql, *rest: seen.append(sql) or run(sql, *rest)):
        answer(again)
    return len([sql for sql in seen if not sql.startswith("BEGIN")])  # Django's SQLite begins by a statement


if __name__ == "__main__":
    main()
