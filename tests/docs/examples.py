"""The examples of the documentation as parts of a site: its modules, its settings, its views."""

from __future__ import annotations

import ast
import re
import sys
import types

from django.conf import settings

from . import bank
from .fences import blocks_of

FILE = re.compile(r"# ([\w/]+)\.py\b")
PACKAGE = bank.__name__


def file_of(block):
    """What the block's first line names, such as "bank/ids"; else ''."""
    named = FILE.match(block.text)
    return named[1] if named else ""


def is_settings(block):
    """Whether *block* sets anything of ours, or says that it is the settings file."""
    is_file = file_of(block) == "settings" or "settings.py" in block.caption
    return block.language == "python" and (is_file or re.search(r"^AUTHSIGNAL_\w+ = ", block.text, re.MULTILINE))


def namespace_of(name):
    return {**{word: getattr(bank, word) for word in bank.__all__}, "__name__": name, "__package__": PACKAGE}


def run(block, name=f"{PACKAGE}.views"):
    """What *block* defines, run as a module of the bank."""
    names = namespace_of(name)
    exec(compile(block.padded, str(block), "exec"), names)
    return names


def modules_of(block, monkeypatch):
    """Make the modules that the page of *block* shows importable, as settings name them by dotted path."""
    for other in blocks_of(block.path):
        name = file_of(other).replace("/", ".")
        if other.language == "python" and "." in name and not other.runs:
            module = types.ModuleType(name)
            vars(module).update(run(other, f"{PACKAGE}.{name.rpartition('.')[2]}"))
            monkeypatch.setitem(sys.modules, name, module)


def settings_of(block, monkeypatch):
    """The settings that *block* makes, on top of the ones in force; whatever it reads of the environment is there."""
    for name in re.findall(r"environ(?:\[|\.get\()\"(\w+)\"", block.text):
        monkeypatch.setenv(name, "secret")
    names = {name: list(getattr(settings, name)) for name in ("INSTALLED_APPS", "MIDDLEWARE")}
    tree = ast.parse(block.padded)
    tree.body = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom) or _is_setting(node)]
    given = {target.id for node in tree.body for target in _targets(node)}
    exec(compile(tree, str(block), "exec"), names)
    return {name: names[name] for name in given}


def _targets(node):
    return getattr(node, "targets", [getattr(node, "target", None)] if hasattr(node, "target") else [])


def _is_setting(node):
    is_assigned = isinstance(node, ast.Assign | ast.AugAssign)
    return is_assigned and all(isinstance(target, ast.Name) and target.id.isupper() for target in _targets(node))
