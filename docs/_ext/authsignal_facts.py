"""What the reference tells, read from the code itself, so that neither can change without the other.

No Sphinx here: ``authsignal_reference`` puts these tables on pages, and the tests look through them.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import load_command_class
from django.core.management.base import BaseCommand
from django.test import override_settings

import django_authsignal
from django_authsignal import conf, http, policy, wording
from django_authsignal.contrib.rest_framework import REFUSAL_SCHEMA
from django_authsignal.services import decision

PACKAGE = Path(django_authsignal.__file__).parent
COMMANDS = sorted(path.stem for path in (PACKAGE / "management" / "commands").glob("authsignal_*.py"))

TYPES = {
    "str": "text",
    "tuple[str, ...]": "list of texts",
    "int": "whole number",
    "float": "number",
    "bool": "boolean",
    "timedelta": "whole seconds",
    "Mapping[str, Mapping[str, Any]]": "mapping of mappings",
    "Callable[..., Any] | None": "function, or its dotted path",
    "Any": "object, or its dotted path",
}
"""What a project writes into a setting, by what the property returns."""


@dataclass(frozen=True)
class Table:
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def as_markdown(self) -> str:
        lines = [self.head, ("---",) * len(self.head), *self.rows]
        return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def settings_table() -> Table:
    """Every setting, as ``conf.AppSettings`` reads it where the project sets nothing."""
    with _nothing_set():
        rows = [_setting(name, reads) for name, reads in vars(conf.AppSettings).items() if isinstance(reads, property)]
    return Table(("Setting", "Type", "Default", "Meaning"), rows)


def policy_table() -> Table:
    """Every argument of ``StepUpPolicy``."""
    said = attribute_docs(policy.StepUpPolicy)
    rows = [
        (f"`{field.name}`", _code(str(field.type)), _default(field.default), said[field.name])
        for field in fields(policy.StepUpPolicy)
    ]
    return Table(("Argument", "Type", "Default", "Meaning"), rows)


def answers_table() -> Table:
    """Every outcome of a decision, and how it is told."""
    said = attribute_docs(decision.Outcome)
    rows = []
    for outcome in decision.Outcome:
        words = wording.WORDS.get(outcome)
        told = (str(words.status), f"`{words.code}`") if words else ("", "")
        again = "yes" if outcome in http.SENDABLE_AGAIN else ""
        rows.append((f"`{outcome.name}`", *told, again, said[outcome.name]))
    return Table(("Outcome", "Status", "`code`", "Form is held", "When"), rows)


def problem_table() -> Table:
    """The members of a refusal's JSON body."""
    required = REFUSAL_SCHEMA["required"]
    rows = [
        (f"`{name}`", "always" if name in required else "", _prose(member["description"]))
        for name, member in REFUSAL_SCHEMA["properties"].items()
    ]
    return Table(("Member", "", "Meaning"), rows)


@dataclass(frozen=True)
class Command:
    name: str
    help: str
    usage: str
    options: Table
    epilog: str


def commands() -> Iterator[Command]:
    """Every management command, as its own parser describes it."""
    ours_by_all = {action.dest for action in BaseCommand().create_parser("manage.py", "")._actions}
    for name in COMMANDS:
        parser = load_command_class("django_authsignal", name).create_parser("manage.py", name)
        parser._actions = [action for action in parser._actions if action.dest not in ours_by_all]
        rows = [(_option(action), action.help or "") for action in parser._actions]
        for group in parser._action_groups:
            group._group_actions = [action for action in group._group_actions if action in parser._actions]
        usage = parser.format_usage().removeprefix("usage: ")
        yield Command(name, parser.description or "", usage, Table(("Option", "Meaning"), rows), parser.epilog or "")


def attribute_docs(home: Any) -> dict[str, str]:
    """The text below each attribute of a module or class, as one line."""
    body = ast.parse(inspect.getsource(home)).body
    if isinstance(home, type):
        body = body[0].body
    pairs = zip(body, body[1:], strict=False)
    return {_target(one): one_line(text) for one, after in pairs if (text := _text_of(after)) and _target(one)}


def _setting(name: str, reads: property) -> tuple[str, ...]:
    source = inspect.getsource(reads.fget)
    names = re.findall(r'\b_\w+\("([A-Z_]+)"', source)
    kind = TYPES[inspect.get_annotations(reads.fget)["return"]]
    if limits := re.search(r'_integer\("\w+", \d+, (\d+), (\d+)\)', source):
        kind += f", {limits[1]} to {limits[2]}"
    try:
        default = _default(getattr(conf.app_settings, name))
    except ImproperlyConfigured:
        default = "required"
    shown = " or ".join(f"`AUTHSIGNAL_{each}`" for each in dict.fromkeys(names))
    return shown, kind, default, one_line(inspect.getdoc(reads) or "")


@contextmanager
def _nothing_set() -> Iterator[None]:
    with override_settings():
        for name in dir(settings):
            if name.startswith("AUTHSIGNAL_"):
                delattr(settings, name)
        yield


def _default(value: object) -> str:
    if value is MISSING:
        return "required"
    if isinstance(value, timedelta):
        value = int(value.total_seconds())
    return _code(f'"{value}"' if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else repr(value))


def _option(action: argparse.Action) -> str:
    """An option as ``--help`` shows it: its flags, and what it takes."""
    takes = argparse.HelpFormatter("")._format_args(action, str(action.metavar or action.dest).upper())
    if not action.option_strings:
        return _code(takes)
    return ", ".join(_code(f"{flag} {takes}".rstrip()) for flag in action.option_strings)


def _text_of(node: ast.AST) -> str:
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    return node.value.value if is_text else ""


def _target(node: ast.AST) -> str:
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    return target.id if isinstance(target, ast.Name) else ""


def _prose(text: str) -> str:
    """Plain text for Markdown, with names in angle brackets left as they are."""
    return text.replace("<", r"\<")


def one_line(text: str) -> str:
    return " ".join(text.split())


def _code(text: str) -> str:
    return f"`{text}`"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


TABLES: dict[str, Callable[[], Table]] = {
    "settings": settings_table,
    "policy": policy_table,
    "answers": answers_table,
    "problem": problem_table,
}
