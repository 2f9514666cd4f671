"""The processes: `up` (the local stack), `guard`, `agent`, `worker`, `web`; and the engine on events or old logs."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from sekisho.cli.output import Refused, in_japanese, local_time, print_json, say, tell
from sekisho.cli.words import ACTIONS
from sekisho.config import settings

if TYPE_CHECKING:
    from sekisho.guard.replay import Decided, Summary

# Sentences of evidence shown with a decision; the strongest come first, the rest is in --json.
TOP_SENTENCES = 3


def _begin_log(process: str) -> None:
    from sekisho import log_lines
    from sekisho.config.known_secrets import known_secrets

    found = settings()
    log_lines.begin(process, found.log.format, known_secrets(found))


@click.command()
def guard() -> int:
    """Answer Postfix and Dovecot, judge, write journal and spool (needs no rights)."""
    from sekisho.guard import main as room

    _begin_log("guard")
    return room.run(settings())


@click.command()
def agent() -> int:
    """Keep the barrier and carry out orders on this mail host (root)."""
    from sekisho.directory.start import start_django

    _begin_log("agent")
    start_django()
    from sekisho.containment import agent as room

    return room.run(settings())


def _tables_fit() -> bool:
    """Whether worker and panel can work on the database as it is; without its answer they start and wait for it."""
    import logging

    from django.db import DatabaseError

    from sekisho.directory import schema

    log = logging.getLogger("sekisho")
    try:
        if schema.require_fitting().unknown:
            log.warning("the database is newer than this program; it works on, as the version before may")
    except schema.SchemaMismatch as error:
        log.error("%s", error)
        return False
    except DatabaseError as error:
        log.warning("the database does not answer yet: %s", error)
    return True


@click.command()
def worker() -> int:
    """Take journal and spool into the database, send notices (needs no rights)."""
    from sekisho.directory.start import start_django

    _begin_log("worker")
    start_django()
    if not _tables_fit():
        return 1
    from sekisho.impact import reputation
    from sekisho.impact.blocklist_watch import BlocklistWatch
    from sekisho.incidents import worker as room
    from sekisho.recovery.duties import Duties

    return room.run(settings(), [Duties(), BlocklistWatch(settings())], [reputation.families])


@click.command()
def web() -> int:
    """Serve the panel."""
    from sekisho.directory.start import start_django
    from sekisho.web import server as room

    _begin_log("web")
    start_django()
    if not _tables_fit():
        return 1
    from django.db import connections

    # The panel forks: its processes must not share a connection.
    connections.close_all()
    return room.run(settings())


@click.command()
@click.argument("events", type=click.Path(dir_okay=False, allow_dash=True))
def learn(events: str) -> int:
    """Feed a history of EVENTS (JSON lines) through the engine and write the profiles of its mailboxes."""
    from sekisho.guard import learn as room

    return room.run(events)


@click.command()
@click.argument("events", type=click.Path(dir_okay=False, allow_dash=True))
def evaluate(events: str) -> int:
    """Run the engine over EVENTS (JSON lines, "-" for standard input); prints its decisions as JSON lines."""
    from sekisho.guard import evaluate as room

    return room.run(events)


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@click.option("--year", type=click.IntRange(1990, 9998), help="Year of the first stamps that have none.")
@click.option(
    "--address-data",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    help="Address data (docs/address-data.md); may be given twice. Without it, what Debian's packages brought.",
)
@click.option("--learn", "learning", is_flag=True, help="Judge nothing, learn into this installation's profiles.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def replay(
    files: tuple[str, ...], year: int | None, address_data: tuple[str, ...], learning: bool, as_json: bool
) -> None:
    """Read old mail logs (Postfix, Dovecot; text or journal, also compressed) and show what Sekisho would have done."""
    from sekisho.detection import HostTables
    from sekisho.guard import replay as room
    from sekisho.guard.learn import learn_logs
    from sekisho.guard.log_archive import open_archive
    from sekisho.guard.main import AlreadyRunning
    from sekisho.guard.places import read_places
    from sekisho.guard.profiles import Profiles
    from sekisho.journal import RecordError

    site = settings() if learning else None
    known = site.guard if site else None
    places = read_places(address_data or (known.address_data if known else ""), known.own_networks if known else ())
    checkpoint = room.Onlooker(Profiles({}), HostTables(), places)
    try:
        logs = open_archive(files, year)
        # Shown on a terminal only; click hides it elsewhere.
        with click.progressbar(length=sum(log.size for log in logs), file=sys.stderr) as bar:
            summary = learn_logs(logs, site, places, bar.update) if site else room.replay(logs, checkpoint, bar.update)
    except (AlreadyRunning, OSError, RecordError) as error:
        raise Refused(f"sekisho replay: {error}") from None
    if as_json:
        print_json({"decisions": [_decided_json(found) for found in checkpoint.decided], "summary": _summary(summary)})
        return
    for found in checkpoint.decided:
        _tell_decided(found)
    _tell_summary(summary)


def _decided_json(found: Decided) -> dict[str, object]:
    record = found.record
    return {
        "at": datetime.fromtimestamp(record.t, UTC),
        "mailbox": record.mailbox,
        "action": record.action,
        "limit": record.limit,
        "enforced": record.enforced,
        "score": record.score,
        "ip": record.ip,
        "indicators": [
            {"name": sign.name, "value": sign.value, "ja": sign.evidence_ja, "en": sign.evidence_en}
            for sign in record.indicators
        ],
        "messages_after": found.messages_after,
        "recipients_after": found.recipients_after,
    }


def _tell_decided(found: Decided) -> None:
    record, messages, recipients = found.record, found.messages_after, found.recipients_after
    when = local_time(datetime.fromtimestamp(record.t, UTC))
    click.echo(f"{when}  {record.mailbox}  {say(*ACTIONS[record.action])}  {record.score:.1f}")
    signs = sorted(record.indicators, key=lambda sign: -sign.value)
    for sign in signs[:TOP_SENTENCES]:
        click.echo("    " + (sign.evidence_ja if in_japanese() else sign.evidence_en))
    if record.action == "suspend":
        tell(
            f"    {messages} messages to {recipients} recipients would not have left.",
            f"    この後の {messages} 通(宛先 {recipients} 件)は送信されずに済んでいました。",
        )
    elif record.action == "restrict":
        tell(
            f"    {messages} messages to {recipients} recipients left after it; "
            f"new recipients: {record.limit} an hour would have.",
            f"    この後に {messages} 通(宛先 {recipients} 件)が送信されています。"
            f"制限下では新しい宛先は1時間に {record.limit} 件までです。",
        )


def _summary(summary: Summary) -> dict[str, object]:
    moments = {"first": summary.first, "last": summary.last}
    return {
        "mailboxes": summary.mailboxes,
        "lines": summary.lines,
        "telling": summary.telling,
        "unreadable": summary.unreadable,
        "samples": summary.samples,
        "nameless_logins": summary.nameless,
        "unstamped": summary.unstamped,
        **{name: None if t is None else datetime.fromtimestamp(t, UTC) for name, t in moments.items()},
    }


def _tell_summary(summary: Summary) -> None:
    tell(
        f"{summary.mailboxes} mailboxes; {summary.lines} lines read, {summary.telling} say something, "
        f"{summary.unreadable} could not be read.",
        f"メールアドレス {summary.mailboxes} 件。{summary.lines} 行を読み、有効な行は {summary.telling} 行、"
        f"読み取れない行は {summary.unreadable} 行でした。",
    )
    if summary.nameless:
        tell(
            f"{summary.nameless} logins under names without a domain were left out.",
            f"ドメインのない名前でのログイン {summary.nameless} 件は対象外です。",
        )
    if summary.unstamped:
        tell(
            f"{summary.unstamped} lines without a readable time were left out.",
            f"時刻を読み取れない {summary.unstamped} 行は対象外です。",
        )
    for sample in summary.samples:
        click.echo("    " + sample)


@click.command()
def up() -> int:
    """Start the local stack (two Postfix, Dovecot, all of Sekisho) on 127.0.0.1 and stay until Ctrl-C."""
    from sekisho.deploy import stack

    return stack.up(stack.options_from_environment())
