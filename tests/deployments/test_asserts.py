"""What ``python -O`` takes away is nothing that the gate stands on; test_user_models.py and test_servers.py run so."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import django_authsignal

PACKAGE = Path(django_authsignal.__file__).parent
ALLOWED = ["admin/history.py"]
"""For a type checker: the page of a row has a row. Without it, a page that nobody can reach fails a line later."""


@pytest.fixture(scope="module")
def nodes():
    """Every node of the package's sources, with its file."""
    files = {path.relative_to(PACKAGE).as_posix(): path for path in PACKAGE.rglob("*.py")}
    trees = {name: ast.parse(path.read_text()) for name, path in sorted(files.items())}
    return [(name, node) for name, tree in trees.items() for node in ast.walk(tree)]


def test_no_decision_is_an_assert(nodes):
    assert [name for name, node in nodes if isinstance(node, ast.Assert)] == ALLOWED


def test_nothing_asks_for_debug_or_docstrings(nodes):
    """The sandbox's is no exception: its pages are templates."""
    names = {"__debug__", "__doc__"}
    asked = [name for name, node in nodes if getattr(node, "id", getattr(node, "attr", "")) in names]
    assert asked == []
