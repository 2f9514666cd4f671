"""What is usual for a mailbox, as `sekisho explain` says it."""

from __future__ import annotations

import click

from sekisho.cli.output import in_japanese, local_time, say


def tell_usual(mailbox: str) -> None:
    """Prints what is usual for the mailbox and when its guard said so; nothing while none has."""
    from sekisho.incidents.usual import usual_words

    words = usual_words(mailbox, "ja" if in_japanese() else "en")
    if words is not None:
        click.echo(f"{words.text} {say(f'(as of {local_time(words.at)})', f'({local_time(words.at)} 時点)')}")
