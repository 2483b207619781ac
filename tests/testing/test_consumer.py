"""A project that knows only what is documented tests itself, in pytest's style and in Django's."""

from __future__ import annotations

import ast
from importlib import import_module

from .consumer import CONSUMER
from .consumer import environment as environment
from .consumer import project as project

DOCUMENTED = {
    "django_authsignal.client",
    "django_authsignal.contrib.rest_framework",
    "django_authsignal.decorators",
    "django_authsignal.mixins",
    "django_authsignal.policy",
    "django_authsignal.shortcuts",
    "django_authsignal.signals",
    "django_authsignal.testing",
}


def test_its_tests_pass_under_pytest(project, environment):
    done = project(environment(), "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert "25 passed" in done.stdout


def test_its_tests_pass_under_django(project, environment):
    done = project(environment(), "-W", "error", "manage.py", "test", "--settings", "club.test_settings")
    assert "Ran 8 tests" in done.stderr


def test_it_imports_only_what_is_documented():
    imported = set()
    for source in CONSUMER.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            assert not isinstance(node, ast.Import) or "authsignal" not in ast.dump(node)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("django_authsignal"):
                imported.add(node.module)
                assert {name.name for name in node.names} <= {*import_module(node.module).__all__}
    assert imported == DOCUMENTED
