"""`sekisho profile`: what this host learnt of its mailboxes, for another host."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from sekisho.cli.output import Refused, print_json, tell
from sekisho.config import settings


@click.group()
def profile() -> None:
    """Carry profiles (what is usual for each mailbox) from one mail host to another."""


@profile.command()
@click.argument("file", type=click.Path(path_type=Path))
def export(file: Path) -> None:
    """Write this host's profiles into a new FILE; the guard may run. It names mailboxes: treat it as personal data."""
    from sekisho.guard import profile_exchange as room

    try:
        count = room.export(settings(), file)
    except room.ExchangeError as error:
        raise Refused(f"sekisho profile export: {error}") from None
    tell(f"{count} profiles written to {file}", f"{count} 件のプロファイルを {file} に書き出しました")


@profile.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def merge(file: Path, as_json: bool) -> None:
    """Join another host's exported FILE into this host's profiles (guard stopped). Doing it again changes nothing."""
    from sekisho.guard import profile_exchange as room
    from sekisho.guard.main import AlreadyRunning
    from sekisho.journal import RecordError

    try:
        counts = room.merge_file(settings(), file)
    except (AlreadyRunning, OSError, RecordError, room.ExchangeError) as error:
        raise Refused(f"sekisho profile merge: {error}") from None
    if as_json:
        print_json(asdict(counts))
        return
    tell(
        f"{counts.added} mailboxes are new here, {counts.changed} learnt something, {counts.unchanged} nothing new, "
        f"{counts.unreadable} could not be read.",
        f"新しいメールアドレス {counts.added} 件、追加で学習 {counts.changed} 件、変更なし {counts.unchanged} 件、"
        f"読み取り不可 {counts.unreadable} 件。",
    )
