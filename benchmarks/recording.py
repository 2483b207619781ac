"""What recording a decision costs, beside the same insert and update in a table without any index.

    python -m benchmarks.recording [--database sqlite|postgresql] [--durable] [--rows 100000]

Recording is two transactions: a row before the service is asked, and what became of it. The other table has the same
columns, its rows are written through the same ORM, and nothing but its primary key is indexed or checked.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.database import KINDS, database
from benchmarks.findings import Finding, show, us
from benchmarks.pairs import by_turns, median, ratio

MOST = 1.6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=KINDS, default="sqlite")
    parser.add_argument("--durable", action="store_true", help="commit to the disk, as in production")
    parser.add_argument("--rows", type=int, default=100_000, help="rows that are there already (default 100000)")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--calls", type=int, default=100, help="decisions in each round (default 100)")
    options = parser.parse_args()
    with database(options.database, durable=options.durable):
        show(findings(options))


def findings(options: argparse.Namespace) -> Iterator[Finding]:
    from benchmarks.seed import seed

    seed(options.rows, users=1000)
    costs = by_turns({"ours": ours(), "bare": bare()}, rounds=options.rounds, calls=options.calls)
    where = f"{options.database}{', durable' if options.durable else ''}"
    for measure, words in (("p50", "median"), ("cpu", "CPU")):
        value = ratio(costs["ours"], costs["bare"], measure)
        peer = f"without indexes: {us(median(costs['bare'], measure))}"
        mine = us(median(costs["ours"], measure))
        if measure == "p50":
            yield Finding.at_most(f"recording, {where}", words, mine, peer, value, MOST)
        else:
            yield Finding(f"recording, {where}", words, mine, peer, value)


def claim() -> Any:
    from django.contrib.auth import get_user_model

    from django_authsignal import digests
    from django_authsignal.claims import Claim

    user = get_user_model().objects.filter(username__startswith="user").latest("pk")
    return Claim(
        user_pk=user.pk,
        authsignal_user_id=str(user.pk),
        tenant="",
        environment="sandbox",
        action="withdrawFunds",
        route="transfer/",
        method="POST",
        bindings=digests.digests("binding", "one"),
        channels=digests.digests("channel", "one"),
        auth_hashes=digests.digests("auth-hash", "one"),
        ip_address="203.0.113.7",
    )


def facts() -> dict[str, Any]:
    from django.utils import timezone

    now = timezone.now()
    answered = {"answered_at": now, "remote_state": "ALLOW", "remote_state_at": now, "remote_state_source": "track"}
    return {**answered, "is_enrolled": True, "rule_ids": ["5d8f1f2c-7d1e-4a53-9a57-0a7d3f5b7c11"]}


def ours() -> Callable[[], Any]:
    from django_authsignal.models import TrackedAction

    claimed = claim()
    return lambda: TrackedAction.objects.begin(claimed, enforced=True).allow(facts())


def bare() -> Callable[[], Any]:
    from django.db import connection, models, transaction
    from django.utils import timezone

    from django_authsignal.models import TrackedAction

    fields = {field.name: plain(field) for field in TrackedAction._meta.concrete_fields}
    options = type("Meta", (), {"app_label": "authsignal"})
    model: Any = type("Unindexed", (models.Model,), {**fields, "Meta": options, "__module__": __name__})
    with connection.schema_editor() as editor:
        editor.create_model(model)
    claimed = claim()

    def record() -> None:
        row = model(
            user=claimed.user_pk,
            authsignal_user_id=claimed.authsignal_user_id,
            environment=claimed.environment,
            action=claimed.action,
            route=claimed.route,
            method=claimed.method,
            binding=claimed.bindings[0],
            channel=claimed.channels[0],
            auth_hash=claimed.auth_hashes[0],
            ip_address=claimed.ip_address,
            created_at=timezone.now(),
        )
        with transaction.atomic():
            row.save(force_insert=True)
        with transaction.atomic():
            model.objects.filter(pk=row.pk).update(status="spent", spent_at=timezone.now(), return_path="", **facts())

    return record


def plain(field: Any) -> Any:
    """The same column, without an index or a constraint."""
    from django.db import models

    return models.IntegerField(null=True) if field.is_relation else field.clone()


if __name__ == "__main__":
    main()
