"""How far a long command has come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

__all__ = ["progress"]

LINE_SECONDS = 10.0


@contextmanager
def progress(total: int | None, label: str, stream: Any | None) -> Iterator[Callable[[int], None]]:
    """Yield a function that is told how many more are done; *total* is None where that would cost a count.

    It draws a bar on *stream* where that is a terminal and tqdm is installed, and else writes a line now and then;
    without a *stream* it shows nothing.
    """
    if stream is None:
        yield lambda more: None
        return
    try:
        tqdm = import_module("tqdm").tqdm if stream.isatty() else None
    except ImportError:
        tqdm = None
    if tqdm is None:
        yield _lines(total, label, stream)
        return
    # Django's wrapper ends whatever is written with a new line; a bar stays on its own.
    with tqdm(total=total, desc=label, file=getattr(stream, "_out", stream)) as bar:
        yield bar.update


def _lines(total: int | None, label: str, stream: Any) -> Callable[[int], None]:
    done, told_at = 0, time.monotonic()

    def tick(more: int) -> None:
        nonlocal done, told_at
        done += more
        if time.monotonic() - told_at >= LINE_SECONDS:
            told_at = time.monotonic()
            of = "" if total is None else f" of {total}"
            stream.write(f"{label}: {done}{of}\n")

    return tick
