"""Uniqueness of some rows only (`UniqueConstraint(condition=...)`) on MariaDB and MySQL, which know no partial index.

Django leaves such a constraint out there without a word, and two workers could then make two open incidents of one
mailbox. Instead a virtual column says 1 where the condition holds and NULL elsewhere, and stands last in a unique
index: NULL is never equal to NULL. No model knows the column, so no statement of Django's names it.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.mysql import schema
from django.db.models import Model, UniqueConstraint
from django.db.models.sql.query import Query


def _partial(model: type[Model]) -> list[UniqueConstraint]:
    return [one for one in model._meta.constraints if isinstance(one, UniqueConstraint) and one.condition is not None]


class DatabaseSchemaEditor(schema.DatabaseSchemaEditor):
    """Django's own, with partial uniqueness."""

    def create_model(self, model: type[Model]) -> None:
        super().create_model(model)
        for constraint in _partial(model):
            self._add_partial(model, constraint)

    def add_constraint(self, model: type[Model], constraint: Any) -> None:
        if isinstance(constraint, UniqueConstraint) and constraint.condition is not None:
            self._add_partial(model, constraint)
        else:
            super().add_constraint(model, constraint)

    def remove_constraint(self, model: type[Model], constraint: Any) -> None:
        if isinstance(constraint, UniqueConstraint) and constraint.condition is not None:
            name, marker = self.quote_name(constraint.name), self.quote_name(f"{constraint.name}_holds")
            self.execute(f"ALTER TABLE {self.quote_name(model._meta.db_table)} DROP INDEX {name}, DROP COLUMN {marker}")
        else:
            super().remove_constraint(model, constraint)

    def _add_partial(self, model: type[Model], constraint: UniqueConstraint) -> None:
        columns: list[Any] = [getattr(model._meta.get_field(field), "column", "") for field in constraint.fields]
        marker = f"{constraint.name}_holds"
        names = ", ".join(self.quote_name(name) for name in (*columns, marker))
        # Deferred as Django defers other indexes: a column that the same migration adds is there by then.
        self.deferred_sql.append(
            f"ALTER TABLE {self.quote_name(model._meta.db_table)} ADD COLUMN {self.quote_name(marker)} TINYINT"
            f" AS (IF({self._condition(model, constraint.condition)}, 1, NULL)) VIRTUAL,"
            f" ADD UNIQUE INDEX {self.quote_name(constraint.name)} ({names})"
        )

    def _condition(self, model: type[Model], condition: Any) -> str:
        query = Query(model, alias_cols=False)
        where = query.build_where(condition)
        text, values = where.as_sql(query.get_compiler(connection=self.connection), self.connection)
        return str(text % tuple(self.quote_value(value) for value in values))
