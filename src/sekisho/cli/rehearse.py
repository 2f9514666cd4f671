"""Rehearsals: a takeover played against the running local stack over real SMTP and IMAP."""

from __future__ import annotations

import click

from sekisho.config import settings


@click.command()
@click.argument("scenario", type=click.Choice(["botnet", "blast", "intruder", "flood"]))
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def rehearse(scenario: str, as_json: bool) -> int:
    """Play SCENARIO and count what happened from the third party's mailboxes and both queues."""
    from sekisho.cli.output import databases, print_json

    with databases():
        from sekisho.rehearsal import play

        result = play(scenario, settings(), (lambda _: None) if as_json else click.echo)
        if as_json:
            print_json(result.as_dict())
        return 0 if result.agrees else 1
