"""Rows of the site's tables, whatever version of PostfixAdmin made them, and on whatever database.

The models name the columns of 3.3. An older table lacks some (2.3 has no `phone`, `email_other`, `token…`,
`password_expiry`), a newer one has more: what is missing reads as the model's default and is left out when a row is
written; what we do not know is left to its own default.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from django.db import connections, models
from django.db.models.lookups import IContains

# ASCII's own "substitute"; no address has one.
_SUBSTITUTE = "\x1a"


def _askable(value: Any, connection: Any) -> Any:
    if connection.vendor == "mysql" and isinstance(value, str) and not value.isascii():
        return "".join(letter if letter.isascii() else _SUBSTITUTE for letter in value)
    return value


if TYPE_CHECKING:
    _Text = models.CharField[Any, str]
else:
    _Text = models.CharField


class SiteNameField(_Text):
    """Text that is ASCII by its nature.

    Compatibility: PostfixAdmin makes these columns latin1 on MySQL, and comparing one with "花" is an error there
    (1267, illegal mix of collations), no miss. Such letters are asked for with a substitute, which finds nothing.
    """

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return _askable(super().get_db_prep_value(value, connection, prepared), connection)

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        # What is written is written as it is, or refused by the database.
        return super().get_db_prep_value(self.get_prep_value(value), connection, True)

    def deconstruct(self) -> Any:
        # No change for migrations: the tables are the site's.
        name, _, args, keywords = super().deconstruct()
        return name, "django.db.models.CharField", args, keywords


@SiteNameField.register_lookup
class SiteContains(IContains):
    """`icontains` of such a column."""

    def get_db_prep_lookup(self, value: Any, connection: Any) -> Any:
        return super().get_db_prep_lookup(_askable(value, connection), connection)


def columns_of(table: str) -> frozenset[str]:
    """The columns of one of PostfixAdmin's tables; none without such a table, or where tables are the site's own."""
    # It knows the models, which are made of the rows here.
    from sekisho.directory.mapping import is_mapped

    if is_mapped():
        return frozenset()
    connection = connections["site"]
    with connection.cursor() as cursor:
        if table not in connection.introspection.table_names(cursor):
            return frozenset()
        return frozenset(column.name for column in connection.introspection.get_table_description(cursor, table))


@cache
def _missing_fields(model: type[models.Model], database: str) -> frozenset[str]:
    columns = columns_of(model._meta.db_table)
    # Without a table there is nothing to leave out; the question itself then fails, and says why.
    fields = [field for field in model._meta.concrete_fields if columns and field.column not in columns]
    return frozenset(field.attname for field in fields)


def missing_fields(model: type[models.Model]) -> frozenset[str]:
    """Fields of the model whose column the site's table lacks; asked once per process."""
    return _missing_fields(model, str(connections["site"].settings_dict["NAME"]))


forget_columns = _missing_fields.cache_clear


Row = TypeVar("Row", bound=models.Model, covariant=True)


class SiteRows(models.Manager[Row]):
    """The rows, without asking for columns that are not there."""

    def get_queryset(self) -> models.QuerySet[Row]:
        """Every question begins here."""
        return super().get_queryset().defer(*missing_fields(self.model))


class SiteRow(models.Model):
    """A row of a table that PostfixAdmin made."""

    objects: ClassVar[SiteRows[Self]] = SiteRows()

    class Meta:
        abstract = True

    @classmethod
    def from_db(cls, db: str | None, field_names: Any, values: Any, **more: Any) -> Self:
        """The row; what its table does not have is the field's default, and no further question."""
        row = super().from_db(db, field_names, values, **more)
        for name in missing_fields(cls):
            row.__dict__.setdefault(name, getattr(cls._meta.get_field(name), "get_default")())  # noqa: B009
        return row

    def _do_insert(self, manager: Any, using: Any, fields: Any, *more: Any) -> Any:
        missing = missing_fields(type(self))
        kept = [field for field in fields if field.attname not in missing]
        return super()._do_insert(manager, using, kept, *more)  # type: ignore[misc]

    def _do_update(self, base_qs: Any, using: Any, pk_val: Any, values: Any, *more: Any) -> Any:
        missing = missing_fields(type(self))
        kept = [value for value in values if value[0].attname not in missing]
        return super()._do_update(base_qs, using, pk_val, kept, *more)
