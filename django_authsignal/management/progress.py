"""How far a long command has come, shown on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

__all__ = ["progress_bar"]


@contextmanager
def progress_bar(stream: Any, *, unit: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Yield a function that is told how many are done so far, of *total* if that is known.

    It draws a bar on *stream* if that is a terminal and tqdm is installed, and else does nothing.
    """
    try:
        tqdm = import_module("tqdm").tqdm
    except ImportError:
        yield lambda done: None
        return
    # disable=None: not where nobody watches.
    with tqdm(total=total, unit=f" {unit}", file=stream, disable=None) as bar:
        yield lambda done: bar.update(done - bar.n)
