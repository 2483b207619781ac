"""The system checks, read from the source that raises them: each call of ``error()``, ``warning()`` or Django's own."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

from authsignal_facts import PACKAGE, Table, one_line

ROOMS = (*sorted((PACKAGE / "checks").glob("*.py")), PACKAGE / "contrib" / "rest_framework" / "check.py")
ABOUT = re.compile(r"([EW]\d{3}):? (.+?)(?=, [EW]\d{3} |\.$|\. |$)")
UNKNOWN = "…"
"""What only the project at hand can tell."""


def checks_table() -> Table:
    """Each number once, with every message and hint that it comes with."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for number, *told in (check for path in ROOMS for check in _checks_of(path)):
        found.setdefault(number, []).append(tuple(told))
    return Table(("Number", "Message", "Hint"), [_row(number, told) for number, told in sorted(found.items())])


def _row(number: str, told: list[tuple[str, ...]]) -> tuple[str, ...]:
    about, messages, hints = map(_distinct, zip(*told, strict=True))
    level = {"E": "Error", "W": "Warning"}[number[0]]
    return f"`authsignal.{number}`", f"**{level}: {about}.** {messages}", hints


def _checks_of(path: Path) -> Iterator[tuple[str, str, str, str]]:
    """Number, subject, message and hint of each."""
    module = import_module(".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts))
    for function in ast.parse(path.read_text()).body:
        if isinstance(function, ast.FunctionDef) and (calls := list(_calls_in(function))):
            about = dict(ABOUT.findall(one_line(ast.get_docstring(function) or "")))
            for number, message, hint in calls:
                reader = _Reader(module, function, message.lineno)
                yield number, about[number], reader.text(message), reader.text(hint)


def _calls_in(function: ast.FunctionDef) -> Iterator[tuple[str, ast.expr, ast.expr]]:
    for call in ast.walk(function):
        if not isinstance(call, ast.Call):
            continue
        named = {keyword.arg: keyword.value for keyword in call.keywords}
        if isinstance(call.func, ast.Name) and call.func.id in ("error", "warning"):
            number, message, hint = call.args
            yield f"{call.func.id[0].upper()}{ast.literal_eval(number):03}", message, hint
        elif isinstance(named.get("id"), ast.Constant):
            yield ast.literal_eval(named["id"]).removeprefix("authsignal."), call.args[0], named["hint"]


@dataclass
class _Reader:
    """Reads an expression as its user will: variables by what is assigned to them further up, or in the module."""

    module: ModuleType
    function: ast.FunctionDef
    line: int

    def text(self, node: ast.expr) -> str:
        match node:
            case ast.Constant():
                return str(node.value)
            case ast.Name():
                return self._name(node.id)
            case ast.IfExp():
                return _distinct([self.text(node.body), self.text(node.orelse)])
            case ast.JoinedStr():
                return "".join(map(self.text, node.values))
            case ast.FormattedValue():
                shown = self.text(node.value)
                return f"'{shown}'" if node.conversion == ord("r") and shown != UNKNOWN else shown
        return UNKNOWN

    def _name(self, name: str) -> str:
        if name == "problem":
            return "*(what is wrong with the value)*"
        assigned = [
            node.value
            for node in ast.walk(self.function)
            if isinstance(node, ast.Assign) and node.lineno < self.line and getattr(node.targets[0], "id", "") == name
        ]
        return self.text(assigned[-1]) if assigned else str(getattr(self.module, name, UNKNOWN))


def _distinct(texts: object) -> str:
    return " · ".join(filter(None, dict.fromkeys(texts)))
