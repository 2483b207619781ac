"""Sphinx: ``{authsignal} settings`` puts the table of settings on a Markdown page; so with all that the code tells."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from authsignal_checks import checks_table
from authsignal_facts import TABLES, Command, commands
from authsignal_history import TABLES as OF_HISTORY
from docutils import nodes
from docutils.parsers.rst import Directive

from django_authsignal import testing


class AuthsignalDirective(Directive):
    """What the code says about one subject."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        self.state.document.settings.env.note_reread()  # whatever page it stands on, the code may have changed
        found = nodes.Element()
        self.state.nested_parse(rendered(self.arguments[0]).splitlines(), self.content_offset, found, match_titles=True)
        for table in found.findall(nodes.table):
            table["classes"].append("from-code")
        return found.children


def rendered(subject: str) -> str:
    """The Markdown of *subject*. Raises KeyError for one that there is not."""
    if subject == "commands":
        return "\n\n".join(map(_section, commands()))
    if subject == "testing":
        return _public_names(testing)
    return (TABLES | OF_HISTORY | {"checks": checks_table})[subject]().as_markdown()


def _public_names(module: ModuleType) -> str:
    """Everything in ``__all__``, classes first."""
    found = {f"{module.__name__}.{name}": getattr(module, name) for name in module.__all__}
    classes = [f".. autoclass:: {name}\n   :members:\n" for name, value in found.items() if inspect.isclass(value)]
    functions = [f".. autofunction:: {name}\n" for name, value in found.items() if inspect.isfunction(value)]
    others = [f".. autodata:: {name}\n   :no-value:\n" for name, value in found.items() if not callable(value)]
    return "\n".join(["```{eval-rst}", *classes, *functions, *others, "```"])


def _section(command: Command) -> str:
    return "\n\n".join(_parts(command))


def _parts(command: Command) -> Iterator[str]:
    yield f"## {command.name}"
    yield command.help
    yield f"```text\n{command.usage.strip()}\n```"
    if command.options.rows:
        yield command.options.as_markdown()
    if command.epilog:
        yield f"```text\n{command.epilog.strip()}\n```"


def setup(app: Any) -> dict[str, bool]:
    app.add_directive("authsignal", AuthsignalDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
