"""Measures what the evidence of sent mail costs: rows written by the worker, and (docs/bench.md) an incident's report.

A database of its own in a temporary directory (SQLite, as on the local stack). Ingest: messages with three recipients
each, as the guard spools them (handing in, the log's Message-ID, three results), taken by the worker's own code.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests")]
os.environ["DJANGO_SETTINGS_MODULE"] = "testing_settings"

import django  # noqa: E402

MAILBOX, THIEF = "taro@d000.example", "203.0.113.9"
OTHER = "hanako@d000.example"
# Whose messages are taken from a spool.
SENDER = "jiro@d000.example"
RECIPIENTS = 3
# "In seconds" (issue 7): what somebody who has a customer on the telephone waits for.
GOAL_S = 10.0


def events_of(number: int, t: float) -> list[Any]:
    """What the guard tells of one message."""
    from sekisho.journal import DeliveryResult, MessageSubmitted, QueueIdPaired

    queue_id = f"4{number:09X}"
    to = [f"r{number}.{place}@far{place}.example" for place in range(RECIPIENTS)]
    more = {"strange": True, "strangers": tuple(to)} if "strangers" in MessageSubmitted.__struct_fields__ else {}
    told: list[Any] = [
        MessageSubmitted(t, SENDER, queue_id, SENDER, RECIPIENTS, 4000, THIEF, "VN", 64501, **more),
        QueueIdPaired(t, SENDER, queue_id, message_id=f"<{number}@far.example>"),
    ]
    results = [("sent", "2.0.0"), ("bounced", "5.1.1"), ("bounced", "5.7.1")]
    told += [
        DeliveryResult(t + 1, SENDER, queue_id, recipient, *results[(number + place) % 3])
        for place, recipient in enumerate(to)
        # Before rows of recipients were kept, results of such mailboxes were not told.
        if more
    ]
    return told


def ingest(messages: int) -> dict[str, Any]:
    """Takes the events of so many messages; how fast."""
    import msgspec

    from sekisho.config import settings
    from sekisho.incidents.ingest import Intake
    from sekisho.journal import AppendLog, format_record

    with tempfile.TemporaryDirectory() as var:
        used = msgspec.structs.replace(settings(), var=var)
        log = AppendLog(used.spool_directory, fsync=False, max_total_bytes=1 << 30)
        now, events = time.time(), 0
        for number in range(messages):
            lines = [format_record(event) for event in events_of(number, now)]
            events += len(lines)
            log.append(*lines)
        log.close()
        intake = Intake(used)
        begun, cpu = time.monotonic(), time.process_time()
        while intake.take():
            pass
        seconds, cpu = time.monotonic() - begun, time.process_time() - cpu
    return {
        "messages": messages,
        "events": events,
        "rejected": intake.rejected,
        "messages_per_cpu_s": round(messages / cpu),
        "events_per_cpu_s": round(events / cpu),
        "messages_per_s": round(messages / seconds),
    }


def fill(messages: int) -> Any:
    """An incident with so many messages of three recipients each, beside as many of other mailboxes; the incident."""
    from datetime import timedelta

    from django.utils import timezone

    from sekisho.incidents import decisions
    from sekisho.incidents.models import ForwardedMail, HeldMessage, PlantedItem, QueueIdLogin, SentRecipient, SignIn

    now = timezone.now()
    incident = decisions.suspend(MAILBOX, "bench", "operator", now - timedelta(hours=6))
    outcomes = ["delivered", "delivered", "refused_as_spam", "refused", "waiting"]

    def at(number: int) -> Any:
        return now - timedelta(hours=5) + timedelta(seconds=4 * 3600 * number / messages)

    for start in range(0, messages, 5000):
        rows, copies = [], []
        for number in range(start, min(start + 5000, messages)):
            for mailbox, ip, strange in ((MAILBOX, f"203.0.113.{number % 200}", True), (OTHER, "198.18.1.1", False)):
                queue_id = f"{mailbox[0]}{number:09X}"
                source = {"ip": ip, "strange": strange, "country": "VN", "asn": 64501}
                rows.append(
                    QueueIdLogin(queue_id=queue_id, mailbox=mailbox, at=at(number), recipients=3, listed=True, **source)
                )
                for place in range(RECIPIENTS):
                    domain = f"far{(number * 3 + place) % 4000}.example"
                    copies.append(
                        SentRecipient(
                            queue_id=queue_id, mailbox=mailbox, at=at(number), recipient=f"r{place}@{domain}",
                            domain=domain, relation="stranger", outcome=outcomes[(number + place) % 5],
                        )
                    )  # fmt: skip
        QueueIdLogin.objects.bulk_create(rows, 1000)
        SentRecipient.objects.bulk_create(copies, 1000)
    HeldMessage.objects.bulk_create(
        [
            HeldMessage(incident=incident, host="mx", queue_id=f"{MAILBOX[0]}{number:09X}", state="held", at=now)
            for number in range(0, messages, 10)
        ],
        1000,
    )
    SignIn.objects.bulk_create(
        SignIn(
            mailbox=MAILBOX, at=at(number), success=True, protocol="smtp", ip=f"203.0.113.{number % 200}", strange=True
        )
        for number in range(min(messages, 2000))
    )
    PlantedItem.objects.create(
        incident=incident, host="mx", kind="forward", key="x", what={"target": "t@far.example"}, found_at=now
    )
    ForwardedMail.objects.create(
        mailbox=MAILBOX, target="t@far.example", via="alias", hour=now, first_at=at(0), last_at=at(1), count=9
    )
    return incident


def report(messages: int) -> dict[str, Any]:
    """Makes the report and reads the evidence of all recipients; seconds of the wall clock and of the CPU."""
    from django.utils import timezone

    from sekisho.impact.evidence import rows
    from sekisho.impact.report import build

    incident, now = fill(messages), timezone.now()
    begun, cpu = time.monotonic(), time.process_time()
    built = build(incident, now)
    seconds, cpu = time.monotonic() - begun, time.process_time() - cpu
    begun, read = time.monotonic(), 0
    for _ in rows(incident, "sent.recipients", now):
        read += 1
    assert built.sent.messages.value == messages and built.sent.recipients.value == read == messages * RECIPIENTS
    return {
        "messages": messages,
        "recipients": read,
        "report_s": round(seconds, 2),
        "report_cpu_s": round(cpu, 2),
        "evidence_s": round(time.monotonic() - begun, 1),
        "reached_goal": cpu <= GOAL_S,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--ingest", type=int, default=3000)
    found = parser.parse_args()
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from django.db import connections

    from sekisho.deploy.render import template
    from sekisho.directory import provision

    with connections["site"].cursor() as cursor:
        for statement in filter(str.strip, template("postfixadmin.sql").split(";\n")):
            cursor.execute(statement)
    provision.add_domain("d000.example", server_name="mx.d000.example", contact="a@far.example")
    for address in (MAILBOX, OTHER):
        provision.add_mailbox(address, "a password of the bench")
    result = {"ingest": ingest(found.ingest), "report": report(found.messages)}
    print(json.dumps(result, indent=2))
    if not result["report"]["reached_goal"]:
        sys.exit(f"the report took more than {GOAL_S:.0f} s")


if __name__ == "__main__":
    main()
