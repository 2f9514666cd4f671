"""Rehearsals: a takeover played against the running local stack over real SMTP and IMAP."""

from __future__ import annotations

import click

from sekisho.cli.output import Refused, print_json
from sekisho.config import settings

# As in rehearsal.SCENARIOS (a test compares); written out, because importing the rehearsals costs every verb a second.
_NAMES = (
    "botnet", "blast", "intruder", "flood", "home_botnet", "drip", "forward", "own_pc", "newsletter", "traveller",
)  # fmt: skip


@click.command()
@click.argument("scenario", type=click.Choice(_NAMES))
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON; the story goes to standard error.")
@click.option("--lang", type=click.Choice(["ja", "en"]), default=None, help="Language of the story.")
def rehearse(scenario: str, as_json: bool, lang: str | None) -> int:
    """Play SCENARIO and count what happened from the third party's mailboxes and both queues.

    The exit code is 1 when a promise was broken or the count outside disagrees with our record.
    """
    from sekisho.rehearsal import CastError, play

    try:
        # A rehearsal lasts a minute or two: it must not look dead meanwhile.
        result = play(scenario, settings(), lambda line: click.echo(line, err=as_json), language=lang or "")
    except CastError as refusal:
        raise Refused(str(refusal)) from None
    if as_json:
        print_json(result.as_dict())
    return 0 if result.agrees else 1
