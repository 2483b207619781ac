"""What the commands say when the database fails: a sentence and an exit code, never a traceback."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DataError, IntegrityError, ProgrammingError, connection

from django_authsignal.management.database import explained
from django_authsignal.models import TrackedAction
from tests.gated import broken_database

COMMANDS = {"sync": [], "prune": [], "forget": ["alice"], "explain": ["alice"]}
every_command = pytest.mark.parametrize("name", COMMANDS)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    """What is tried again is tried at once."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)


def failing(name):
    """The exit code of a command that fails, and what it says."""
    with pytest.raises(CommandError) as caught:
        call_command(f"authsignal_{name}", *COMMANDS[name], stdout=StringIO(), stderr=StringIO())
    return caught.value.returncode, str(caught.value)


@every_command
def test_table_that_is_missing_is_a_matter_of_migrate(alice, authsignal, name):
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {TrackedAction._meta.db_table} RENAME TO elsewhere")
    code, said = failing(name)
    assert code == 6
    assert "The database is not up to date: run manage.py migrate. " in said
    assert "\n" not in said


@every_command
def test_database_that_is_gone_is_asked_again(alice, authsignal, name):
    with broken_database("SELECT"):
        code, said = failing(name)
    assert code == 6
    assert said.endswith("The database failed: run it again. the database is gone")
    assert authsignal.requests == []


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            ProgrammingError('relation "x" does not exist\nLINE 1'),
            "The database is not up to date: run manage.py migrate.",
        ),
        (ProgrammingError(1146, "Table 'x' doesn't exist"), "The database is not up to date: run manage.py migrate."),
        (ProgrammingError("permission denied for table x"), "The database failed: run it again."),
        (IntegrityError("protected"), "The database refused."),
        (DataError("out of range"), "The database failed: run it again."),
    ],
    ids=["PostgreSQL", "MySQL", "permission", "refusal", "data"],
)
def test_sentence_fits_the_error(error, says):
    with pytest.raises(CommandError) as caught, explained():
        raise error
    assert str(caught.value) == f"{says} {' '.join(str(error).split())}"
    assert caught.value.__cause__ is error
