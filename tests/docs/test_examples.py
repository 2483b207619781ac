"""The views of the documentation, run: each example is challenged, and after the challenge it does its work.

A comment before the block says how, for instance ``<!-- runs: transfer POST payee=Bob&amount=5000 -->``: which of its
names is the view (left out where the block has ``urlpatterns``, settings or admins that speak for other URLs), the
method, the path unless it is /example/, and the form, or JSON.
"""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qsl

import pytest
from django.contrib import admin
from django.urls import include, path

from django_authsignal.binding import KEY_HEADER
from django_authsignal.sandbox.rules import Outcome, Rules
from django_authsignal.testing import assert_step_up_required, complete_step_up
from example_project.urls import urlpatterns as bank_urls

from .examples import is_settings, modules_of, run, settings_of
from .fences import blocks_of, pages

BLOCKS = [block for page in pages() for block in blocks_of(page) if block.language == "python"]
RUNS = re.compile(r"(?:(?P<view>\w+) )?(?P<method>GET|POST|DELETE)(?: (?P<path>/\S*))?(?: (?P<data>\S.*))?")
GATED = re.compile(r"^@step_up_required|^class .*StepUp\w*Mixin|^ +\S.*require_step_up\(|step_up_permission\(", re.M)


@pytest.fixture(autouse=True)
def site_of_admin():
    """What an example registers is gone after its test."""
    registered = dict(admin.site._registry)
    yield
    admin.site._registry.clear()
    admin.site._registry.update(registered)


@pytest.fixture
def staff(alice):
    """Somebody whom neither the admin nor a permission turns away."""
    alice.is_staff = alice.is_superuser = True
    alice.save()
    return alice


def route_to(view):
    """Where *view*, of whatever kind, stands."""
    if hasattr(view, "get_extra_actions"):
        from rest_framework.routers import SimpleRouter

        router = SimpleRouter()
        router.register("example", view, basename="example")
        return path("", include(router.urls))
    if hasattr(view, "urls"):  # Ninja's
        return path("example/", view.urls)
    return path("example/", view.as_view() if hasattr(view, "as_view") else view)


def key_in(refused):
    decision = getattr(refused, "step_up", None)
    return str(decision.key) if decision else refused.json()["key"]


def sender(client, how, **places):
    """The request that *how* tells of, as a function of further headers."""
    data = how["data"] or ""
    is_json = data.startswith("{")
    content = (
        {"data": json.loads(data), "content_type": "application/json"} if is_json else {"data": dict(parse_qsl(data))}
    )
    url = (how["path"] or "/example/").format(**places)

    def send(**headers):
        return getattr(client, how["method"].lower())(url, **content, headers=headers)

    return send


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.runs], ids=str)
def test_example_is_challenged_and_then_runs(block, authsignal, client, staff, bob, settings, monkeypatch):
    how = RUNS.fullmatch(block.runs)
    assert how, f"{block}: cannot be read: runs: {block.runs}"
    modules_of(block, monkeypatch)
    names = {} if is_settings(block) else run(block)
    if is_settings(block):
        for name, value in settings_of(block, monkeypatch).items():
            setattr(settings, name, value)
    routes = [route_to(names[how["view"]])] if how["view"] else []
    admins = path("admin/", admin.site.urls)  # with what the example has registered
    settings.ROOT_URLCONF = (*routes, *names.get("urlpatterns", ()), admins, *bank_urls)
    authsignal.store.rules = Rules(default=Outcome.CHALLENGE, enrol_everyone=True)
    client.force_login(staff)
    send = sender(client, how, bob=bob.pk)

    refused = send()
    assert_step_up_required(refused)
    complete_step_up(client, refused)
    done = send(**{KEY_HEADER: key_in(refused)})

    assert not hasattr(done, "step_up"), f"{block}: {done.step_up}"
    assert done.status_code < 400, f"{block}: {done.status_code} {done.content[:500]}"


def test_every_gated_view_runs():
    """Or says why not; the tutorial has a test of its own."""
    silent = [str(block) for block in BLOCKS if GATED.search(block.text) and not (block.runs or block.is_excused)]
    assert [block for block in silent if not block.startswith("docs/tutorial.md")] == []
