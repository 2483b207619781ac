"""Rows move by conditional UPDATEs alone (T7): no code writes a whole row, and the database refuses the impossible."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction

import django_authsignal
from django_authsignal.models import TrackedAction

PACKAGE = Path(django_authsignal.__file__).parent
WRITES_WHOLE_ROWS = {"save", "asave", "update_or_create", "aupdate_or_create", "bulk_update", "abulk_update"}
ROOMS = ("sandbox", "testing", "migrations")
"""An Authsignal of its own, without a database; the test kit; Django's."""


def calls():
    """Every call of a method of these names in the package: its file and its node."""
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE)
        if name.parts[0] in ROOMS:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Attribute) and called.attr in WRITES_WHOLE_ROWS:
                yield str(name), ast.unparse(node)


def test_no_code_writes_a_whole_row():  # T7
    """The one ``save()`` inserts a new row, and can do nothing else."""
    assert list(calls()) == [("querysets.py", "row.save(force_insert=True, using=database)")]


@pytest.mark.parametrize(
    "impossible",
    [
        {"status": "spent"},
        {"status": "approved"},
        {"status": "approved", "approved_at": "2026-01-01T00:00Z", "expires_at": None},
        {"status": "pending", "enforced": False},
    ],
    ids=["spent without a time", "approved without times", "approved without an end", "live and only watched"],
)
def test_database_refuses_what_must_never_be(bank, alice, impossible):  # T7
    bank.authsignal.challenge("act")
    bank.sign_in(alice).post("/act/")
    rows = TrackedAction.objects.filter(status="pending")
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(**impossible)
    assert rows.count() == 1


def test_database_holds_one_row_of_a_key(bank, alice):  # T7
    client = bank.sign_in(alice)
    bank.transfer(client, 5000)
    twin = TrackedAction.objects.get()
    twin.pk, twin.status = None, "void"
    with pytest.raises(IntegrityError), transaction.atomic():
        twin.save(force_insert=True)
