"""`sekisho migrate`: brings our own tables to this version. Run as the user `sekisho`, before the processes start."""

from __future__ import annotations

from pathlib import Path

import click

from sekisho.cli.output import Refused, databases, say, tell
from sekisho.config import settings


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit code 1 when something is to be done.")
def migrate(check: bool) -> int:
    """Make or update Sekisho's own tables (never the site's)."""
    if (path := Path(settings().database.name)).is_absolute():
        # SQLite: group-writable from the first moment, since root and our user share it.
        path.parent.mkdir(parents=True, exist_ok=True)
    with databases():
        from django.core.management import call_command
        from django.db import connection
        from django.db.migrations.executor import MigrationExecutor

        from sekisho.directory import schema

        if unknown := schema.look().unknown:
            raise Refused(
                say(
                    f"the database is newer than this program ({unknown[-1]}): nothing to do here, upgrade this host",
                    f"データベースがこのプログラムより新しい状態です ({unknown[-1]})。"
                    "このホストを新しい版にしてください",
                )
            )
        executor = MigrationExecutor(connection)
        due = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
        if not check and due:
            call_command("migrate", database="default", verbosity=0, interactive=False)
            if settings().database.engine == "sqlite":
                path.chmod(0o660)
    if check:
        tell(f"{due} changes of the tables are to be made", f"未適用のテーブル変更: {due} 件")
    else:
        tell(f"{due} changes of the tables made", f"テーブルの変更を {due} 件適用しました")
    return 1 if check and due else 0
