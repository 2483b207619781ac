"""``manage.py authsignal_enrol --csv`` as a process that is killed or interrupted, over a sandbox that listens."""

from __future__ import annotations

import csv
import signal
import time
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection

from django_authsignal.sandbox.rules import Rules
from django_authsignal.sandbox.server import SandboxServer
from django_authsignal.sandbox.store import Store
from tests.rig import commands
from tests.rig.proofs import LONG, often, record

pytestmark = pytest.mark.races

ROWS = often(24, 1000)
POINTS = ["K1", "K2", "K3"]
VISITS = [1, 7, 30, *([2, 90, 300, 1000] if LONG else [])]


class Office:
    """The people, their file, and the sandbox where they are enrolled."""

    def __init__(self, folder: Path, rows: int) -> None:
        make = get_user_model()
        self.people = make.objects.bulk_create(make(username=f"user{n}") for n in range(rows))
        self.store = Store(Rules(), secret=settings.AUTHSIGNAL_SECRET)
        self.path, self.result = folder / "people.csv", folder / "people.result.csv"
        lines = (f"{person.username},+6421{1000000 + n}\n" for n, person in enumerate(self.people))
        self.path.write_text("user,phone\n" + "".join(lines))
        self.arguments = ("authsignal_enrol", "--csv", str(self.path))

    @property
    def enrolled(self) -> dict[str, list[str]]:
        return {user.id: [factor.address for factor in user.authenticators] for user in self.store.users()}

    @property
    def wanted(self) -> dict[str, list[str]]:
        return {str(person.pk): [f"+6421{1000000 + n}"] for n, person in enumerate(self.people)}

    @property
    def noted(self) -> list[tuple[int, str, bool]]:
        """Line, user and whether it is done, of each record."""
        with self.result.open() as file:
            return [
                (int(row["line"]), row["user"], row["outcome"] in ("enrolled", "already"))
                for row in csv.DictReader(file)
            ]


@pytest.fixture
def rows():
    return ROWS


@pytest.fixture
def office(transactional_db, tmp_path, rows):
    return Office(tmp_path, rows)


@pytest.fixture
def sandbox(office):
    with SandboxServer(office.store) as server:
        yield f"{server.url}/v1"


@pytest.mark.parametrize("point", POINTS)
def test_run_that_is_killed_again_and_again_ends_as_one_that_is_not(office, sandbox, point):  # F22, K1-K3
    for visit in VISITS:
        killed = commands.run(connection.settings_dict, sandbox, *office.arguments, crash=f"{point}:{visit}")
        assert killed.returncode == commands.KILLED
        if office.result.exists() and visit > 2:
            # As if it had died while it wrote the last line.
            office.result.write_bytes(office.result.read_bytes()[:-20])
    ended = commands.run(connection.settings_dict, sandbox, *office.arguments)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert office.enrolled == office.wanted
    assert office.noted == [(n, person.username, True) for n, person in enumerate(office.people, 2)]
    record("crashes", "bulk enrol", kills=len(VISITS))


@pytest.mark.parametrize("rows", [500])
def test_ctrl_c_finishes_what_is_under_way_and_the_next_run_does_the_rest(office, sandbox, rows):
    with commands.start(connection.settings_dict, sandbox, *office.arguments, "--workers", "1") as process:
        while not (office.result.exists() and office.noted):
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=commands.LONGEST)
    assert process.returncode == 130
    assert "The same command run again goes on with what is left." in errors
    noted = len(office.noted)
    assert f"Enrolled: {noted}." in output
    assert len(office.enrolled) == noted < rows
    again = commands.run(connection.settings_dict, sandbox, *office.arguments)
    assert f"Enrolled: {rows - noted}. Already enrolled: 0." in again.stdout
    assert office.enrolled == office.wanted
