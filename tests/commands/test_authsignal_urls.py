"""``manage.py authsignal_urls``: what stands before every route, and a build that fails where nothing does (T37)."""

from __future__ import annotations

import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.urls import include, path
from rest_framework.routers import SimpleRouter
from rest_framework.viewsets import ModelViewSet

from django_authsignal.contrib.admin import StepUpAdminMixin
from django_authsignal.contrib.rest_framework import StepUpAPIMixin, step_up_permission
from django_authsignal.management.commands.authsignal_urls import UNPROTECTED
from django_authsignal.policy import StepUpPolicy
from django_authsignal.protection import step_up_exempt


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


PAY, DELETE = StepUpPolicy("pay"), StepUpPolicy("delete")
OPEN = dict.fromkeys(("create", "update", "partial_update", "destroy"))
DELETING = {"step_up_actions": OPEN | {"destroy": DELETE}}
AREA = "area (single use, {}) by AUTHSIGNAL_PROTECT"


def serve_view_set(settings, area, attributes):
    router = SimpleRouter()
    router.register("things", type("Things", (StepUpAPIMixin, ModelViewSet), attributes), "thing")
    settings.ROOT_URLCONF = (path("api/", include((router.urls, "api"))),)
    settings.AUTHSIGNAL_PROTECT = {"api:*": area} if area else {}


@pytest.mark.parametrize(
    ("attributes", "area", "told", "is_open"),
    [
        (DELETING, None, "delete (single use, DELETE); PUT, PATCH: nothing", True),
        ({"step_up": PAY}, None, "pay (single use, all methods)", False),
        ({"step_up": PAY, "step_up_actions": {"retrieve": None}}, None, "pay (single use, PUT, PATCH, DELETE)", False),
        (DELETING | {"http_method_names": ["get", "delete"]}, None, "delete (single use, DELETE)", False),
        (DELETING | {"permission_classes": [step_up_permission("pay", methods=["PUT"])]}, None, None, True),
        (DELETING | {"permission_classes": [step_up_permission("pay", methods=["PUT", "PATCH"])]}, None, None, False),
        (
            {"step_up": StepUpPolicy("pay", methods=["POST"])},
            None,
            "pay (single use, POST); PUT, PATCH, DELETE: nothing",
            True,
        ),
        (
            DELETING,
            {"action": "area"},
            f"delete (single use, DELETE); {AREA.format('GET, PUT, PATCH')}",
            False,
        ),
        (
            DELETING,
            {"action": "area", "methods": ["PUT"]},
            f"delete (single use, DELETE); {AREA.format('PUT')}; PATCH: nothing",
            True,
        ),
    ],
)
def test_methods_that_a_view_set_leaves_open_are_told_and_fail(settings, attributes, area, told, is_open):  # T37
    serve_view_set(settings, area, attributes)
    described = next(policy for name, policy in lines().values() if name == "api:thing-detail")
    assert described == told or (told is None and described.startswith("delete (single use, DELETE); pay"))
    if not is_open:
        assert lines("--fail-unprotected", "api:thing-detail")
        return
    with pytest.raises(CommandError, match="Without a step-up: api:thing-detail") as caught:
        lines("--fail-unprotected", "api:thing-detail")
    assert caught.value.returncode == UNPROTECTED


def test_view_set_that_is_exempt_does_not_fail(settings):
    view = type("Things", (StepUpAPIMixin, ModelViewSet), DELETING).as_view({"put": "update", "delete": "destroy"})
    settings.ROOT_URLCONF = (path("thing/", step_up_exempt(view), name="thing"),)
    settings.AUTHSIGNAL_PROTECT = {"*": {"action": "area"}}
    assert lines("--fail-unprotected", "thing") == {"/thing/": ("thing", "delete (single use, DELETE)")}


def test_method_that_the_gate_answers_itself_is_not_counted(settings):
    view = type("Things", (StepUpAPIMixin, ModelViewSet), DELETING).as_view({"head": "retrieve", "delete": "destroy"})
    settings.ROOT_URLCONF = (path("thing/", view, name="thing"),)
    assert lines("--fail-unprotected", "thing") == {"/thing/": ("thing", "delete (single use, all methods)")}


def serve_admin(settings, **attributes):
    site = admin.AdminSite()
    site.register(User, type("Users", (StepUpAdminMixin, UserAdmin), attributes))
    settings.ROOT_URLCONF = (path("admin/", site.urls),)
    settings.AUTHSIGNAL_PROTECT = {}


@pytest.mark.parametrize(
    ("view", "policies"),
    [
        ("changelist", "delete, act"),
        ("add", "pay, grant"),
        ("change", "save, grant"),
        ("delete", "delete"),
        ("history", ""),
    ],
)
def test_views_of_an_admin_are_listed_with_their_operations(settings, view, policies):  # T37
    grant, save, act = StepUpPolicy("grant"), StepUpPolicy("save"), StepUpPolicy("act")
    operations = {"step_up_delete": DELETE, "step_up_add": PAY, "step_up_change": save}
    serve_admin(settings, **operations, step_up_fields={"is_staff": grant}, step_up_actions={"act": act})
    described = "; ".join(f"{code} (single use, before the operation)" for code in policies.split(", ") if code)
    assert dict(lines().values())[f"admin:auth_user_{view}"] == (described or "-")


def test_list_whose_rows_can_be_edited_is_listed_with_the_changes(settings):
    serve_admin(settings, step_up_fields={"email": PAY}, list_editable=["email"])
    known = dict(lines().values())
    assert known["admin:auth_user_changelist"] == "pay (single use, before the operation)"
    assert known["admin:auth_user_delete"] == "-"


def test_area_that_asks_the_same_as_an_operation_asks_earlier(settings):
    serve_admin(settings, step_up_delete=DELETE)
    settings.AUTHSIGNAL_PROTECT = {"admin:*": {"action": "delete"}}
    known = dict(lines().values())
    assert known["admin:auth_user_delete"] == "delete (single use, all methods) by AUTHSIGNAL_PROTECT"


def test_guarded_operation_of_an_admin_does_not_fail(settings):
    serve_admin(settings, step_up_delete=DELETE)
    assert lines("--fail-unprotected", "admin:auth_user_delete")
    with pytest.raises(CommandError, match="Without a step-up: admin:auth_user_change$"):
        lines("--fail-unprotected", "admin:auth_user_change")


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
