"""The public tables of threats, faults, crash points and checks, against the tests that they link."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TABLES = (ROOT / "SECURITY.md", ROOT / "docs" / "proof.md")
NUMBER = r"(?:T[1-9]\d?|F[1-9]\d?|K\d|A[1-9]\d?)"
ROW = re.compile(rf"^\| ({NUMBER}) \|.*\| ([^|]*) \|$", re.MULTILINE)
LINK = re.compile(r"\]\((?:\.\./)?(tests/[^)#]+)\)")
# Numbers have gaps, so that a group can grow: these are all.
NUMBERS = [
    *(f"T{n}" for first, last in [(1, 17), (20, 37), (40, 51), (55, 61), (65, 73)] for n in range(first, last + 1)),
    *(f"F{n}" for n in range(1, 32)),
    *(f"K{n}" for n in range(10)),
    *(f"A{n}" for n in range(1, 46)),
]


@cache
def rows():
    """What each number's row says in its last column: links to tests, or why there is none."""
    found = [row for table in TABLES for row in ROW.findall(table.read_text())]
    assert len(found) == len(dict(found)), "a number has two rows"
    return dict(found)


@cache
def numbers_in(path):
    """The numbers that a test file names, as comments, docstrings and test ids do: ``# T55 A32`` or ``K0 to K9``."""
    text = path.read_text()
    named = set(re.findall(rf"\b{NUMBER}\b", text))
    for kind, first, last in re.findall(r"\b([TFKA])(\d\d?) to \1(\d\d?)\b", text):
        named.update(f"{kind}{number}" for number in range(int(first), int(last) + 1))
    return named


def test_tables_have_every_number():
    assert sorted(rows()) == sorted(NUMBERS)


@pytest.mark.parametrize("number", NUMBERS)
def test_each_number_is_proved_by_tests_that_name_it_or_out_of_scope_with_a_reason(number):
    proofs = LINK.findall(rows()[number])
    if not proofs:
        assert rows()[number].startswith("Out of scope: ")
    for proof in proofs:
        assert number in numbers_in(ROOT / proof), f"{proof} does not name {number}"


def test_no_test_names_a_number_that_no_table_explains():
    tests = [path for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__)]
    unknown = {path.name: numbers_in(path) - set(NUMBERS) for path in tests}
    assert {name: numbers for name, numbers in unknown.items() if numbers} == {}
