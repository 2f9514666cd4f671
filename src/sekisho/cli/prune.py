"""`prune` and `domain retention`: what has been kept long enough goes."""

from __future__ import annotations

from collections import Counter

import click

from sekisho.cli.mailbox import as_json_option
from sekisho.cli.output import actor, databases, print_json, print_table, say, tell
from sekisho.config import settings


@click.command()
@click.option("--dry-run", is_flag=True, help="Remove nothing; show how much would go.")
@as_json_option
def prune(dry_run: bool, as_json: bool) -> None:
    """Remove what was kept longer than [retention] says; the worker does so every day by itself."""
    with databases():
        from django.utils import timezone

        from sekisho.incidents import audit_pruning, old_segments, retention

        now, days = timezone.now(), settings().retention
        rows = retention.count(days, now)
        segments = len(old_segments.due(settings(), now))
        entries = audit_pruning.count(days.audit_days, now)
        if not dry_run:
            removed: Counter[tuple[str, str]] = Counter()
            for kind, domain, number in retention.batches(days, now):
                removed[kind, domain] += number
            rows = [{**row, "rows": removed[row["kind"], row["domain"]]} for row in rows]
            segments = old_segments.remove(settings(), now)
            entries = sum(audit_pruning.batches(days.audit_days, now, actor()))
        rows.append({"kind": "journal_segments", "domain": "", "days": days.journal_days, "rows": segments})
        rows.append({"kind": "audit", "domain": "", "days": days.audit_days, "rows": entries})
        if as_json:
            print_json({"dry_run": dry_run, "rows": rows})
            return
        titles = [say("kind", "種類"), say("domain", "ドメイン"), say("kept for days", "保存日数")]
        titles.append(say("would go", "削除予定") if dry_run else say("removed", "削除"))
        print_table(titles, [[row["kind"], row["domain"], row["days"], row["rows"]] for row in rows])


@click.command("retention")
@click.argument("name", metavar="DOMAIN")
@click.argument("kind", required=False, default="")
@click.argument("days", required=False, default="", metavar="DAYS|default")
@as_json_option
def domain_retention(name: str, kind: str, days: str, as_json: bool) -> None:
    """Show how long rows of DOMAIN's mailboxes are kept, or keep a KIND for DAYS or as the host does."""
    if kind and days != "default" and not days.isdecimal():
        raise click.UsageError(say("DAYS is a number or default", "日数または default を指定してください"))
    with databases():
        from sekisho.incidents import retention

        name = name.strip().lower()
        if kind:
            retention.set_rule(name, kind, None if days == "default" else int(days), actor())
        own = retention.rules_of(name)
        kinds = [one for one in retention.KINDS if one not in retention.SETTING_OF]
        rows = [
            {"kind": one, "days": own.get(one, retention.days_of(settings().retention, one)), "own": one in own}
            for one in kinds
        ]
        if as_json:
            print_json({"domain": name, "retention": rows})
            return
        tell(f"{name} keeps:", f"{name} の保存日数:")
        titles = [say("kind", "種類"), say("days", "日数"), say("own rule", "独自の設定")]
        print_table(titles, [[row["kind"], row["days"], say("yes", "あり") if row["own"] else ""] for row in rows])
