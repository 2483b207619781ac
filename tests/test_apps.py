"""Starting a project: what the app wires, and when it refuses."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib.auth.signals import user_logged_in
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from django_authsignal.models import ActionEvent, TrackedAction
from django_authsignal.receivers import note_login


@pytest.fixture
def app():
    return apps.get_app_config("authsignal")


def test_app_has_the_label_of_the_service_and_big_keys(app):
    assert (app.name, app.label) == ("django_authsignal", "authsignal")
    assert {type(model._meta.pk).__name__ for model in (TrackedAction, ActionEvent)} == {"BigAutoField"}


def test_checks_and_the_login_receiver_are_wired(app):
    assert "authsignal" in checks.registry.registry.tags_available()
    assert any(lookup[0] == "django_authsignal.login" for lookup, *_ in user_logged_in.receivers)


def test_wiring_twice_is_wiring_once(app):
    before = len(user_logged_in.receivers), len(checks.registry.registry.get_checks())
    app.ready()
    assert (len(user_logged_in.receivers), len(checks.registry.registry.get_checks())) == before


def test_login_without_a_request_a_session_or_an_auth_hash_leaves_no_fact(rf):
    hashed = SimpleNamespace(pk=1, get_session_auth_hash=lambda: "hash")
    request = rf.get("/")
    request.session = {}
    for visit, user in [(None, hashed), (rf.get("/"), hashed), (request, SimpleNamespace(pk=1))]:
        note_login(None, visit, user)
    assert request.session == {}
    note_login(None, request, hashed)
    assert request.session.keys() == {"_authsignal"}


@pytest.mark.parametrize(
    ("secret", "url"),
    [
        ("sandbox_demo", "http://localhost:8001/v1"),
        ("sandbox_demo", "https://api.authsignal.com/v1"),
        ("live", "http://127.0.0.1:1"),
    ],
)
def test_sandbox_in_production_keeps_the_project_from_starting(app, settings, secret, url):  # T48
    settings.AUTHSIGNAL_SECRET, settings.AUTHSIGNAL_API_URL = secret, url
    settings.DEBUG, settings.AUTHSIGNAL_ALLOW_SANDBOX = False, False
    with pytest.raises(ImproperlyConfigured):
        app.ready()


@pytest.mark.parametrize("secret", ["", "live secret"])
def test_project_without_usable_settings_starts_and_is_told_by_the_checks(app, settings, secret):
    settings.AUTHSIGNAL_SECRET = secret
    settings.AUTHSIGNAL_API_URL = "https://["
    settings.DEBUG = False
    app.ready()


def test_start_imports_neither_requests_nor_the_sandbox():
    code = (
        "import django, sys; django.setup(); import django_authsignal.urls, django_authsignal.middleware;"
        "loaded = [name for name in sys.modules if name in ('requests', 'urllib3', 'django_authsignal.sandbox',"
        " 'django_authsignal.testing')]; sys.exit(f'{loaded}' if loaded else 0)"
    )
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "example_project.settings"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_setting_up_imports_no_more_than_models_admin_and_receivers_need():
    """The gate comes with the first view that is behind it, the checks with the first ``manage.py check``."""
    settings = {
        "INSTALLED_APPS": [
            *(f"django.contrib.{name}" for name in ("admin", "auth", "contenttypes", "messages", "sessions")),
            "django_authsignal",
        ],
        "AUTHSIGNAL_SECRET": "live",
    }
    code = (
        "import django, sys; from django.conf import settings;"
        f"settings.configure(**{settings}); django.setup(); assert 'django_authsignal.admin.history' in sys.modules;"
        "loaded = [name for name in sys.modules if name.startswith(('django_authsignal.services', 'django_authsignal."
        "decorators', 'django_authsignal.checks', 'django_authsignal.admin.operations',"
        " 'django_authsignal.client.api'))];"
        "sys.exit(f'{loaded}' if loaded else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
