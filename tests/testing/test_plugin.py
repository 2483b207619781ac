"""The pytest plugin in processes of their own: harmless where it is not used, a guard where the app is installed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SETTINGS = """\
SECRET_KEY = "a key"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django_authsignal"]
USE_TZ = True
AUTHSIGNAL_SECRET = "a live secret"
"""
UNUSED = """\
import sys

def test_nothing_was_loaded():
    loaded = {name.partition(".")[0] for name in sys.modules}
    assert loaded.isdisjoint({"django", "requests", "urllib3", "phonenumbers"})
    ours = [name for name in sys.modules if name.startswith("django_authsignal")]
    assert ours == ["django_authsignal", "django_authsignal.testing", "django_authsignal.testing.plugin"]
"""
FORGOTTEN = """\
from django_authsignal.connection import get_client

def test_forgotten():
    get_client().get_user("alice")

def test_with_the_fixture(authsignal):
    assert get_client().get_user("alice").is_enrolled

def test_meant_to_reach_a_server(settings):
    settings.AUTHSIGNAL_ADAPTER = None
    settings.AUTHSIGNAL_API_URL = "https://127.0.0.1:1/v1"
    settings.AUTHSIGNAL_SECRET = "sandbox_x"
    settings.AUTHSIGNAL_ALLOW_SANDBOX = True
    get_client().get_user("alice")
"""
OUTAGES = """\
import pytest
import responses
from django_authsignal.client import Unavailable
from django_authsignal.connection import get_client

@pytest.mark.parametrize("time", range(5))
@responses.activate
def test_outage(time):
    with pytest.raises(Unavailable):
        get_client().get_user("alice")

def test_forgotten():
    get_client().get_user("alice")

@responses.activate
def test_answered():
    responses.get("https://api.authsignal.com/v1/users/alice", json={"isEnrolled": True})
    assert get_client().get_user("alice").is_enrolled
"""


@pytest.fixture
def run(tmp_path):
    """`run(code, *options, **variables)` runs *code* as all tests of a project, and returns what pytest printed."""

    def run(code, *options, **variables):
        (tmp_path / "pytest.ini").write_text("[pytest]\n")
        (tmp_path / "settings.py").write_text(SETTINGS)
        (tmp_path / "test_it.py").write_text(code)
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--tb=short", *options]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "DJANGO"))}
        done = subprocess.run(command, cwd=tmp_path, env=environment | variables, capture_output=True, text=True)
        return done.stdout + done.stderr

    return run


def test_project_without_django_loads_nothing(run):
    # By the name of its entry point and without other plugins, which load what they need.
    assert "1 passed" in run(UNUSED, "-p", "authsignal", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")


def test_fixture_without_pytest_django_says_what_it_needs(run):
    printed = run("def test_it(authsignal):\n    pass\n", "-p", "no:django")
    assert "The authsignal fixture needs pytest-django; without it, use `with Authsignal() as authsignal:`." in printed


def test_fixture_without_settings_fails_instead_of_skipping(run):
    printed = run("def test_it(authsignal):\n    pass\n")
    assert "The authsignal fixture needs Django's settings: name them, as by DJANGO_SETTINGS_MODULE." in printed
    assert "1 error" in printed


@pytest.mark.parametrize("options", [(), ("-p", "no:django")], ids=["pytest-django", "pytest"])
def test_app_that_is_imported_only_needs_no_settings(run, options):
    assert "1 passed" in run("import django_authsignal.apps\n\ndef test_it():\n    pass\n", *options)


def test_one_line_gives_it_to_every_test(run):
    assert "1 passed" in run(FORGOTTEN, "--ds=settings", "-k", "forgotten", "-o", "usefixtures=authsignal")


def test_tests_without_the_fixture_are_kept_off_the_network(run):
    printed = run(FORGOTTEN, "--ds=settings")
    assert "2 failed, 1 passed" in printed
    assert "This test would have reached the network: GET https://api.authsignal.com/v1/users/alice\n" in printed
    assert "Let the test use the authsignal fixture" in printed
    assert "Unavailable: GET" in printed  # the connection to this machine was tried, and refused


def test_outages_of_one_test_are_none_of_the_next(run):
    printed = run(OUTAGES, "--ds=settings")
    assert "1 failed, 6 passed" in printed
    assert "This test would have reached the network: GET https://api.authsignal.com/v1/users/alice\n" in printed
