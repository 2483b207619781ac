"""Every block of the documentation, looked at by its language; each test is named by file and line.

An example that has a view behind the gate is run as well, as the comment before it says (see test_examples.py).
"""

from __future__ import annotations

import ast
import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
from django.conf import global_settings
from django.contrib.staticfiles import finders
from django.core.management import get_commands, load_command_class
from django.db import connection
from django.template import engines

from django_authsignal.checks import CHECKS
from django_authsignal.conf import AppSettings
from django_authsignal.sandbox.rules import Rules

from .examples import is_settings, modules_of, settings_of
from .fences import ROOT, blocks_of, pages, prose_of

BLOCKS = [block for page in pages() for block in blocks_of(page)]
SHELL = ("", "console", "sh")
TEMPLATES = ("html", "html+django", "django")
DATA = ("json", "toml")
UNCHECKED = ("text", "nginx", "diff")
"""Nothing here reads them."""
COMMAND = re.compile(r"manage\.py (\w+)([^`]*)")
SETTING = re.compile(r"AUTHSIGNAL_[A-Z][A-Z_]*[A-Z]")
OPERATORS = "|>&;"
OTHER_APPS = {"REST_FRAMEWORK", "CSP"}


def of(*languages):
    chosen = [block for block in BLOCKS if block.language in languages]
    return pytest.mark.parametrize("block", chosen, ids=str)


def commands_of(file):
    """Each call of manage.py on a page, in blocks and in prose, with its place."""
    lines = [line for block in blocks_of(file) if block.language in SHELL for line in typed_lines(block)]
    lines += [(number, " ".join(re.findall(r"`[^`]+`", line))) for number, line in prose_of(file)]
    for number, line in lines:
        for name, rest in COMMAND.findall(line):
            yield f"{file.relative_to(ROOT)}:{number}", name, rest


def typed_lines(block):
    """The lines of a console; where it shows its prompt, without the output."""
    lines = list(enumerate(block.text.splitlines(), start=block.line))
    return [(number, line) for number, line in lines if line.startswith("$ ")] or lines


def test_every_language_is_known():
    known = {"python", "js", "css", "sql", *SHELL, *TEMPLATES, *DATA, *UNCHECKED}
    assert [f"{block} {block.language}" for block in BLOCKS if block.language not in known] == []


@of("python")
def test_python_compiles(block):
    compile(block.padded, str(block), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@of("python")
def test_names_imported_from_the_package_exist(block):
    for node in ast.walk(ast.parse(block.padded)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("django_authsignal"):
            statement = ast.Module([node], [])
            exec(compile(statement, str(block), "exec"), {})


@pytest.mark.parametrize("block", [block for block in BLOCKS if is_settings(block)], ids=str)
def test_settings_exist_and_pass_the_checks(block, settings, monkeypatch):
    modules_of(block, monkeypatch)
    given = settings_of(block, monkeypatch)
    theirs = {name for name in given if not name.startswith("AUTHSIGNAL_")} - OTHER_APPS
    assert [name for name in theirs if not hasattr(global_settings, name)] == [], f"{block}: no setting of Django"
    settings.AUTHSIGNAL_SITE_URL = "https://bank.example"
    if "AUTHSIGNAL_API_URL" not in given:  # then it speaks of a tenant
        settings.AUTHSIGNAL_SECRET = "secret"
        del settings.AUTHSIGNAL_API_URL
    for name, value in given.items():
        if name not in ("INSTALLED_APPS", *OTHER_APPS):
            setattr(settings, name, value)
    found = [message for check in CHECKS for message in check() if message.is_serious() or message.id.endswith("W006")]
    assert found == [], str(block)


@pytest.mark.parametrize("file", pages(), ids=lambda file: str(file.relative_to(ROOT)))
def test_settings_that_are_spoken_of_exist(file):
    known = {f"AUTHSIGNAL_{name}" for name in (*vars(AppSettings), "REGION") if name.isupper()}
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        named = {name for name in SETTING.findall(line) if not name.startswith("AUTHSIGNAL_TEST_")}
        assert named <= known, f"{file}:{number}: {named - known}"


COMMANDS = [command for file in pages() for command in commands_of(file)]


@pytest.mark.parametrize(("place", "name", "rest"), COMMANDS, ids=[f"{place}-{name}" for place, name, _ in COMMANDS])
def test_commands_and_their_options_exist(place, name, rest):
    words = shlex.split(rest, comments=True)
    end = next((at for at, word in enumerate(words) if word[:1] in OPERATORS), len(words))
    if name in ("startproject", "demo"):
        return
    assert name in get_commands(), f"{place}: no command {name}"
    parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
    parser.parse_args(words[:end])


@of(*TEMPLATES)
def test_templates_load(block):
    engines["django"].from_string(block.text)


@of(*DATA)
def test_data_can_be_read(block):
    data = {"json": json.loads, "toml": tomllib.loads}[block.language](block.text)
    if data.keys() & {"actions", "rules", "users", "default"}:
        Rules.from_mapping(data)


@of("css")
def test_properties_of_a_theme_exist(block):
    sheet = Path(finders.find("authsignal/step-up.css")).read_text()
    assert set(re.findall(r"--[\w-]+", block.text)) <= set(re.findall(r"^ *(--[\w-]+):", sheet, re.MULTILINE)), block


@pytest.mark.browser
@of("js")
def test_scripts_can_be_parsed(block, new_page):
    new_page().evaluate("(code) => { Object.getPrototypeOf(async () => {}).constructor(code); }", block.text)


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "postgresql", reason="its SQL is PostgreSQL's own")
@of("sql")
def test_sql_runs(block):
    with connection.cursor() as cursor:
        cursor.execute(block.text)
