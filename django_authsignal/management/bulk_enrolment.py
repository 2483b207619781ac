"""Bulk enrolment as the command line sees it: check everything, then send, and write down what became of each line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from django_authsignal import connection
from django_authsignal.conf import app_settings
from django_authsignal.management.enrolment_lines import Line, Problem, check
from django_authsignal.management.enrolment_record import INVALID, Fingerprints, Record, Writer
from django_authsignal.management.exits import Exit
from django_authsignal.management.interrupts import stop_on_interrupt
from django_authsignal.management.progress import progress
from django_authsignal.management.sheets import Entry, Sheet
from django_authsignal.services.enrolling import Outcome, enrol_numbers

__all__ = ["Bulk", "Options"]

SHOWN = 50
"""Problems that are printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says; ``channel`` and ``region`` are for lines without one of their own."""

    path: Path
    result: Path
    channel: str
    region: str | None
    workers: int
    dry_run: bool
    skip_invalid: bool


class Bulk:
    """One run. The file is read twice, so that nothing is sent before everything is known to be good."""

    def __init__(self, options: Options, stdout: Any, stderr: Any) -> None:
        if options.path.name == "-" or not options.path.is_file():
            raise CommandError(
                f"{options.path} is no file. It is read twice, so it can be neither standard input nor a pipe.",
                returncode=Exit.PARTICULAR,
            )
        self._options, self._stdout, self._stderr = options, stdout, stderr
        self._counts: Counter[str] = Counter()

    def run(self) -> None:
        """Raises CommandError, ImproperlyConfigured, Unauthorized and Unavailable."""
        connection.get_client()  # settings that cannot work are found before a long check
        options = self._options
        sheet = Sheet.open(options.path)
        if sheet.ignored:
            self._stderr.write(f"Ignored columns: {', '.join(map(repr, sheet.ignored))}.")
        with Record(options.result, Fingerprints(options.channel, options.region, service())) as record:
            good = self._check(sheet, record)
            with (
                failing_to_write(options.result),
                nullcontext() if options.dry_run else record.writing() as writer,
            ):
                try:
                    finished = self._send(sheet, record, writer, good)
                finally:
                    self._report(record.done)
        if not finished:
            raise CommandError(
                "Interrupted. The same command run again goes on with what is left.", returncode=Exit.INTERRUPTED
            )
        if refused := self._counts[Outcome.REFUSED]:
            raise CommandError(f"Authsignal refused {refused} of the numbers.", returncode=Exit.FAILED)

    def _checked(self, sheet: Sheet, record: Record) -> Iterator[Line | Problem]:
        """What is left to do."""
        left = (entry for entry in sheet.entries() if not record.has(entry))
        return check(left, self._options.channel, self._options.region)

    def _check(self, sheet: Sheet, record: Record) -> int:
        """How many lines can be enrolled. Raises CommandError if some cannot, unless that is wanted."""
        good, bad, shown = 0, 0, list[str]()
        with progress(None, "Lines checked", self._stderr) as tick:
            for one in self._checked(sheet, record):
                tick(1)
                if isinstance(one, Line):
                    good += 1
                    continue
                bad += 1
                if len(shown) < SHOWN:
                    shown.append(f"  line {one.entry.line}: {one.detail}")
        if bad and not self._options.skip_invalid:
            more = [f"  … and {bad - len(shown)} more"] if bad > len(shown) else []
            raise CommandError(
                "\n".join([f"Nothing was sent: {bad} of {good + bad} lines cannot be used.", *shown, *more]),
                returncode=Exit.PARTICULAR,
            )
        record.must_have_met_all()
        return good

    def _send(self, sheet: Sheet, record: Record, writer: Writer | None, good: int) -> bool:
        """Enrol the *good* lines; False when that was interrupted."""
        with (
            stop_on_interrupt() as stop,
            progress(good, "Numbers sent", self._stderr) as tick,
            closing(
                enrol_numbers(
                    self._good(sheet, record, writer),
                    workers=self._options.workers,
                    stop=stop,
                    dry_run=self._options.dry_run,
                )
            ) as results,
        ):
            for result in results:
                self._note(writer, result.number.entry, result.outcome, result.detail)
                tick(1)
            return not stop.is_set()

    def _good(self, sheet: Sheet, record: Record, writer: Writer | None) -> Iterator[Line]:
        """The lines to enrol. Others are noted on the way: unwanted ones, and those of users who are gone by now."""
        for one in self._checked(sheet, record):
            if isinstance(one, Line):
                yield one
            else:
                self._note(writer, one.entry, INVALID, one.detail)

    def _note(self, writer: Writer | None, entry: Entry, outcome: str, detail: str) -> None:
        self._counts[outcome] += 1
        if writer:
            writer.add(entry, outcome, detail)

    def _report(self, done_before: int) -> None:
        counts = self._counts
        if self._options.dry_run:
            summary = f"Would enrol (dry run, nothing sent): {counts[Outcome.ENROLLED]}. "
        else:
            summary = f"Enrolled: {counts[Outcome.ENROLLED]}. "
        summary += f"Already enrolled: {counts[Outcome.ALREADY]}. Refused: {counts[Outcome.REFUSED]}. "
        summary += f"Invalid: {counts[INVALID]}. Done in earlier runs: {done_before}."
        self._stdout.write(summary)
        if not self._options.dry_run:
            self._stdout.write(f"What became of each line is in {self._options.result}.")
        if done_before:
            self._stdout.write("What earlier runs did was not checked again; with another file as --result it is.")


def service() -> str:
    """Which Authsignal this is. Only the secret tells tenants apart where ``AUTHSIGNAL_TENANT_ID`` is not set."""
    parts = (connection.environment(), app_settings.API_URL, app_settings.TENANT_ID or app_settings.SECRET)
    return sha256("\0".join(parts).encode()).hexdigest()


@contextmanager
def failing_to_write(path: Path) -> Iterator[None]:
    """A full disk ends the run with a word on what to do."""
    try:
        yield
    except OSError as error:
        raise CommandError(
            f"{path} cannot be written: {error.strerror}. Run the command again when that is mended: what is enrolled "
            "and not noted will be found.",
            returncode=Exit.FAILED,
        ) from error
