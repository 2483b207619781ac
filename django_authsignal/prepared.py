"""Statements composed once and run often.

Django takes several times as long to compose an UPDATE or an INSERT as a database takes to run it, and webhooks bring
hundreds at once. What is composed is ordinary: a queryset, or a row.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from django.db import connections
from django.db.models import Field, Model, QuerySet, Value, sql
from django.db.models.constants import OnConflict

__all__ = ["Given", "PreparedUpdate", "insert_once"]


class Given(Value):
    """The place of a value that is given when the statement runs, under this *name* and as this *field* holds it."""

    def __init__(self, name: str, field: Field[Any, Any]) -> None:
        super().__init__(name, output_field=field)

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return "%s", [self]


class PreparedUpdate:
    """``rows.update(**values)``, in which each :class:`Given` is filled in when it runs."""

    def __init__(self, rows: QuerySet[Any], **values: Any) -> None:
        query: Any = rows.query.chain(sql.UpdateQuery)
        query.add_update_values(values)
        self._database = rows.db
        self._sql, self._parameters = query.get_compiler(using=rows.db).as_sql()
        self._fields = {each.value: each.output_field for each in self._parameters if isinstance(each, Given)}

    def run(self, **given: Any) -> int:
        """Run it; returns how many rows changed."""
        connection = connections[self._database]
        values = {name: field.get_db_prep_value(given[name], connection) for name, field in self._fields.items()}
        parameters = [values[each.value] if isinstance(each, Given) else each for each in self._parameters]
        with connection.cursor() as cursor:
            cursor.execute(self._sql, parameters)
            return int(cursor.rowcount)


def insert_once(row: Model, database: str) -> bool:
    """Insert *row* unless one that is unique like it is there; whether it was inserted. *row* gets no primary key."""
    connection = connections[database]
    statement, fields = _insert(type(row), database)
    with connection.cursor() as cursor:
        cursor.execute(statement, [field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields])
        return bool(cursor.rowcount == 1)


@cache
def _insert(model: type[Model], database: str) -> tuple[str, list[Field[Any, Any]]]:
    operations = connections[database].ops
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    columns = ", ".join(operations.quote_name(str(field.column)) for field in fields)
    ignore = OnConflict.IGNORE
    parts = [
        operations.insert_statement(on_conflict=ignore),
        operations.quote_name(model._meta.db_table),
        f"({columns}) VALUES ({', '.join(['%s'] * len(fields))})",
        operations.on_conflict_suffix_sql(fields, ignore, [], []),
    ]
    return " ".join(parts).rstrip(), fields
