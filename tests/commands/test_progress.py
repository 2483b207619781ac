"""A bar where somebody watches, lines where nobody does."""

from __future__ import annotations

import sys
from io import StringIO
from types import SimpleNamespace

import pytest
from django.core.management.base import OutputWrapper

from django_authsignal.management.progress import progress


class Terminal(StringIO):
    def isatty(self):
        return True


class Bar:
    """What tqdm gives."""

    def __init__(self, **options):
        self.options = options

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.options["file"].write(" closed")

    def update(self, more):
        self.options["file"].write(f"\r{self.options['desc']} +{more} of {self.options['total']}")


@pytest.fixture
def tqdm(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", SimpleNamespace(tqdm=Bar))


def test_bar_is_drawn_in_one_line_of_a_terminal(tqdm):
    terminal = Terminal()
    with progress(7, "rows", OutputWrapper(terminal)) as tick:
        tick(3)
        tick(4)
    assert terminal.getvalue() == "\rrows +3 of 7\rrows +4 of 7 closed"


@pytest.mark.parametrize(("total", "lines"), [(9, ["rows: 3 of 9", "rows: 7 of 9"]), (None, ["rows: 3", "rows: 7"])])
def test_line_is_written_every_ten_seconds_where_nobody_watches(tqdm, monkeypatch, total, lines):
    clock = iter([0, 5, 10, 10, 15, 21, 21])  # looked at once to start, and then once or, for a line, twice a tick
    monkeypatch.setattr("django_authsignal.management.progress.time.monotonic", lambda: next(clock))
    file = StringIO()
    with progress(total, "rows", OutputWrapper(file)) as tick:
        for more in (1, 2, 3, 1):
            tick(more)
    assert file.getvalue().splitlines() == lines


def test_terminal_without_tqdm_gets_lines(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr("django_authsignal.management.progress.LINE_SECONDS", 0)
    terminal = Terminal()
    with progress(None, "rows", OutputWrapper(terminal)) as tick:
        tick(2)
    assert terminal.getvalue() == "rows: 2\n"
