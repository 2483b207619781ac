"""Make a subject's mutants and run the tests against them, with mutmut, in a folder of their own.

mutmut changes what stands in functions, but passes over every function with a decorator: here the property that
opens the gate, the return and the webhook view. So the copy that it gets applies decorators afterwards, as calls.
Caches are left out of it: to mutmut it is the test that ran a function which must notice that it has changed.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Mutant", "Subject", "mutants"]

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("django_authsignal", "example_project", "tests")
FILES = ("manage.py", "pyproject.toml", "setup.cfg")
LEFT_ALONE = ("classmethod", "staticmethod")
"""Decorators that mutmut understands."""
CONFIGURATION = """
[mutmut]
source_paths=django_authsignal
also_copy=
    example_project
    manage.py
only_mutate=
    {modules}
do_not_mutate_patterns=
    logger\\.
    raise \\w+\\(
pytest_add_cli_args_test_selection=
    -m
    not races and not browser
    -k
    {chosen}
    {tests}
pytest_add_cli_args=
    --no-migrations
    -p
    no:cacheprovider
    -p
    no:unraisableexception
process_isolation=forkserver
timeout_constant=30
timeout_multiplier=3
use_setproctitle=false
"""
# Hypothesis chooses the same examples in every run, and no deadline of its own fails a mutant on a busy machine.
ENVIRONMENT = {"CI": "1", "PYTHONHASHSEED": "0", "AUTHSIGNAL_TEST_DATABASE": "sqlite"}
RESULT = re.compile(r"^ +(?P<name>\S+__mutmut_\d+): (?P<status>.+)$", re.MULTILINE)
# Tests that cannot even be collected have noticed; what did not end of itself was ended when its time was over.
OUTCOMES = {"check was interrupted by user": "killed", "segfault": "timeout"}
FUNCTION = re.compile(r"^django_authsignal\.(?P<module>.+)\.x_?(?P<function>\S+)__mutmut_\d+$")


@dataclass(frozen=True)
class Subject:
    """What is mutated, and the tests that must notice."""

    modules: tuple[str, ...]
    """Paths inside the package, without ``.py``."""
    tests: tuple[str, ...]
    """Paths inside ``tests``."""
    beside: tuple[str, ...] = ()
    """Modules that are not mutated, but keep in a cache what the mutated ones made."""
    without: tuple[str, ...] = ()
    """Parts of the names of tests among them that take too long, or look into the code itself."""


@dataclass(frozen=True, order=True)
class Mutant:
    """One change and what became of it."""

    function: str
    """Such as ``services.stepup.require`` or ``models.actions.TrackedAction.spend``."""
    status: str
    """'killed', 'timeout', 'survived' or 'no tests'."""
    was: str = ""
    """A survivor's changed lines, as they were."""
    now: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What names this change as long as the line stays."""
        return self.function, self.was, self.now


def mutants(subject: Subject, folder: Path) -> list[Mutant]:
    """Every mutant of *subject*, made and run in *folder*."""
    _copy(subject, folder)
    _mutmut(folder, "run", output=sys.stderr.fileno())
    found = RESULT.findall(_mutmut(folder, "results", "--all", "true"))
    return sorted(_told(folder, name, OUTCOMES.get(status, status)) for name, status in found)


def _copy(subject: Subject, folder: Path) -> None:
    for part in PARTS:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "*.sqlite3"))
    for file in FILES:
        shutil.copy(ROOT / file, folder)
    for module in (*subject.modules, *subject.beside):
        source = folder / path_of(module)
        source.write_text(undecorated(source.read_text()))
    with (folder / "setup.cfg").open("a") as file:
        separator = "\n    "
        tests = separator.join(f"tests/{test}" for test in subject.tests)
        chosen = " and ".join(f"not {name}" for name in subject.without) or "test"
        modules = separator.join(map(path_of, subject.modules))
        file.write(CONFIGURATION.format(modules=modules, tests=tests, chosen=chosen))


def path_of(module: str) -> str:
    return f"django_authsignal/{module}.py"


def undecorated(source: str) -> str:
    """*source* with each ``@decorator`` above a function as ``function = decorator(function)`` below it, uncached."""
    lines = source.splitlines()
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    for function in sorted(functions, key=lambda node: node.lineno, reverse=True):
        names = [ast.unparse(decorator) for decorator in function.decorator_list]
        if not names or set(names) <= set(LEFT_ALONE):
            continue
        call = function.name
        for name in reversed(names):
            call = call if name == "cache" else f"{name}({call})"
        lines.insert(function.end_lineno or 0, f"{' ' * function.col_offset}{function.name} = {call}")
        del lines[function.decorator_list[0].lineno - 1 : function.lineno - 1]
    return "\n".join([*lines, ""])


def _mutmut(folder: Path, *arguments: str, output: int = subprocess.PIPE) -> str:
    command = [str(Path(sys.executable).with_name("mutmut")), *arguments]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | ENVIRONMENT, stdout=output, stderr=None, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"mutmut {arguments[0]} failed: {done.stdout or 'see above'}")
    return done.stdout or ""


def _told(folder: Path, name: str, status: str) -> Mutant:
    match = FUNCTION.match(name)
    function = ".".join(match.groups()).replace("ǁ", ".").replace("..", ".") if match else name
    if status not in ("survived", "no tests"):
        return Mutant(function, status)
    changes = list(_changes(_mutmut(folder, "show", name)))
    was, now = ("\n".join(text for sign, text in changes if sign == which) for which in "-+")
    return Mutant(function, status, was, now)


def _changes(diff: str) -> Iterator[tuple[str, str]]:
    """The lines of *diff* that differ, each with its sign."""
    for line in diff.splitlines():
        if line[:1] in ("-", "+") and line[:3] not in ("---", "+++"):
            yield line[0], line[1:].strip()
