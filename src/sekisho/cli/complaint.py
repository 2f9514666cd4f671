"""`sekisho complaint`: takes a feedback report (ARF, RFC 5965) from a file, or from the mail server's pipe."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO

import click

from sekisho.cli.mailbox import as_json_option
from sekisho.cli.output import Refused, databases, print_json, say
from sekisho.config import settings
from sekisho.wire import WireError
from sekisho.wire.feedback_report import MAX_REPORT, FeedbackReport, parse_report

if TYPE_CHECKING:
    from sekisho.incidents.complaints import Taken

# sysexits.h, EX_TEMPFAIL: Postfix' pipe(8) keeps the report and brings it again; any other number bounces it.
TRY_AGAIN = 75

OUTCOMES = {
    "counted": ("a complaint about {}, handed to the guard", "{} に対する通報として記録し、判定に加えました"),
    "repeated": (
        "{}: this message was reported before, it counts once",
        "{}: このメールは通報済みのため、重ねて数えません",
    ),
    "forgeable": (
        "{}: kept, but it counts nothing: nobody listed in complaints.reporters brought it",
        "{}: 記録しましたが、complaints.reporters にない送り手のため判定には使いません",
    ),
    "untied": (
        "it names no message that a login of ours handed in; it counts nothing",
        "このサーバーから送信されたメールと結び付かないため、判定には使いません",
    ),
    "harmless": ("it calls nothing unwanted (see its Feedback-Type)", "迷惑メールの通報ではありません(Feedback-Type)"),
}


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option("--client-address", default="", help="The client that brought it: ${client_address} of pipe(8).")
@click.option("--client-name", default="", help="Its verified name: ${client_hostname} of pipe(8).")
@click.option("--from-mta", is_flag=True, help="Exit 0 when taken or of no use, 75 to be asked again; print little.")
@as_json_option
def complaint(file: BinaryIO, client_address: str, client_name: str, from_mta: bool, as_json: bool) -> int:
    """Take a feedback report from FILE, "-" for standard input.

    It counts only if it names a message that we accepted from a login, and a client listed in complaints.reporters
    brought it (docs/complaints.md).
    """
    client = client_address[:45], client_name[:255]
    if from_mta:
        return _from_mail_server(file, client)
    taken = _take(_read(file), client)
    if as_json:
        print_json({name: getattr(taken, name) for name in taken.__struct_fields__})
    else:
        click.echo(_sentence(taken))
    return 0


def _read(file: BinaryIO) -> FeedbackReport:
    try:
        return parse_report(file.read(MAX_REPORT))
    except WireError as error:
        raise Refused(str(error)) from None


def _take(report: FeedbackReport, client: tuple[str, str]) -> Taken:
    with databases():
        from sekisho.incidents import complaints

        return complaints.take(report, complaints.Client(*client), settings(), datetime.now(UTC))


def _sentence(taken: Taken) -> str:
    return say(*OUTCOMES[taken.outcome]).format(taken.mailbox)


def _from_mail_server(file: BinaryIO, client: tuple[str, str]) -> int:
    """What must be tried again is said by the exit status; a report that cannot be used is gone, for nothing of ours
    bounces to somebody who meant to help."""
    try:
        report = parse_report(file.read(MAX_REPORT))
    except WireError as error:
        click.echo(f"not used: {error}")
        return 0
    try:
        click.echo(_sentence(_take(report, client)))
    except Exception as error:
        # Robustness: whatever is wrong here (database, disk, configuration), the report is safe in the mail queue.
        print(f"sekisho complaint: {error}", file=sys.stderr)
        return TRY_AGAIN
    return 0
