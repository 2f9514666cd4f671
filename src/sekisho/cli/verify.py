"""`verify`: do record, ledger, barrier, Dovecot, queue and the site's database agree?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sekisho.cli.doctor import SIGNS, as_json_finding
from sekisho.cli.mailbox import as_json_option
from sekisho.cli.output import actor, databases, in_japanese, print_json, say
from sekisho.config import settings

if TYPE_CHECKING:
    from sekisho.deploy.doctor import Finding


@click.command()
@click.option("--repair", is_flag=True, help="Do what is safe: it may shut more or show better, it opens nothing.")
@as_json_option
def verify(repair: bool, as_json: bool) -> int:
    """Do record, barrier, Dovecot, queue and the site's database agree? Exit code: 0 yes, 1 warnings, 2 no."""
    with databases():
        from sekisho.deploy.doctor import worst
        from sekisho.keeping import verify as room

        done = room.repair(settings(), actor()) if repair else []
        found = room.examine(settings())
        if as_json:
            print_json({"repaired": done, "checks": [as_json_finding(one) for one in found]})
            return int(worst(found))
        for line in done:
            click.echo(say("repaired: ", "修復: ") + line)
        tell_findings(found)
        return int(worst(found))


def tell_findings(found: list[Finding]) -> None:
    """A line for each check, what to do below one that is not well."""
    language = int(in_japanese())
    for one in found:
        click.echo(f"{SIGNS[one.verdict][language]:5} {one.name}: {one.evidence[language]}")
        if one.repair[language] and one.verdict:
            click.echo(f"      -> {one.repair[language]}")
