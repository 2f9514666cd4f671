"""The countries a mailbox is kept to, and what else it is permitted, in sentences."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from sekisho.cli.output import actor, databases, local_time, print_json, say, tell


@click.command()
@click.argument("address")
@click.argument("codes", nargs=-1, metavar="[COUNTRY...]")
@click.option("--only-on-probation", is_flag=True, help="Only while the mailbox is on probation.")
@click.option("--clear", is_flag=True, help="From every country again.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def countries(address: str, codes: tuple[str, ...], only_on_probation: bool, clear: bool, as_json: bool) -> None:
    """Keep ADDRESS to these countries: logins and sending from elsewhere are refused. Without any: show them."""
    if clear and codes:
        raise click.UsageError(say("--clear goes without countries", "--clear と国は同時に指定できません"))
    with databases():
        from sekisho.cli.mailbox import find
        from sekisho.incidents import travel as places

        site = find(address)
        if codes or clear:
            places.set_countries(site.username, codes, actor(), datetime.now(UTC), only_on_probation=only_on_probation)
        pin = places.pin_of(site.username)
        if as_json:
            facts = {"countries": pin.countries, "only_on_probation": pin.only_on_probation} if pin else None
            print_json({"address": site.username, "countries": facts})
        elif pin is None:
            tell(f"{site.username} can be used from every country.", f"{site.username} は、どの国からも使えます。")
        else:
            tell_pin(pin.countries, only_on_probation=pin.only_on_probation)


def tell_pin(codes: list[str], *, only_on_probation: bool) -> None:
    """Prints the countries a mailbox is kept to."""
    listed = ", ".join(codes)
    if only_on_probation:
        tell(f"While on probation used only from: {listed}.", f"経過観察中は次の国からのみ使えます: {listed}")
    else:
        tell(f"Used only from: {listed}.", f"次の国からのみ使えます: {listed}")


def tell_permits(facts: dict[str, Any]) -> None:
    """Prints probation, allowance, passes and countries of a mailbox, as far as there are any (facts.mailbox_facts)."""
    if (found := facts["probation"]) is not None:
        tell(
            f"Probation: day {found['day']} of {found['days']}, {found['new_recipients']} of {found['limit']} "
            "new recipients within 24 hours.",
            f"経過観察: {found['days']}日中{found['day']}日目、"
            f"24時間の新しい宛先 {found['new_recipients']} / {found['limit']} 件",
        )
    if (watch := facts["close_watch"]) is not None:
        until, number = local_time(watch["until"]), watch["incident"]
        whose, whose_ja = ("", "") if watch["own"] else (", of a neighbour", "、同じドメイン")
        tell(
            f"On close watch until {until} (incident {number}{whose}).",
            f"{until} まで、特に注意して見守っています(インシデント {number}{whose_ja})。",
        )
    if (allowed := facts["allowance"]) is not None:
        tell(
            f"A mailing to {allowed['recipients']} new recipients is allowed until {local_time(allowed['until'])}.",
            f"{local_time(allowed['until'])} まで、新しい宛先 {allowed['recipients']} 件への送信を許可しています。",
        )
    for row in facts["travel"]:
        since, until = local_time(row["since"]), local_time(row["until"])
        tell(f"Travel pass: {row['country']}, {since} to {until}.", f"渡航設定: {row['country']}、{since} 〜 {until}")
    if facts["countries"]:
        tell_pin(facts["countries"]["countries"], only_on_probation=facts["countries"]["only_on_probation"])
