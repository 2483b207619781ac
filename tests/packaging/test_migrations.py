"""The committed migrations are complete, whatever keys a project gives its own tables."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.rig.servers import ROOT

# In a process of its own: a model's key is settled when it is imported.
CHECK = """
import sys

import django
from django.conf import settings
from django.core.management import call_command

auto_field, user_model = sys.argv[1:]
settings.configure(
    DEBUG=True,
    DEFAULT_AUTO_FIELD=auto_field,
    AUTH_USER_MODEL=user_model,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "tests.deployments.project.people",
        "django_authsignal",
    ],
)
django.setup()
call_command("makemigrations", "authsignal", check_changes=True, dry_run=True, skip_checks=True)
"""


@pytest.mark.parametrize("user_model", ["auth.User", "people.MailPerson"], ids=["integer user key", "UUID user key"])
@pytest.mark.parametrize("auto_field", ["AutoField", "BigAutoField"])
def test_no_migration_is_missing(auto_field, user_model):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CHECK, f"django.db.models.{auto_field}", user_model],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "No changes detected in app 'authsignal'\n", "")
