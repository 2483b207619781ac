"""Signals with the arguments that they are sent with, and what the rows hold that they carry."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from authsignal_facts import PACKAGE, Table, attribute_docs
from django.dispatch import Signal

from django_authsignal import signals
from django_authsignal.models import ActionEvent, Status, TrackedAction
from django_authsignal.timeline.words import REASONS

DIGESTS = ("binding", "channel", "auth_hash")
"""They mean nothing outside the package."""


def signals_table() -> Table:
    """Every signal; what each says of itself stands in ``signals``."""
    said, given = attribute_docs(signals), dict[str, list[str]]()
    for path in sorted(PACKAGE.rglob("*.py")):
        for name, arguments in _sent_in(path.read_text()):
            given.setdefault(name, []).extend(arguments)
    rows = [
        (f"`{name}`", ", ".join(f"`{one}`" for one in dict.fromkeys(given[name])), said[name])
        for name, value in vars(signals).items()
        if isinstance(value, Signal)
    ]
    return Table(("Signal", "Arguments", "Sent when"), rows)


def _sent_in(source: str) -> Iterator[tuple[str, list[str]]]:
    """Each signal that *source* sends, with the names of its arguments."""
    for call in ast.walk(ast.parse(source)):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
            continue
        named = [keyword.arg for keyword in call.keywords if keyword.arg not in (None, "sender")]
        if call.func.attr == "announce" and isinstance(call.args[0], ast.Attribute):
            yield call.args[0].attr, ["action", *named]
        elif call.func.attr == "send_robust" and isinstance(call.func.value, ast.Attribute):
            yield call.func.value.attr, named


def fields_table() -> Table:
    """What a row holds, under the names that the admin shows."""
    fields = [field for field in TrackedAction._meta.fields if not field.primary_key and field.name not in DIGESTS]
    rows = [(f"`{field.name}`", field.get_internal_type(), str(field.verbose_name)) for field in fields]
    return Table(("Field", "Type", "Shown as"), rows)


def statuses_table() -> Table:
    return Table(("`status`", "Shown as"), [(f"`{status}`", str(status.label)) for status in Status])


def reasons_table() -> Table:
    return Table(("`reason`", "Why it ended"), [(f"`{reason}`", str(words)) for reason, words in REASONS.items()])


def events_table() -> Table:
    return Table(("`kind`", "Shown as"), [(f"`{kind}`", str(kind.label)) for kind in ActionEvent.Kind])


TABLES = {
    "signals": signals_table,
    "fields": fields_table,
    "statuses": statuses_table,
    "reasons": reasons_table,
    "events": events_table,
}
