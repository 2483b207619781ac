"""The result of a bulk enrolment: a CSV file that says what became of each line, and where another run goes on.

It is a memory aid, not the truth: a line that is missing here though its number is enrolled costs one call, in which
the service says so. So each line is handed to the system at once, and only at the end forced onto the disk.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from django.core.files import locks
from django.core.management.base import CommandError

from django_authsignal.attributes import printable
from django_authsignal.digests import digests
from django_authsignal.management.exits import Exit
from django_authsignal.management.sheets import Entry, unusable
from django_authsignal.services.enrolling import Outcome

__all__ = ["INVALID", "Record", "Writer"]

INVALID = "invalid"
DONE = (Outcome.ENROLLED, Outcome.ALREADY)
COLUMNS = ["line", "user", "outcome", "detail", "fingerprint"]
HEADER = (",".join(COLUMNS) + "\n").encode()
LONGEST_USER = 254


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """What a line asked for and of whom, as keyed digests: no phone number is kept.

    *channel* and *region* are the run's own. *service* is what tells Authsignal here from Authsignal elsewhere: what is
    enrolled in a rehearsal is not enrolled where it counts.
    """

    channel: str
    region: str | None
    service: str

    def of(self, entry: Entry) -> tuple[str, ...]:
        """Under the current key first, then under each fallback."""
        region = None if entry.phone.startswith("+") else self.region
        return digests("enrolment", [self.service, entry.user, entry.phone, entry.channel or self.channel, region])


class Record:
    """The result file at *path*, which may be there already. Use it as a context manager.

    Raises CommandError for a file that is something else, or that another run is writing.
    """

    def __init__(self, path: Path, fingerprints: Fingerprints) -> None:
        self.path = path
        self._fingerprints = fingerprints
        self._file: BinaryIO | None = None
        self._done: dict[int, str] = {}
        self._met: set[int] = set()

    def __enter__(self) -> Self:
        if self.path.exists():
            if not self.path.is_file():
                raise CommandError(f"{self.path} is no file.", returncode=Exit.PARTICULAR)
            self._file = _opened(self.path, "r+b")
            try:
                self._done = {line: fingerprint for line, fingerprint, _ in _done(self.path, self._file)}
            except CommandError:
                self._file.close()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            self._file.close()

    @property
    def done(self) -> int:
        """How many lines need nothing more."""
        return len(self._done)

    def has(self, entry: Entry) -> bool:
        """Whether this line is done. Raises CommandError when it was another one then."""
        if (fingerprint := self._done.get(entry.line)) is None:
            return False
        if fingerprint not in self._fingerprints.of(entry):
            raise self._stray(entry.line)
        self._met.add(entry.line)
        return True

    def must_have_met_all(self) -> None:
        """After all entries: raises CommandError if a line that is done was not among them."""
        if left := self._done.keys() - self._met:
            raise self._stray(min(left))

    def _stray(self, line: int) -> CommandError:
        return CommandError(
            f"{self.path} does not belong to this run: line {line} asked for something else when it was done, or was "
            "done with another environment, API or tenant. Name another file with --result.",
            returncode=Exit.PARTICULAR,
        )

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """Add to the file. Before that, what must be tried again, and what a crash left unfinished, is taken out."""
        if self._file:
            # Beside the file and then into its place, so that at every moment one of the two is whole.
            fresh = self.path.with_name(self.path.name + ".new")
            with fresh.open("wb") as file:
                file.writelines([HEADER, *(raw for _, _, raw in _done(self.path, self._file))])
                file.flush()
                os.fsync(file.fileno())
            self._file.close()
            fresh.replace(self.path)
        with closing(_opened(self.path, "ab" if self._file else "xb")) as file:
            if not self._file:
                file.write(HEADER)
            yield Writer(file, self._fingerprints)
            file.flush()
            os.fsync(file.fileno())


@dataclass(frozen=True, slots=True)
class Writer:
    """Adds lines to the result file."""

    file: BinaryIO
    fingerprints: Fingerprints

    def add(self, entry: Entry, outcome: str, detail: str) -> None:
        """Write what became of a line. Raises OSError."""
        text = io.StringIO()
        # The user as typed, for whoever joins the two files: whatever a spreadsheet makes of it, it has made before.
        user, fingerprint = printable(entry.user, LONGEST_USER), self.fingerprints.of(entry)[0]
        csv.writer(text, lineterminator="\n").writerow([entry.line, user, outcome, detail, fingerprint])
        self.file.write(text.getvalue().encode())
        self.file.flush()


def _opened(path: Path, mode: str) -> BinaryIO:
    try:
        file: BinaryIO = path.open(mode)  # type: ignore[assignment]
    except OSError as error:
        raise CommandError(f"{path} cannot be opened: {error.strerror}.", returncode=Exit.PARTICULAR) from error
    if not locks.lock(file, locks.LOCK_EX | locks.LOCK_NB):
        file.close()
        raise CommandError(f"{path} is being written by another run.", returncode=Exit.PARTICULAR)
    return file


def _done(path: Path, file: BinaryIO) -> Iterator[tuple[int, str, bytes]]:
    """Line, fingerprint and the bytes of each record of a line that is done."""
    file.seek(0)
    first = file.readline(len(HEADER))
    if first != HEADER and (first.endswith(b"\n") or not HEADER.startswith(first)):
        raise unusable(path, 1, "this is no result of this command. Name another file with --result.")
    for number, raw in enumerate(file, 2):
        if not raw.endswith(b"\n"):
            return  # the run was killed while it wrote this
        try:
            line, _, outcome, _, fingerprint = next(csv.reader([raw.decode()], strict=True))
            done = (int(line), fingerprint, raw)
        except (ValueError, csv.Error) as error:
            raise unusable(path, number, "this is no result of this command.") from error
        if outcome in DONE:
            yield done
