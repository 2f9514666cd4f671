"""Do our tables fit this program? During an upgrade two versions run side by side on one database (docs/upgrade.md).

Tables that are *behind* lack what the program asks for: it does not start. Tables that are *ahead* (a newer version has
migrated them) serve the version before as well, since a migration only adds; only one whose name says `contract` takes
something away, and a program that does not know such a migration does not start.
"""

from __future__ import annotations

from typing import NamedTuple

from django.db import connection
from django.db.migrations.loader import MigrationLoader

OUR_APPS = ("directory", "incidents", "recovery", "impact", "web")
# In the name of a migration that takes away what an older version still uses, as in 0031_contract_old_limit.
CONTRACT = "contract_"


class SchemaMismatch(Exception):
    """This program cannot work on these tables; the text says which one is older and what to do."""


class Schema(NamedTuple):
    """Migrations ("app.name") that the tables lack, and those that this program does not know, sorted."""

    due: list[str]
    unknown: list[str]

    @property
    def broken_by(self) -> list[str]:
        """Unknown migrations that took something away."""
        return [name for name in self.unknown if CONTRACT in name]


def look() -> Schema:
    """Compares the database with the migrations of this program; raises django.db.Error."""
    loader = MigrationLoader(connection)
    known, applied = set(loader.disk_migrations or ()), set(loader.applied_migrations or ())
    due = [key for key in known - applied if key[0] in OUR_APPS]
    unknown = [key for key in applied - known if key[0] in OUR_APPS]
    return Schema(sorted(map(".".join, due)), sorted(map(".".join, unknown)))


def require_fitting() -> Schema:
    """What `look` found, if this program can work with it; raises SchemaMismatch, or django.db.Error."""
    found = look()
    if found.broken_by:
        raise SchemaMismatch(
            f"the database belongs to a newer Sekisho ({found.broken_by[0]} took away what this version uses): "
            "install the newer version, or restore a backup of this one"
        )
    if found.due:
        raise SchemaMismatch(
            f"the database is older than this Sekisho ({len(found.due)} changes of the tables are due): "
            "run `sekisho migrate` first"
        )
    return found


def alarm(found: Schema) -> tuple[str, str] | None:
    """What `status` says about it, in English and Japanese; None when both are of one version."""
    if found.broken_by:
        return (
            f"the database is newer than this program, which cannot work with it any more ({found.broken_by[0]})",
            f"データベースがこのプログラムより新しく、このままでは動作できません ({found.broken_by[0]})",
        )
    if found.unknown:
        return (
            "the database is newer than this program; it works on, but bring this host to the newer version",
            "データベースがこのプログラムより新しい状態です。動作は続きますが、このホストも新しい版にしてください",
        )
    if found.due:
        return (
            f"the database is older than this program: {len(found.due)} changes are due (sekisho migrate)",
            f"データベースがこのプログラムより古い状態です。未適用の変更 {len(found.due)} 件 (sekisho migrate)",
        )
    return None
