"""Complaints about spam: tied to a message of ours by our own rows, or worth nothing.

Anybody can write a report about anybody (RFC 5965, section 8.1), so two things must come from elsewhere:

1. *The message.* Its queue id, which our own host gave it, or else its Message-ID, must be in a row that we wrote when
   an authenticated login handed it in. The report's addresses are not looked at.
2. *The reporter.* The address or name of the client that brought the report, as our own MX saw it, must be listed in
   `complaints.reporters`. A report from elsewhere is kept, and counts nothing: any recipient of one honest letter could
   have written it.

Only both together go on to the guard, each message once; there a complaint weighs little, and alone it never suspends.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Literal

import msgspec
from django.db import transaction
from django.db.models import F

from sekisho.config import Settings
from sekisho.incidents.models import Incident, QueueIdLogin, ReportedMessage
from sekisho.incidents.timeline import add_entry
from sekisho.journal import AppendLog, ComplaintMade, format_record
from sekisho.wire.feedback_report import FeedbackReport

# What `explain` sums up.
RECENT = timedelta(days=30)
# The guard reads the log at once; 300 bytes a complaint.
LOG_BYTES = 16 * 1024 * 1024
# Answers to the question "was it this incident?" that end it.
ENDINGS = ("recovery", "dismissal", "answer", "expiry")

Outcome = Literal["counted", "repeated", "forgeable", "untied", "harmless"]


class Client(msgspec.Struct, frozen=True):
    """Who brought the report to our MX: the address, and the name if address and name point at each other."""

    address: str = ""
    name: str = ""


class Taken(msgspec.Struct, frozen=True):
    """What became of a report; mailbox and message when they are known."""

    outcome: Outcome
    mailbox: str = ""
    queue_id: str = ""
    vouched_by: str = ""


class Tally(msgspec.Struct, frozen=True):
    """Messages reported: counted ones, those nobody vouches for, and when the last report came."""

    counted: int
    forgeable: int
    last_at: datetime | None


def voucher(client: Client, reporters: Iterable[str]) -> str:
    """The first entry of the list that covers this client, "" for none. An entry is an address, a network, or a host
    name that covers its subdomains too."""
    name = client.name.lower().rstrip(".")
    for entry in reporters:
        try:
            network = ip_network(entry, strict=False)
        except ValueError:
            wanted = entry.lower().strip(".")
            if wanted and (name == wanted or name.endswith("." + wanted)):
                return entry
            continue
        try:
            if ip_address(client.address) in network:
                return entry
        except ValueError:
            continue
    return ""


def take(report: FeedbackReport, client: Client, settings: Settings, now: datetime) -> Taken:
    """Records a report and hands it to the guard if it counts.

    Raises django.db.Error or OSError when it could not: then it was not taken, and must come again.
    """
    if not report.accuses:
        return Taken("harmless")
    message = _message_of(report, settings)
    if message is None:
        _note(f"untied {now.astimezone(UTC):%Y-%m-%d}", now)
        return Taken("untied")
    vouched_by = voucher(client, settings.complaints.reporters)
    with transaction.atomic(using="default"):
        _note(message.queue_id, now, mailbox=message.mailbox, submitted_at=message.at)
        outcome: Outcome = "forgeable"
        if vouched_by:
            first = ReportedMessage.objects.filter(key=message.queue_id, vouched_by="")
            outcome = "counted" if first.update(vouched_by=vouched_by[:255]) else "repeated"
        if outcome == "counted":
            _tell_incident(message, now, vouched_by)
            _hand_over(message, vouched_by, settings, now)
    return Taken(outcome, message.mailbox, message.queue_id, vouched_by)


def _message_of(report: FeedbackReport, settings: Settings) -> QueueIdLogin | None:
    """The message of ours that the report is about, if our rows leave no doubt."""
    hosts = {settings.host, settings.mail_server.name, *settings.complaints.own_hosts}
    queue_ids = report.ids_given_by(frozenset(host.lower() for host in hosts if host))
    rows = list(QueueIdLogin.objects.filter(queue_id__in=queue_ids)[:10]) if queue_ids else []
    # Short queue ids are used again: a row that knows another Message-ID is another message.
    rows = [row for row in rows if not (row.message_id and report.message_id and row.message_id != report.message_id)]
    if not rows and report.message_id:
        # Reporters cut our Received lines. The text is its sender's: two mailboxes with one Message-ID are in doubt.
        rows = list(QueueIdLogin.objects.filter(message_id=report.message_id).order_by("at")[:10])
    return rows[0] if len({row.mailbox for row in rows}) == 1 else None


def _note(key: str, now: datetime, **message: object) -> None:
    defaults = {"first_at": now, "last_at": now, **message}
    _, made = ReportedMessage.objects.get_or_create(key=key, defaults=defaults)
    if not made:
        ReportedMessage.objects.filter(key=key).update(reports=F("reports") + 1, last_at=now)


def _tell_incident(message: QueueIdLogin, now: datetime, vouched_by: str) -> None:
    """A line in the story of the incident the message belongs to, one an hour with the number of complaints."""
    incident = Incident.objects.filter(mailbox=message.mailbox, first_risk_at__lte=message.at).order_by("-id").first()
    if incident is None or message.at > (_end_of(incident) or now):
        return
    key = f"complaint-{incident.pk}-{now:%Y%m%d%H}"
    if not add_entry(incident, now, "complaint", key, {"count": 1, "reporter": vouched_by}):
        entry = incident.timeline.get(key=key)
        entry.details["count"] += 1
        entry.save(update_fields=["details"])


def _end_of(incident: Incident) -> datetime | None:
    last = incident.transitions.filter(cause__in=ENDINGS).order_by("-id").first()
    return last.at if last else None


def _hand_over(message: QueueIdLogin, vouched_by: str, settings: Settings, now: datetime) -> None:
    """Appends the complaint to the log the guard follows. Inside the transaction: killed before its end, the report
    comes again, and the guard knows its message."""
    directory = settings.complaints_directory
    directory.mkdir(parents=True, exist_ok=True)
    record = ComplaintMade(now.timestamp(), message.mailbox, message.queue_id, message.at.timestamp(), vouched_by)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        log = AppendLog(directory, fsync=True, max_total_bytes=LOG_BYTES)
        try:
            log.append(format_record(record))
        finally:
            log.close()
            _share(directory)


def _share(directory: Path) -> None:
    """What this process appended stays readable for the guard and writable for the mail server's pipe, whoever ran it:
    pipe(8) sets a umask of 077, and at a terminal it is root."""
    owner, me = directory.stat(), os.geteuid()
    for path in directory.iterdir():
        if path.stat().st_uid == me:
            path.chmod(0o660)
            if me == 0:
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def tally(mailbox: str, since: datetime, until: datetime | None = None) -> Tally:
    """The reported messages of a mailbox handed in between two times."""
    rows = ReportedMessage.objects.filter(mailbox=mailbox, submitted_at__gte=since)
    if until is not None:
        rows = rows.filter(submitted_at__lte=until)
    last = rows.order_by("-last_at").first()
    return Tally(
        counted=rows.exclude(vouched_by="").count(),
        forgeable=rows.filter(vouched_by="").count(),
        last_at=last.last_at if last else None,
    )


def tally_of(incident: Incident) -> Tally:
    """The reported messages of an incident: from its first risky event to its end."""
    return tally(incident.mailbox, incident.first_risk_at, _end_of(incident))
