"""Rehearsals: a takeover played against the running local stack over real SMTP and IMAP."""

from __future__ import annotations

import os
import sys

import click

from sekisho.cli.output import Refused
from sekisho.config import settings


@click.command()
@click.argument("scenario", type=click.Choice(["botnet", "blast", "intruder", "flood"]))
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON instead of telling the story.")
def rehearse(scenario: str, as_json: bool) -> int:
    """Play SCENARIO and count what happened from the third party's mailboxes and both queues.

    The exit code is 1 when a promise was broken or the count outside disagrees with our record.
    """
    from sekisho.rehearsal import CastError
    from sekisho.rehearsal.play import play

    try:
        with open(os.devnull, "w", encoding="utf-8") as nowhere:
            result = play(scenario, settings(), nowhere if as_json else sys.stdout)
    except CastError as error:
        raise Refused(str(error)) from None
    if as_json:
        click.echo(result.to_json())
    return 0 if result.good else 1
