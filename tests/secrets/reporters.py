"""What error reporters print of a failure: the variables of every frame, as Django's reports, rich and Sentry do."""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from pprint import pformat
from types import FrameType
from typing import Any

import django

import django_authsignal

TESTS = str(Path(__file__).parents[1])
PACKAGE = str(Path(django_authsignal.__file__).parent)
KIT = (TESTS, *(f"{PACKAGE}/{room}" for room in ("testing", "sandbox")))
"""Frames that stand for the browser and the service, which know everything."""
DJANGO = str(Path(django.__file__).parent)
LONGEST = 80
"""rich cuts longer texts, and prints what is left."""
SEQUENCES = (list, tuple, set, frozenset, deque)


def printed(value: Any, depth: int = 3) -> Iterator[str]:
    """*value* as it is printed: by its ``repr``, cut, and part by part down to *depth*."""
    yield shown_by(repr, value)
    if isinstance(value, str | bytes):
        yield repr(value[:LONGEST])
    elif depth:
        for part in parts_of(value):
            yield from printed(part, depth - 1)


def shown_by(printer: Callable[[Any], str], value: Any) -> str:
    try:
        return printer(value)
    except Exception:  # a query that is printed is run
        return ""


def parts_of(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return [*value.keys(), *value.values()]
    if isinstance(value, SEQUENCES):
        return list(value)
    if is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name, None) for field in fields(value) if field.repr]
    return []


def reported(error: BaseException | None, *, ours: bool = False) -> Iterator[str]:
    """*error* with its causes: texts, notes, arguments, and the variables of every frame but those of the tests.

    *ours* leaves out Django's frames too: of a command, they hold its arguments.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield from traceback.format_exception_only(error)
        yield from printed([error.args, vars(error)])
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if not frame.f_code.co_filename.startswith(KIT + ((DJANGO,) if ours else ())):
                yield from (shown_by(pformat, value) for value in frame.f_locals.values())  # Django's reports
                yield from printed(frame.f_locals)
        error = error.__cause__ or error.__context__


def stack_of_ours(frame: FrameType | None) -> Iterator[str]:
    """The package's own frames from *frame* outwards: reporters add the stack to records that have no exception."""
    while frame is not None:
        if frame.f_code.co_filename.startswith(PACKAGE) and not frame.f_code.co_filename.startswith(KIT):
            yield from printed(frame.f_locals)
        frame = frame.f_back
