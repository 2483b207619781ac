"""``manage.py authsignal_sync``: reconcile the history with Authsignal. Made for cron."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.db import Error

from django_authsignal.client import Unauthorized, Unavailable
from django_authsignal.management import command, database
from django_authsignal.management.exits import Exit
from django_authsignal.management.interrupts import stop_on_interrupt
from django_authsignal.management.people import find_person
from django_authsignal.management.progress import progress
from django_authsignal.management.service import sandbox_hint
from django_authsignal.services import rollup
from django_authsignal.services.sync import Span, Summary, reconcile

EXIT_CODES = """\
exit codes:
  0  every row was looked at
  1  the settings cannot work
  2  wrong usage
  3  --user names nobody, or several people
  4  drift was found (only with --fail-on-drift)
  5  Authsignal does not accept AUTHSIGNAL_SECRET
  6  Authsignal did not answer about some rows, or the database failed: what is done is kept, run it again
  130  interrupted: what is done is kept, run it again
"""

COUNTS = {
    "rows": "rows looked at",
    "recorded": "news recorded",
    "revoked": "taken back by Authsignal",
    "lost": "ended, as no answer ever arrived",
    "expired": "ended, as nobody came back in time",
    "drift": "drift: Authsignal and the history contradict each other",
    "unreadable": "answers that make no sense",
    "unanswered": "left for the next run",
    "days": "days whose figures were computed",
}


class Command(command.Command):
    help = (
        "Ask Authsignal about unfinished actions and those of the last hours; end what a crash or a closed browser "
        "left open, record what changed, note where the two contradict each other, and compute the dashboard's figures."
        " Nothing is ever granted. Safe beside live traffic and beside itself; a second run changes nothing."
    )

    epilog = EXIT_CODES

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--hours",
            type=number(0, 720),
            default=24,
            metavar="N",
            help="look at what ended in the last N (default 24)",
        )
        parser.add_argument(
            "--workers", type=number(1, 16), default=4, metavar="N", help="calls at a time, 1 to 16 (default 4)"
        )
        parser.add_argument("--user", metavar="USER", help="only this one's rows: user name, or primary key")
        parser.add_argument("--json", action="store_true", help="print the summary as one JSON object")
        parser.add_argument(
            "--no-figures", dest="figures", action="store_false", help="leave the dashboard's figures as they are"
        )
        parser.add_argument("--fail-on-drift", action="store_true", help="exit with 4 when new drift was found")

    def handle(self, *, figures: bool, json: bool, verbosity: int, **options: Any) -> None:
        summary, days = Summary(), 0
        try:
            problem = self._reconcile(summary, verbosity=verbosity, **options)
            days = rollup.refresh() if figures else 0
        except (KeyboardInterrupt, ImproperlyConfigured, Error) as error:
            problem = told(error)
        if json or verbosity:
            self.stdout.write(as_json(summary, days, problem) if json else table(summary, days))
        if problem:
            raise problem

    def _reconcile(
        self,
        summary: Summary,
        *,
        hours: int,
        workers: int,
        user: str | None,
        fail_on_drift: bool,
        verbosity: int,
        **options: Any,
    ) -> CommandError | None:
        """What there is to complain about. The figures are computed all the same: they tell of outages too."""
        span = Span.of(hours, find_person(user).pk if user else None)
        try:
            # Nothing is counted for a bar that nobody sees.
            total, stream = (span.count(), self.stderr) if verbosity else (None, None)
            with stop_on_interrupt() as stop, progress(total, "Rows", stream) as tick:
                reconcile(span, summary, workers=workers, tick=tick, stop=stop)
        except (Unauthorized, Unavailable) as error:
            return told(error)
        if stop.is_set():
            raise KeyboardInterrupt
        return remaining(summary, fail_on_drift=fail_on_drift)


def number(least: int, most: int) -> Callable[[str], int]:
    """The type of an option that takes a whole number from *least* to *most*."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"must be a whole number from {least} to {most}")
        return int(text)

    return read


def told(error: BaseException) -> CommandError:
    """What ended the run too early, with its exit code."""
    match error:
        case KeyboardInterrupt():
            return CommandError("Interrupted: what is done is kept.", returncode=Exit.INTERRUPTED)
        case Unauthorized():
            return CommandError(f"Authsignal does not accept our secret. {error}", returncode=Exit.UNAUTHORIZED)
        case Unavailable():
            text = f"Authsignal cannot answer now: run it again.{sandbox_hint()} {error}"
            return CommandError(text, returncode=Exit.UNAVAILABLE)
        case Error():
            return database.problem(error)
    return CommandError(f"Nothing was sent. {error}", returncode=Exit.FAILED)


def remaining(summary: Summary, *, fail_on_drift: bool) -> CommandError | None:
    """What a complete run still has to complain about."""
    if summary.unanswered:
        text = f"Authsignal did not answer about all rows: run it again.{sandbox_hint()}"
        return CommandError(text, returncode=Exit.UNAVAILABLE)
    if summary.drift and fail_on_drift:
        return CommandError(
            'Drift was found: the history shows each action with its event "drift".', returncode=Exit.PARTICULAR
        )
    return None


def table(summary: Summary, days: int) -> str:
    counts = {**asdict(summary), "days": days}
    return "\n".join(f"{counts[name]:>9,}  {label}" for name, label in COUNTS.items())


def as_json(summary: Summary, days: int, problem: CommandError | None) -> str:
    code = problem.returncode if problem else int(Exit.OK)
    return json.dumps({**asdict(summary), "days": days, "exit_code": code})
