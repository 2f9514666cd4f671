"""`backup` and `restore`: one file with everything Sekisho knows, and the way back."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from sekisho.cli.doctor import as_json_finding
from sekisho.cli.mailbox import as_json_option
from sekisho.cli.output import Refused, actor, databases, local_time, print_json, say, tell
from sekisho.cli.verify import tell_findings
from sekisho.config import settings


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--check", is_flag=True, help="Write nothing; read FILE to its end and say whether it is whole.")
@click.option(
    "--with-secrets", is_flag=True, help="Also sekisho.toml and the keys it names. Keep that file locked away."
)
@as_json_option
def backup(file: str, check: bool, with_secrets: bool, as_json: bool) -> None:
    """Write everything Sekisho knows into FILE ("-": standard output) while all of it runs.

    The file names mailboxes and holds hashes of their passwords: mode 0600, keep it so.
    """
    if check:
        _check(Path(file), as_json)
        return
    with databases():
        from sekisho.incidents import audit
        from sekisho.keeping import databases as engines
        from sekisho.keeping.backup import write_backup

        target = None if file == "-" else Path(file).absolute()
        try:
            # In it: who made it.
            audit.record(actor(), "backup_made", details={"with_secrets": with_secrets})
            manifest = write_backup(settings(), target, with_secrets=with_secrets)
        except (OSError, sqlite3.Error, engines.DatabaseFailed) as error:
            raise Refused(say(f"no backup was made: {error}", f"バックアップを作成できませんでした: {error}")) from None
        if target is not None:
            _tell(manifest, as_json, f"{target}: ")


def _check(file: Path, as_json: bool) -> None:
    from sekisho.keeping import databases as engines
    from sekisho.keeping.archive import ArchiveError, unpacked

    try:
        with unpacked(file) as (staging, manifest):
            engines.check_dump(manifest.engine, staging)
            _tell(manifest, as_json, say("Whole. ", "正常です。"))
    except (ArchiveError, OSError, engines.DatabaseFailed) as error:
        raise Refused(say(f"{file} is no whole backup: {error}", f"{file} は壊れています: {error}")) from None


def facts_of(manifest: Any) -> dict[str, Any]:
    """What a backup says about itself, without its lists."""
    shut = sum(one.status in ("suspended", "restricted") for one in manifest.mailboxes.values())
    return {
        "taken_at": datetime.fromtimestamp(manifest.taken_at, UTC),
        "host": manifest.host,
        "program": manifest.program,
        "engine": manifest.engine,
        "with_secrets": manifest.with_secrets,
        "files": len(manifest.members),
        "bytes": sum(member.size for member in manifest.members.values()),
        "shut": shut,
    }


def _tell(manifest: Any, as_json: bool, before: str) -> None:
    facts = facts_of(manifest)
    if as_json:
        print_json(facts)
        return
    # With its zone: --check needs no configuration, and then knows the machine's zone only.
    at = f"{local_time(facts['taken_at'])} {facts['taken_at'].astimezone():%Z}"
    size = facts["bytes"] / 1e6
    tell(
        f"{before}{facts['host']}, {at}, {facts['files']} files, {size:.1f} MB unpacked, "
        f"{facts['shut']} mailboxes suspended or restricted.",
        f"{before}{facts['host']}、{at}、{facts['files']} ファイル、展開後 {size:.1f} MB、"
        f"停止・送信制限中 {facts['shut']} 件",
    )


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--replace", is_flag=True, help="There is a database already: put it aside and the backup in its place.")
@click.option(
    "--released",
    type=click.Choice(["ask", "shut", "open"]),
    default="ask",
    show_default=True,
    help="Mailboxes opened after the backup was made: stop and list them, shut them again, or leave them open.",
)
@as_json_option
def restore(file: str, replace: bool, released: str, as_json: bool) -> int:
    """Put the backup FILE in place, with guard, agent, worker and panel stopped. It opens no mailbox.

    What is shut now or was shut in the backup stays shut until an operator decides. Exit code: 0, 1 refused, 2 restored
    but not all agrees (sekisho verify).
    """
    with databases():
        from typing import cast

        from sekisho.keeping import databases as engines
        from sekisho.keeping import restore as room
        from sekisho.keeping.archive import ArchiveError, unpacked

        choice = cast(room.Released, released)
        try:
            with unpacked(Path(file), Path(settings().var)) as (staging, manifest):
                report = room.restore(settings(), staging, manifest, replace=replace, released=choice, actor=actor())
        except room.MustDecide as question:
            raise Refused(_question(question.mailboxes)) from None
        except (ArchiveError, OSError, engines.DatabaseFailed, room.RestoreRefused) as error:
            raise Refused(say(f"not restored: {error}", f"復元できませんでした: {error}")) from None
        return _tell_restored(report, as_json)


def _question(mailboxes: list[str]) -> str:
    lines = [
        say(
            "Nothing was changed. These mailboxes were suspended or restricted when the backup was made and have been "
            "opened since:",
            "まだ何も変更していません。次のメールアドレスは、バックアップの時点では停止・送信制限中でしたが、その後に再開されています:",
        ),
        *(f"  {mailbox}" for mailbox in mailboxes),
        say(
            "Say --released=open (they stay open, on probation) or --released=shut (shut again, they wait for you).",
            "--released=open (経過観察として開けておく) か --released=shut (もう一度停止する) を指定してください。",
        ),
    ]
    return "\n".join(lines)


def _tell_restored(report: Any, as_json: bool) -> int:
    from dataclasses import asdict

    from sekisho.keeping import verify

    found = verify.examine(settings(), running=False)
    if as_json:
        print_json({**asdict(report), "verify": [as_json_finding(one) for one in found]})
        return 2 if verify.is_bad(found) else 0
    tell(
        f"Restored. The former database is in {report.aside}.",
        f"復元しました。元のデータベースは {report.aside} にあります。",
    )
    for mailboxes, english, japanese in (
        (report.shut_in_both, "shut now and in the backup, stay shut", "現在もバックアップでも停止中 → 停止のまま"),
        (report.shut_here_only, "shut after the backup, stay shut", "バックアップ後に停止 → 停止のまま"),
        (report.shut_in_backup_only, "shut in the backup, stay shut", "バックアップの時点で停止中 → 停止のまま"),
        (
            report.released,
            f"opened after the backup: {report.released_became}",
            f"バックアップ後に再開 → {report.released_became}",
        ),
    ):
        for mailbox in mailboxes:
            click.echo(f"  {mailbox}: {say(english, japanese)}")
    if report.without_memory:
        tell(
            "This host remembers nothing: whatever was opened after the backup is shut again.",
            "このホストには以前の記録がないため、バックアップ後に再開されたものも停止に戻っています。",
        )
    if report.barrier_waits:
        tell(
            f"The barrier is NOT raised yet ({report.barrier_waits}): start the agent before Postfix and Dovecot.",
            f"遮断ファイルはまだ更新されていません ({report.barrier_waits})。"
            "Postfix と Dovecot より先に agent を起動してください。",
        )
    tell_findings(found)
    return 2 if verify.is_bad(found) else 0
