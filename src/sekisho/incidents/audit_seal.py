"""What keeps the audit log as it was written: each row's hash, and the database's own refusal to change or delete a row
(triggers for SQLite, PostgreSQL and MariaDB).

Only rows that an anchor further on says were removed may be deleted (audit_pruning): an anchor is a row of the log like
any other, so whoever deletes leaves a trace, and retention needs neither a moment without triggers nor a right to
change them.

The hash must give the same for ever, or all older rows look changed; a migration uses it. A migration that alters
the table on SQLite makes it anew, without its triggers: such a migration calls `seal` again. Who owns the database can
drop a trigger; `audit verify` then finds what was changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "incidents_audit"
REFUSAL = "the audit log is append-only"
ACTS = ("update", "delete")
# The verb of an anchor; its subject is the number of the last entry that was removed.
PRUNED = "audit_pruned"


def chain_hash(number: int, at: datetime, words: list[str], details: Any, account: int | None, previous: str) -> str:
    """SHA-256 over a row's content and the hash before it, as 64 hexadecimal digits."""
    moment = at.astimezone(UTC).isoformat(timespec="microseconds")
    said = [number, moment, *words, _plain(details), account, previous]
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """The value with its numbers as text: PostgreSQL's jsonb gives 1e22 back as a whole number."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{Decimal(str(value)).normalize():f}"
    return value


def seal(connection: BaseDatabaseWrapper) -> None:
    """Makes the triggers; does nothing where they are, or on another kind of database."""
    for act in ACTS:
        unseal(connection, act)
        for statement in _STATEMENTS.get(connection.vendor, ()):
            with connection.cursor() as cursor:
                cursor.execute(statement.format(act=act, act_upper=act.upper(), **_WORDS[act, connection.vendor]))


def unseal(connection: BaseDatabaseWrapper, act: str) -> None:
    """Takes one trigger away: for a migration that must fill a new column, and for tests that empty their tables."""
    on_table = f" ON {TABLE}" if connection.vendor == "postgresql" else ""
    if connection.vendor in _STATEMENTS:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TRIGGER IF EXISTS audit_no_{act}{on_table}")


@contextmanager
def opened(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """A transaction in which rows of the audit log may be changed: for an erasure. Nobody else can meanwhile, where
    triggers go and come with the transaction (SQLite, PostgreSQL); in MariaDB they do not, there it is a moment."""
    if connection.features.can_rollback_ddl:
        with transaction.atomic(using=connection.alias):
            unseal(connection, "update")
            yield
            seal(connection)
        return
    unseal(connection, "update")
    try:
        with transaction.atomic(using=connection.alias):
            yield
    finally:
        seal(connection)


def _words(act: str, vendor: str) -> dict[str, str]:
    """What differs: a changed row is refused always, a deleted one unless an anchor covers it."""
    whole = {"sqlite": "INTEGER", "postgresql": "BIGINT", "mysql": "UNSIGNED"}[vendor]
    # CASE, since nothing else says which condition is looked at first, and other rows' subjects are no numbers.
    anchored = (
        f"EXISTS (SELECT 1 FROM {TABLE} anchor WHERE anchor.verb = '{PRUNED}' AND anchor.number > OLD.number AND "  # noqa: S608 (constants)
        f"CASE WHEN anchor.verb = '{PRUNED}' THEN CAST(anchor.subject AS {whole}) END >= OLD.number)"
    )
    # PostgreSQL's function is one for both.
    by_act = "TG_OP = 'UPDATE' OR " if vendor == "postgresql" else ""
    refused = f"{by_act}NOT {anchored}" if act == "delete" or by_act else "1 = 1"
    return {"table": TABLE, "refusal": REFUSAL, "refused": refused}


_STATEMENTS = {
    "sqlite": (
        "CREATE TRIGGER audit_no_{act} BEFORE {act_upper} ON {table} WHEN {refused}"
        " BEGIN SELECT RAISE(ABORT, '{refusal}'); END",
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF {refused} THEN RAISE EXCEPTION '{refusal}'; END IF; RETURN OLD; END $$",
        "CREATE TRIGGER audit_no_{act} BEFORE {act_upper} ON {table} FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
    ),
    "mysql": (
        "CREATE TRIGGER audit_no_{act} BEFORE {act_upper} ON {table} FOR EACH ROW IF {refused} THEN"
        " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{refusal}'; END IF",
    ),
}
_WORDS = {(act, vendor): _words(act, vendor) for act in ACTS for vendor in _STATEMENTS}
