"""``manage.py check --deploy`` names each fault of a project by a number of its own (A42)."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.urls import include, path
from django.views.decorators.cache import cache_page
from django.views.decorators.csrf import csrf_exempt

from django_authsignal.decorators import step_up_required
from tests.rig.servers import ROOT


def view(request):
    return HttpResponse()


SOUND = {
    "AUTHSIGNAL_SECRET": "c2VjcmV0",
    "AUTHSIGNAL_API_URL": "https://api.authsignal.com/v1",
    "AUTHSIGNAL_SITE_URL": "https://bank.example",
    "AUTHSIGNAL_ALLOW_SANDBOX": False,
}
GATED = step_up_required("pay")
FAULTS = {
    "http API": ("E003", {"AUTHSIGNAL_API_URL": "http://api.authsignal.com/v1"}, GATED(view)),
    "no base URL": ("E004", {"AUTHSIGNAL_SITE_URL": ""}, GATED(view)),
    "csrf_exempt": ("E013", {}, csrf_exempt(GATED(view))),
    "fail open": ("W001", {}, step_up_required("pay", on_unavailable="allow")(view)),
    "unenrolled": ("W002", {}, step_up_required("pay", unenrolled="allow")(view)),
    "cache_page": ("W003", {}, cache_page(60)(GATED(view))),
    "sandbox": ("W005", {"AUTHSIGNAL_ALLOW_SANDBOX": True}, GATED(view)),
}
COMMON = (path("step-up/", include("django_authsignal.urls")), path("sign-in/", view, name="login"))
urlpatterns = [*COMMON, *(path(f"{place}/", broken) for place, (_, _, broken) in enumerate(FAULTS.values()))]
"""A site with all faults, for a process of its own."""


@pytest.fixture
def check(settings, monkeypatch):
    """`check(fault)`: the numbers that the command names, for a project with this fault."""
    monkeypatch.delattr(mail, "outbox", raising=False)  # as outside a test run

    def run(fault):
        _, wrong, broken = fault
        for name, value in {**SOUND, **wrong}.items():
            setattr(settings, name, value)
        settings.ROOT_URLCONF = (*COMMON, path("view/", broken))
        try:
            call_command("check", "--deploy", "--tag", "authsignal", "--fail-level", "WARNING")
        except CommandError as error:
            return set(re.findall(r"authsignal\.([EW]\d{3})", str(error)))
        return set()

    return run


def test_sound_project_passes(check):
    assert check(("", {}, GATED(view))) == set()


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_has_its_own_number(check, fault):  # A42
    assert check(FAULTS[fault]) == {FAULTS[fault][0]}


def test_all_faults_at_once_are_all_named_and_fail_the_deployment(authsignal):  # A42
    """In a process of its own, as a pipeline runs it."""
    wrong = {name: value for _, changes, _ in FAULTS.values() for name, value in changes.items()}
    changes = {**SOUND, **wrong, "ROOT_URLCONF": __name__}
    environment = {"DJANGO_SETTINGS_MODULE": "tests.settings", "BANK_TEST_SETTINGS": json.dumps(changes)}
    command = [sys.executable, "manage.py", "check", "--deploy", "--tag", "authsignal"]
    run = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert run.returncode == 1, run.stderr
    assert sorted(re.findall(r"authsignal\.([EW]\d{3})", run.stderr)) == sorted(
        number for number, _, _ in FAULTS.values()
    )


def test_numbers_are_distinct():
    assert len({number for number, _, _ in FAULTS.values()}) == len(FAULTS)
