"""`audit list`, `audit verify`, `audit export`: the log of who did what, and whether it is as it was written."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from sekisho.cli.enforcement import Span
from sekisho.cli.mailbox import as_json_option
from sekisho.cli.output import Refused, databases, local_time, print_json, print_table, say, tell

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from sekisho.incidents.models import Audit

# Lines of a terminal's history; --limit shows more.
SHOWN = 50
WHY = {
    "changed": ("its content was changed", "内容が書き換えられています"),
    "missing": ("it is missing", "行がありません"),
    "not chained": ("it does not follow the row before", "前の行とつながっていません"),
    "added": ("it was added past the end of the chain", "正しい手順によらず追加されています"),
    "cut off": ("the log was cut off before it", "これ以降の行が失われています"),
}


@click.group()
def audit() -> None:
    """The audit log: who did what, when, and where it came in."""


def _found(query: str, verb: str, domain: str, span: timedelta | None) -> QuerySet[Audit]:
    from django.utils import timezone

    from sekisho.incidents import audit as log
    from sekisho.incidents.models import Audit

    rows = Audit.objects.order_by("-number")
    if domain:
        rows = rows.filter(domain=domain.strip().lower())
    return log.search(rows, query, verb=verb, since=timezone.now() - span if span else None)


@audit.command("list")
@click.argument("query", required=False, default="")
@click.option("--verb", default="", help="Only this verb, e.g. suspended.")
@click.option("--domain", default="", help="Only what concerns this domain.")
@click.option("--since", "span", type=Span(), help="Only the last 1h, 30m, 2d.")
@click.option("--limit", type=click.IntRange(min=1), default=SHOWN, show_default=True)
@as_json_option
def list_(query: str, verb: str, domain: str, span: timedelta | None, limit: int, as_json: bool) -> None:
    """List acts, newest first; QUERY is words of actor, object, verb or domain."""
    with databases():
        from sekisho.incidents.audit import audit_facts

        rows = [audit_facts(row) for row in _found(query, verb, domain, span)[:limit]]
        if as_json:
            print_json(rows)
            return
        titles = ["#", say("at", "日時"), say("actor", "実行者"), say("via", "経路"), say("verb", "操作")]
        cells = [
            [row["number"], local_time(row["at"]), row["actor"], row["via"], row["verb"], row["subject"]]
            for row in rows
        ]
        print_table([*titles, say("object", "対象")], cells)


@audit.command()
@as_json_option
def verify(as_json: bool) -> None:
    """Check the whole chain; name the first row that is not as it was written.

    Keep the head it prints somewhere else: the log of a database that was made anew as a whole ends in another one.
    """
    with databases():
        from sekisho.incidents import audit as log

        verdict = log.verify()
        if as_json:
            print_json(asdict(verdict))
        elif verdict.broken is None:
            tell(f"{verdict.rows} rows, all as they were written.", f"{verdict.rows} 行、すべて記録時のままです。")
            if verdict.removed:
                first, on = verdict.removed + 1, local_time(verdict.removed_at)
                tell(
                    f"Verified from entry {first} ({verdict.removed} older entries were removed by retention, the last "
                    f"of them on {on} by {verdict.removed_by}).",
                    f"{first} 番以降を検査しました(それより古い {verdict.removed} 件は保存期間を過ぎたため削除済み。"
                    f"最後の削除: {on}、{verdict.removed_by})。",
                )
            if verdict.erased:
                tell(
                    f"{verdict.erased} of them were erased; the chain says by which row, and their hashes are kept.",
                    f"うち {verdict.erased} 行は個人を特定する内容を消去済みです(消去の記録とハッシュは残っています)。",
                )
            tell(f"Head: {verdict.head or '-'}", f"末尾: {verdict.head or '-'}")
        if verdict.broken is not None:
            english, japanese = WHY[verdict.broken.why]
            number = verdict.broken.row
            raise Refused(say(f"broken at row {number}: {english}", f"{number} 行目で壊れています: {japanese}"))


@audit.command()
@click.argument("query", required=False, default="")
@click.option("--verb", default="", help="Only this verb.")
@click.option("--domain", default="", help="Only what concerns this domain.")
@click.option("--since", "span", type=Span(), help="Only the last 1h, 30m, 2d.")
def export(query: str, verb: str, domain: str, span: timedelta | None) -> None:
    """Write the log as CSV to standard output, oldest first; cells that a spreadsheet would calculate begin with '."""
    with databases():
        from sekisho.incidents.audit import csv_lines

        rows = _found(query, verb, domain, span).order_by("number")
        for line in csv_lines(rows.iterator(chunk_size=2000)):
            sys.stdout.write(line)
