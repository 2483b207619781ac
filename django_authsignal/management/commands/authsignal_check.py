"""``manage.py authsignal_check``: before a deploy goes live, whether everything between us and Authsignal works."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from math import isfinite
from typing import Any

from django.core.management.base import CommandError

from django_authsignal.management import command
from django_authsignal.management.checking import (
    Outcome,
    Step,
    migrations_step,
    service_steps,
    settings_step,
    system_checks_step,
)
from django_authsignal.management.exits import Exit
from django_authsignal.management.webhook_trial import AUTO, webhook_step
from django_authsignal.timeline import plain

EXIT_CODES = """\
exit codes (the first step that failed decides):
  0  everything works; there may be warnings
  1  ours to mend: settings, system checks, migrations
  2  wrong usage
  5  Authsignal does not accept AUTHSIGNAL_SECRET
  6  Authsignal cannot be reached or cannot answer now
  7  this machine's clock is wrong
  8  the webhook URL does not work
"""


class Command(command.Command):
    help = "Check settings, secret, region, clock and, with --webhook-url, the webhook receiver. For deploy scripts."
    requires_system_checks = ()  # one of the steps runs them, and says what to do

    epilog = EXIT_CODES

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--webhook-url",
            metavar="URL",
            help=f"post a signed and a forged event there; '{AUTO}' is this site's own URL. The signed one is recorded",
        )
        parser.add_argument(
            "--max-skew",
            type=_seconds,
            default=60.0,
            metavar="SECONDS",
            help="fail when the clock is further off than this (default 60); 5 s are worth a warning",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")

    def handle(self, *, webhook_url: str | None, max_skew: float, json: bool, **options: Any) -> None:
        done = []
        for step in _steps(webhook_url, max_skew):
            done.append(step)
            if not json:
                self._print(step)
        bad = [step for step in done if step.outcome is Outcome.FAILED]
        code = bad[0].exit if bad else Exit.OK
        if json:
            self.stdout.write(_as_json(done, code))
        if bad:
            raise CommandError(f"Failed: {', '.join(step.name for step in bad)}.", returncode=code)

    def _print(self, step: Step) -> None:
        style = {Outcome.OK: self.style.SUCCESS, Outcome.WARNING: self.style.WARNING, Outcome.FAILED: self.style.ERROR}
        self.stdout.write(f"{style[step.outcome](step.outcome.ljust(8))} {step.name.ljust(11)} {plain(step.says)}")
        for line in step.todo:
            self.stdout.write(f"{' ' * 21}{plain(line)}")


def _steps(webhook_url: str | None, max_skew: float) -> Iterator[Step]:
    settings = settings_step()
    yield settings
    yield system_checks_step()
    yield migrations_step()
    if settings.outcome is Outcome.FAILED:
        return  # neither a call nor a signature can be made
    yield from service_steps(max_skew)
    if webhook_url is not None:
        yield webhook_step(webhook_url)


def _as_json(steps: list[Step], code: Exit) -> str:
    told = [
        {"step": step.name, "outcome": step.outcome, "says": step.says, "todo": step.todo, **step.facts}
        for step in steps
    ]
    return json.dumps({"ok": code is Exit.OK, "exit_code": code, "steps": told}, indent=2)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not (isfinite(seconds) and seconds > 0):
        raise argparse.ArgumentTypeError("must be a positive number of seconds")
    return seconds
