"""``manage.py authsignal_prune``: delete history that is old enough. Made for cron."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.db import Error

from django_authsignal.conf import app_settings
from django_authsignal.management import command
from django_authsignal.management.database import problem
from django_authsignal.management.exits import Exit
from django_authsignal.management.progress import progress
from django_authsignal.services.retention import Pruned, prune

EXIT_CODES = """\
exit codes:
  0  everything that is old enough is deleted
  1  AUTHSIGNAL_RETENTION_DAYS cannot work
  2  wrong usage
  6  the database refused or cannot be reached: what is done is kept, run it again
  130  interrupted: what is done is kept, run it again
"""


class Command(command.Command):
    help = (
        "Delete tracked actions and received webhooks that are older than AUTHSIGNAL_RETENTION_DAYS. Actions that can "
        "still be used are never touched, and the figures per day stay. Safe beside live traffic and beside itself."
    )

    epilog = EXIT_CODES

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--days", type=whole_number, metavar="N", help="keep this many days (default: AUTHSIGNAL_RETENTION_DAYS)"
        )
        parser.add_argument(
            "--batch", type=whole_number, default=500, metavar="N", help="rows per transaction, at most (default 500)"
        )
        parser.add_argument("--dry-run", action="store_true", help="count what is old enough, but delete nothing")
        parser.add_argument("--json", action="store_true", help="print the counts as one JSON object")

    def handle(
        self, *, days: int | None, batch: int, dry_run: bool, json: bool, verbosity: int, **options: Any
    ) -> None:
        age = timedelta(days=days or retention_days())
        so_far = Pruned()

        def note(pruned: Pruned) -> None:
            nonlocal so_far
            tick(pruned.actions + pruned.webhooks - so_far.actions - so_far.webhooks)
            so_far = pruned

        try:
            with progress(None, "Rows", self.stderr if verbosity else None) as tick:
                prune(age, batch, dry_run=dry_run, progress=note)
        except KeyboardInterrupt as error:
            raise CommandError(f"Interrupted. {told(so_far, dry_run=dry_run)}", returncode=Exit.INTERRUPTED) from error
        except Error as error:
            then = problem(error)
            raise CommandError(f"{told(so_far, dry_run=dry_run)} {then}", returncode=then.returncode) from error
        if json or verbosity:
            self.stdout.write(as_json(so_far, age, dry_run=dry_run) if json else told(so_far, dry_run=dry_run))


def whole_number(text: str) -> int:
    """From 1 to 10,000."""
    if not text.isdecimal() or not 1 <= int(text) <= 10_000:
        raise argparse.ArgumentTypeError("must be a whole number from 1 to 10000")
    return int(text)


def retention_days() -> int:
    try:
        return app_settings.RETENTION_DAYS
    except ImproperlyConfigured as error:
        raise CommandError(str(error), returncode=Exit.FAILED) from error


def told(pruned: Pruned, *, dry_run: bool = False) -> str:
    if dry_run:
        return f"Would delete (dry run): {pruned.actions} actions with their events and {pruned.webhooks} webhooks."
    return f"Deleted {pruned.actions} actions, {pruned.events} events on them and {pruned.webhooks} webhooks."


def as_json(pruned: Pruned, age: timedelta, *, dry_run: bool) -> str:
    return json.dumps({"days": age.days, "dry_run": dry_run, **asdict(pruned)})
