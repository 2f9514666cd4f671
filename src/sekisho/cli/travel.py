"""Travel passes: countries that count as known for a time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from sekisho.cli.mailbox import as_json_option, find
from sekisho.cli.output import Refused, actor, databases, local_time, print_json, print_table, say, tell


@click.group()
def travel() -> None:
    """Journeys told in advance: a country counts as known for some days."""


def _rows(addresses: list[str]) -> list[dict[str, Any]]:
    from sekisho.directory.models import TravelPass

    found = TravelPass.objects.filter(until__gt=datetime.now(UTC)).order_by("mailbox", "since")
    if addresses:
        found = found.filter(mailbox__in=addresses)
    return [
        {"address": row.mailbox, "country": row.country, "since": row.since, "until": row.until, "by": row.actor}
        for row in found
    ]


@travel.command("add")
@click.argument("address")
@click.argument("country")
@click.option("--days", type=int, required=True, help="For how many days.")
@click.option("--from", "since", type=click.DateTime(["%Y-%m-%d"]), help="First day (default: now).")
@as_json_option
def add(address: str, country: str, days: int, since: datetime | None, as_json: bool) -> None:
    """Let COUNTRY (two letters, such as TH) count as known to ADDRESS; everything else is judged as always."""
    with databases():
        from sekisho.incidents import travel as passes

        site, now = find(address), datetime.now(UTC)
        first = since.astimezone() if since else now
        if first < now and since is not None and since.date() < datetime.now().date():  # noqa: DTZ005
            raise Refused(say("the first day has passed", "開始日がすでに過ぎています"))
        row = passes.open_country(site.username, country, days, actor(), now, since=max(first, now))
        if as_json:
            print_json(_rows([site.username]))
        else:
            tell(
                f"{row.country} counts as known to {site.username} until {local_time(row.until)}.",
                f"{local_time(row.until)} まで、{site.username} の {row.country} からの利用を通常とみなします。",
            )


@travel.command("list")
@click.argument("address", required=False)
@as_json_option
def list_(address: str | None, as_json: bool) -> None:
    """List travel passes that have not ended, of ADDRESS or of all."""
    with databases():
        rows = _rows([find(address).username] if address else [])
        if as_json:
            print_json(rows)
            return
        titles = [say("mailbox", "メールアドレス"), say("country", "国"), say("from", "開始"), say("until", "終了")]
        cells = [[row["address"], row["country"], local_time(row["since"]), local_time(row["until"])] for row in rows]
        print_table(titles, cells)


@travel.command("remove")
@click.argument("address")
@click.argument("country")
def remove(address: str, country: str) -> None:
    """Take the pass of ADDRESS for COUNTRY back."""
    with databases():
        from sekisho.incidents import travel as passes

        site = find(address)
        passes.close_country(site.username, country, actor(), datetime.now(UTC))
        tell(f"The travel pass of {site.username} is taken back.", f"{site.username} の渡航設定を取り消しました。")
