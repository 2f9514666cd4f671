"""Settings an intruder may have planted: list and decide (`incident planted`), look now (`settings look`)."""

from __future__ import annotations

from typing import Any

import click

from sekisho.cli.mailbox import as_json_option
from sekisho.cli.output import Refused, actor, databases, local_time, print_json, say, tell

KINDS = {
    "forward": ("forward", "転送"),
    "catch_all": ("catch-all of the domain", "ドメインのキャッチオール"),
    "vacation": ("automatic answer", "自動応答"),
    "fetchmail": ("mail fetched from elsewhere", "外部からのメール取り込み"),
    "script": ("mail filter", "振り分けルール"),
}
STATES = {
    "found": ("being switched off", "無効化中"),
    "frozen": ("switched off, to be decided", "無効化済み、未決定"),
    "listed": ("left as it is, to be decided", "そのまま、未決定"),
    "to_keep": ("being put back", "戻しています"),
    "to_delete": ("being deleted", "削除しています"),
    "kept": ("kept", "残しました"),
    "deleted": ("deleted", "削除しました"),
}


@click.group()
def settings() -> None:
    """Forwards, filters, automatic answers and fetchmail jobs of mailboxes."""


@settings.command()
@as_json_option
def look(as_json: bool) -> None:
    """Look at everybody's forwards, automatic answers and fetchmail jobs now, not only once a day.

    What a look has seen before an incident is the owner's. Mail filters are looked at after each change.
    """
    with databases():
        from django.utils import timezone

        from sekisho.incidents.setting_looks import look_at_tables

        seen = look_at_tables(timezone.now())
        if as_json:
            print_json({"seen": seen})
        else:
            tell(f"{seen} settings seen.", f"設定 {seen} 件を確認しました。")


@click.command()
@click.argument("number", type=int)
@click.option("--keep", "kept", type=int, multiple=True, metavar="ITEM", help="Keep this item: it is put back.")
@click.option("--delete", "deleted", type=int, multiple=True, metavar="ITEM", help="Delete this item for good.")
@as_json_option
def planted(number: int, kept: tuple[int, ...], deleted: tuple[int, ...], as_json: bool) -> None:
    """List the settings of incident NUMBER that nobody vouches for, and keep or delete them."""
    with databases():
        from sekisho.incidents import planted as rows
        from sekisho.incidents.models import Incident

        incident = Incident.objects.filter(pk=number).first()
        if incident is None:
            raise Refused(say(f"there is no incident {number}", f"インシデント {number} はありません"))
        chosen = [*((item, True) for item in kept), *((item, False) for item in deleted)]
        found = {item_id: rows.item_of(incident, item_id) for item_id, _ in chosen}
        for item_id, item in found.items():
            if item is None:
                raise Refused(say(f"incident {number} has no item {item_id}", f"項目 {item_id} はありません"))
        for item_id, keep in chosen:
            item = found[item_id]
            if item is not None:
                rows.decide(item, keep, actor())
        facts = rows.planted_facts(incident)
        if as_json:
            print_json(facts)
        else:
            tell_planted(facts)


def tell_planted(facts: list[dict[str, Any]]) -> None:
    """Prints the items of an incident, a line each."""
    if not facts:
        tell("No setting is newer than the first sign.", "最初の兆候より後に加えられた設定はありません。")
    for item in facts:
        kind, state = say(*KINDS[item["kind"]]), say(*STATES[item["state"]])
        click.echo(f"  {item['id']}  {kind}: {item['name']}  [{state}]  {_age(item)}")


def _age(item: dict[str, Any]) -> str:
    if item["absent_at"]:
        day = local_time(item["absent_at"])
        return say(f"not there on {day}", f"{day} の時点ではありませんでした")
    if item["known_since"]:
        day = local_time(item["known_since"])
        return say(f"first seen {day}", f"{day} に初めて確認")
    return say("of unknown age", "いつからあるか不明")
