"""``manage.py authsignal_urls``: what stands before every route, and a build that fails where nothing does (T37)."""

from __future__ import annotations

import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from django_authsignal.management.commands.authsignal_urls import UNPROTECTED


@pytest.fixture(autouse=True)
def _doors(settings):
    settings.ROOT_URLCONF = "tests.doors.urls"
    settings.AUTHSIGNAL_PROTECT = {
        "area:*": {"action": "act", "methods": ["POST"]},
        "admin:*": {"action": "adminAccess", "max_age": 900},
        "elsewhere:*": {"action": "act", "mode": "report_only"},
    }


def lines(*arguments):
    """The columns of each line, by path."""
    out = StringIO()
    call_command("authsignal_urls", *arguments, stdout=out, no_color=True)
    rows = [line.split("\t") for line in out.getvalue().splitlines()]
    assert {len(row) for row in rows} == {3}
    return {path: (name, policy) for path, name, policy in rows}


@pytest.mark.parametrize(
    ("path", "name", "policy"),
    [
        ("/decorated/", "decorated", "act (single use, all methods)"),
        ("/mixed/", "mixed", "act (single use, all methods)"),
        ("/look/posts/", "look-posts", "look (window of 300 s, POST)"),
        ("/area/one/", "area:one", "act (single use, POST) by AUTHSIGNAL_PROTECT"),
        ("/area/inner/one/", "area:inner:one", "act (single use, POST) by AUTHSIGNAL_PROTECT"),
        ("/area/own/", "area:own", "act (single use, all methods)"),
        ("/elsewhere/one/", "elsewhere:one", "act (single use, all methods, report-only) by AUTHSIGNAL_PROTECT"),
        (
            "/admin/auth/group/",
            "admin:auth_group_changelist",
            "adminAccess (window of 900 s, all methods) by AUTHSIGNAL_PROTECT",
        ),
        ("/area/exempt/", "area:exempt", "exempt"),
        ("/step-up/enrol/", "authsignal:enrol", "exempt"),
        ("/area/step-up/enrol/", "area:authsignal:enrol", "exempt"),
        ("/plain/", "plain", "-"),
        ("/service/", "service", "-"),
    ],
)
def test_every_route_is_listed_with_what_stands_before_it(path, name, policy):
    assert lines()[path] == (name, policy)


def test_central_settings_count(settings):
    settings.AUTHSIGNAL_ACTIONS = {"look": {"max_age": 60, "mode": "report_only"}}
    assert lines()["/look/"] == ("look", "look (window of 60 s, all methods, report-only)")


def test_protected_routes_alone():
    everything, protected = lines(), lines("--protected")
    assert {path for path, (_, policy) in everything.items() if policy not in ("-", "exempt")} == set(protected)
    assert len(everything) > len(protected) > 20


@pytest.mark.parametrize("pattern", ["decorated", "mixed*", "area:*", "admin:auth_*", "authsignal:*", "*:enrol"])
def test_pattern_whose_routes_are_all_protected_or_exempt_is_fine(pattern):
    assert "/decorated/" in lines("--fail-unprotected", pattern)


@pytest.mark.parametrize(
    ("patterns", "naked"),
    [
        (["plain"], ["plain"]),
        (["plain*"], ["plain", "plain-async", "plain-named"]),
        (["decorated", "service"], ["service"]),
        (["*"], ["plain", "service", "home", "audited"]),
    ],
)
def test_route_without_a_step_up_fails_and_is_named(patterns, naked):  # T37
    arguments = [word for pattern in patterns for word in ("--fail-unprotected", pattern)]
    with pytest.raises(CommandError) as caught:
        lines(*arguments)
    assert (caught.value.returncode, UNPROTECTED) == (3, 3)
    assert set(naked) <= set(str(caught.value).removeprefix("Without a step-up: ").split(", "))
    assert "decorated" not in str(caught.value).split(", ")


def test_list_is_printed_before_it_fails():
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("authsignal_urls", "--fail-unprotected", "plain", stdout=out)
    assert "/plain/" in out.getvalue()


@pytest.mark.parametrize("pattern", ["nothing:*", "/plain/", "PLAIN", ""])
def test_pattern_of_no_route_is_a_mistake_and_not_a_success(pattern):
    with pytest.raises(CommandError, match="No route's view name matches") as caught:
        lines("--fail-unprotected", pattern)
    assert caught.value.returncode == 1


def test_settings_that_cannot_be_read_are_told(settings):
    settings.AUTHSIGNAL_PROTECT = {"area:*": {"nonsense": 1}}
    with pytest.raises(ImproperlyConfigured, match="area:"):
        lines()


@pytest.mark.parametrize(("pattern", "code"), [("transfer", 0), ("home", 3)])
def test_exit_code_is_that_of_the_process(pattern, code):
    """What a build sees."""
    process = subprocess.run(
        [sys.executable, "manage.py", "authsignal_urls", "--fail-unprotected", pattern],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "AUTHSIGNAL_SITE_URL": "https://bank.example"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == code, process.stderr
    assert ("Without a step-up: home" in process.stderr) == (code == 3)
