"""User models of projects, in a process of its own: without asserts and docstrings, and with every warning an error."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.rig.servers import ROOT, environment

from .databases import empty

LONGEST = 90  # seconds
DRIVE = [sys.executable, "-OO", "-W", "error", "-m", "tests.deployments.project.drive"]


@pytest.fixture
def drive(db, tmp_path):
    """`drive("people.MailPerson")`: everything, with that user model, on an empty database."""

    def run(user_model):
        with empty(tmp_path) as database:
            wanted = {
                "DJANGO_SETTINGS_MODULE": "tests.deployments.project.settings",
                "DEPLOYMENT_USER_MODEL": user_model,
                **environment(database, "http://sandbox.localhost/v1", "http://testserver"),
            }
            return subprocess.run(
                DRIVE,
                cwd=ROOT,
                env=os.environ | wanted,
                capture_output=True,
                text=True,
                timeout=LONGEST,
                check=False,
            )

    return run


@pytest.mark.parametrize(
    "user_model",
    ["people.MailPerson", "people.BarePerson"],
    ids=["UUID key and e-mail as name", "text key and no e-mail"],
)
def test_everything_works_for_users_of_the_projects_own(drive, user_model):  # A1 A2 T2 T6 T34
    done = drive(user_model)
    assert (done.returncode, done.stderr) == (0, "")
    assert "no issues" in done.stdout
