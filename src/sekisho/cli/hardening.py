"""Hardening advice of a mailbox or a domain, ticked off by facts."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from sekisho.cli.mailbox import as_json_option, find
from sekisho.cli.output import Refused, databases, local_time, print_json, print_table, say


@click.command()
@click.argument("name")
@as_json_option
def hardening(name: str, as_json: bool) -> None:
    """Show what makes the next takeover of NAME (an address or a domain) harder, and what of it is done."""
    with databases():
        from sekisho.directory.models import SiteDomain
        from sekisho.recovery import hardening as room

        if "@" in name:
            items = room.of_mailbox(find(name), datetime.now(UTC))
        elif SiteDomain.objects.filter(domain=name.lower()).exists():
            items = room.of_domain(name.lower())
        else:
            raise Refused(say(f"there is no domain {name}", f"ドメイン {name} はありません"))
        facts = room.item_facts(items)
    if as_json:
        print_json({"name": name.lower(), "items": facts})
        return
    print_table(
        (say("Item", "項目"), say("Done", "完了"), say("Since", "日時"), say("Left", "残り")),
        [
            (
                row["name"],
                say("yes", "はい") if row["done"] else say("no", "いいえ"),
                local_time(row["at"]),
                "" if row["left"] is None else f"{row['left']}/{row['total']}",
            )
            for row in facts
        ],
    )
