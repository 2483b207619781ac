"""A CSV file of people and phone numbers, read line by line, however large it is."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from django.core.management.base import CommandError

from django_authsignal.management.exits import Exit

__all__ = ["Entry", "Sheet", "unusable"]

REQUIRED = ("user", "phone")
OPTIONAL = ("channel",)
SEPARATORS = (",", ";")
LONGEST_LINE = 65_536  # bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """A record as it is written; ``problem`` is what is wrong with its shape."""

    line: int
    """Where it begins, counted from 1."""
    user: str
    phone: str = field(repr=False)
    channel: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What the header says. ``ignored`` are the names of columns that nobody asked for."""

    path: Path
    separator: str
    columns: tuple[str, ...]
    ignored: tuple[str, ...]

    @classmethod
    def open(cls, path: Path) -> Sheet:
        """Raises CommandError for a file that cannot be read, or has no usable header."""
        # Not guessed from the data: it is the separator under which the required columns are there.
        for separator in SEPARATORS:
            columns = _header(path, separator)
            if set(REQUIRED) <= set(columns):
                break
        else:
            raise unusable(path, 1, "the first line must name the columns user and phone, with , or ; between them.")
        names = [name for name in columns if name]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise unusable(path, 1, f"a column is named twice: {', '.join(map(repr, twice))}.")
        ignored = tuple(name for name in names if name not in (*REQUIRED, *OPTIONAL))
        return cls(path, separator, columns, ignored)

    def entries(self) -> Iterator[Entry]:
        """The records, without blank ones. Raises CommandError for none, or where the file cannot be read on."""
        records = _records(self.path, self.separator)
        header, _ = next(records, (1, []))
        line = header
        for line, cells in records:
            problem = "" if not any(cells[len(self.columns) :]) else "has more cells than the header."
            user, phone, channel = map(dict(zip(self.columns, cells, strict=False)).get, (*REQUIRED, *OPTIONAL))
            yield Entry(line, user or "", phone or "", channel or "", problem)
        if line == header:
            raise unusable(self.path, header, "no lines follow the header: there is nobody to enrol.")


def _header(path: Path, separator: str) -> tuple[str, ...]:
    _, cells = next(_records(path, separator), (1, []))
    return tuple(cell.lower() for cell in cells)


def _records(path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    """The line where each record begins, and its cells without the spaces around them."""
    try:
        with path.open("rb") as file:
            reader = csv.reader(_lines(path, file), delimiter=separator, strict=True)
            while True:
                line = reader.line_num + 1
                try:
                    cells = [cell.strip() for cell in next(reader)]
                except StopIteration:
                    return
                except csv.Error as error:
                    raise unusable(path, line, f"{error}. Is a quotation mark missing?") from error
                if any(cells):
                    yield line, cells
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.", returncode=Exit.PARTICULAR) from error


def _lines(path: Path, file: BinaryIO) -> Iterator[str]:
    number = 0
    while raw := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(raw) > LONGEST_LINE:
            raise unusable(path, number, "is too long.")
        try:
            text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise unusable(path, number, "is not UTF-8. In a spreadsheet, save it as “CSV UTF-8”.") from error
        if "\0" in text:
            raise unusable(path, number, "holds a NUL byte: this is no CSV file in UTF-8.")
        yield text


def unusable(path: Path, line: int, problem: str) -> CommandError:
    """What to raise for a file that cannot be used."""
    return CommandError(f"{path}, line {line}: {problem}", returncode=Exit.PARTICULAR)
