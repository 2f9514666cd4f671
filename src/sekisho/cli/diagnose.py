"""`sekisho diagnose`: what is suspicious about a mail, from a file, or for whoever forwards one to us."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import BinaryIO

import click
import msgspec

from sekisho.cli.mailbox import as_json_option
from sekisho.cli.output import Refused, databases, in_japanese, print_json, say
from sekisho.config import settings

# sysexits.h, EX_TEMPFAIL: Postfix' pipe(8) keeps the mail and brings it again; any other number bounces it.
TRY_AGAIN = 75


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option("--sender", default="", help="The envelope sender: ${sender} of pipe(8).")
@click.option("--login", default="", help="The login that handed it in: ${sasl_username} of pipe(8).")
@click.option("--from-mta", is_flag=True, help="Answer the mail by mail; exit 0, or 75 to be asked again.")
@as_json_option
def diagnose(file: BinaryIO, sender: str, login: str, from_mta: bool, as_json: bool) -> int:
    """Say what is suspicious about the mail in FILE, "-" for standard input.

    Nothing is fetched, run or kept. With --from-mta the mails attached to FILE are looked at, and the answer goes to
    its envelope sender, if that is a mailbox here and has proved it (docs/diagnosis.md).
    """
    from sekisho.inbound import mail_reading

    # One octet more tells a mail that is too large from one that just fits.
    data = file.read(mail_reading.MOST_OCTETS + 1)
    if from_mta:
        return _from_mail_server(data, sender[:320], login[:320])
    return _for_a_person(data, as_json)


def _for_a_person(data: bytes, as_json: bool) -> int:
    from sekisho.inbound import diagnosis, diagnosis_texts, forwarded, mail_reading

    language = "ja" if in_japanese() else "en"
    with databases():
        from sekisho.inbound import answering

        ours = answering.ours_of(settings())
    try:
        found = diagnosis.diagnose(data, ours)
    except mail_reading.Unreadable as refusal:
        raise Refused(diagnosis_texts.in_language(diagnosis_texts.UNREADABLE[str(refusal)], language)) from None
    if as_json:
        print_json(msgspec.to_builtins(found))
    else:
        click.echo(forwarded.in_plain_text(found, language))
    return 0


def _from_mail_server(data: bytes, sender: str, login: str) -> int:
    """Nothing is bounced: to a stranger that would be an answer as well, and to his victims mail they never asked for.
    Whatever is wrong on our side, the mail waits in Postfix' queue."""
    try:
        if not settings().diagnosis.address:
            raise Refused(say("diagnosis.address is not set", "diagnosis.address が設定されていません"))
        with databases():
            from sekisho.inbound import answering, forwarded

            envelope = forwarded.Envelope(sender, login)
            outcome = answering.take(data, envelope, settings(), datetime.now(UTC))
    except Exception as error:
        # Robustness: database, disk, configuration, our own Postfix; the mail is safe in the queue.
        print(f"sekisho diagnose: {type(error).__name__}: {error}", file=sys.stderr)
        return TRY_AGAIN
    click.echo(outcome)
    return 0
