"""How others see this host: blocklists, and what was done about a listing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from sekisho.cli.mailbox import as_json_option
from sekisho.cli.output import Refused, actor, databases, local_time, print_json, print_table, say, tell


@click.group()
def reputation() -> None:
    """How others see this mail host: blocklists (docs/harm-watch.md)."""


@reputation.command("show")
@as_json_option
def show(as_json: bool) -> None:
    """Show listings that stand, what each list's own test said, and whether the lists are asked at all."""
    with databases():
        from sekisho.impact.reputation import reputation_facts

        found = reputation_facts(datetime.now(UTC))
    if as_json:
        print_json(found)
        return
    _tell(found)


def _tell(found: dict[str, Any]) -> None:
    if not found["blocklists"]["asked"]:
        tell(
            "Blocklists are not asked (harm_watch.blocklists).",
            "ブロックリストは確認していません (harm_watch.blocklists)。",
        )
    rows = found["blocklists"]["listings"]
    if not rows:
        tell("No list names us.", "載っているブロックリストはありません。")
    else:
        titles = ("#", say("Subject", "対象"), say("List", "リスト"), say("Since", "初回"), say("Asked", "申請"))
        print_table(
            titles,
            [
                (row["number"], row["subject"], row["list"], local_time(row["first_at"]), local_time(row["asked_at"]))
                for row in rows
            ],
        )
        for row in rows:
            click.echo(f"\n{row['list_name']} ({row['subject']}): " + say(row["steps"]["en"], row["steps"]["ja"]))
            if row["form"]:
                click.echo(row["form"])
    for row in found["receivers"]:
        if row["now"]["refused_57"] or row["now"]["deferred_47"]:
            name, share = row["name"] or say("others", "その他"), 100 * row["now"]["share"]
            tell(
                f"{name}: {share:.1f} % refused or put off within three days.",
                f"{name}: 3日間に {share:.1f} % が拒否または保留されました。",
            )
    for row in found["incidents"]:
        answer = {True: say("yes", "はい"), False: say("no", "いいえ"), None: say("unknown", "不明")}[row["is_normal"]]
        reasons = f" ({', '.join(row['reasons'])})" if row["reasons"] else ""
        tell(
            f"Back to normal since incident {row['incident']}: {answer}{reasons}",
            f"インシデント {row['incident']} の前の状態に戻ったか: {answer}{reasons}",
        )
    for row in found["blocklists"]["lists"]:
        if row["verdict"] != "works":
            click.echo(f"{row['list']} ({row['kind']}): {row['verdict']}", err=True)


@reputation.command("asked")
@click.argument("number", type=int)
@click.option("--undo", is_flag=True, help="Nobody has asked after all.")
def asked(number: int, undo: bool) -> None:
    """Note that the list of listing NUMBER was asked for removal."""
    with databases():
        from sekisho.impact import listings
        from sekisho.impact.models import Listing

        row = Listing.objects.filter(pk=number, gone_at=None).first()
        if row is None:
            raise Refused(say(f"there is no open listing {number}", f"掲載 {number} はありません"))
        listings.note_asked(row, not undo, actor(), datetime.now(UTC))
    if undo:
        tell("Noted: nobody has asked.", "申請していないことにしました。")
    else:
        tell(
            f"Noted: {row.zone} was asked about {row.subject}.",
            f"{row.zone} へ {row.subject} の解除を申請したことを記録しました。",
        )
