"""The database wrapper: PyMySQL as the driver, looking without regard to case everywhere, partial uniqueness.

Our own database is made with the collation utf8mb4_bin, so that names, hashes and tokens compare as they do on SQLite
and PostgreSQL: byte by byte. Django's `iexact` and `icontains` are a bare LIKE on this kind of database and count on a
collation that ignores case; here both sides are made lower case instead, which also suits the site's latin1 columns.
"""

from __future__ import annotations

from typing import Any

import pymysql  # type: ignore[import-untyped]
from pymysql.constants import FIELD_TYPE  # type: ignore[import-untyped]
from pymysql.converters import convert_datetime  # type: ignore[import-untyped]

# Django imports the driver as MySQLdb; PyMySQL stands in for it by this call of its own.
pymysql.install_as_MySQLdb()

from django.db.backends.mysql import base  # noqa: E402
from django.db.backends.mysql.operations import DatabaseOperations as MySqlOperations  # noqa: E402

from sekisho.directory.mysql.schema import DatabaseSchemaEditor  # noqa: E402


# MySQL's "0000-00-00 00:00:00", PostfixAdmin 2.3's default, is no moment at all.
def _moment(text: Any) -> Any:
    found = convert_datetime(text)
    return None if isinstance(found, str) else found


_WITHOUT_CASE = ("iexact", "icontains", "istartswith", "iendswith")


class DatabaseOperations(MySqlOperations):
    def lookup_cast(self, lookup_type: str, internal_type: str | None = None) -> str:
        """Lower case on the left of what looks without regard to case."""
        if lookup_type in _WITHOUT_CASE:
            return "LOWER(%s)"
        return str(super().lookup_cast(lookup_type, internal_type))


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection to MariaDB or MySQL."""

    operators = {
        **base.DatabaseWrapper.operators,
        **dict.fromkeys(_WITHOUT_CASE, "LIKE LOWER(%s)"),
    }
    SchemaEditorClass: Any = DatabaseSchemaEditor
    ops_class: Any = DatabaseOperations

    def get_connection_params(self) -> dict[str, Any]:
        """Django's, with our reading of moments."""
        found: dict[str, Any] = super().get_connection_params()
        found["conv"] = {**found["conv"], FIELD_TYPE.DATETIME: _moment, FIELD_TYPE.TIMESTAMP: _moment}
        return found
