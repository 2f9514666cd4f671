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
RECIPIENTS = 3


def events_of(number: int, t: float) -> list[Any]:
    """What the guard tells of one message."""
    from sekisho.journal import DeliveryResult, MessageSubmitted, QueueIdPaired

    queue_id = f"4{number:09X}"
    to = [f"r{number}.{place}@far{place}.example" for place in range(RECIPIENTS)]
    more = {"strange": True, "strangers": tuple(to)} if "strangers" in MessageSubmitted.__struct_fields__ else {}
    told: list[Any] = [
        MessageSubmitted(t, MAILBOX, queue_id, MAILBOX, RECIPIENTS, 4000, THIEF, "VN", 64501, **more),
        QueueIdPaired(t, MAILBOX, queue_id, message_id=f"<{number}@far.example>"),
    ]
    results = [("sent", "2.0.0"), ("bounced", "5.1.1"), ("bounced", "5.7.1")]
    told += [
        DeliveryResult(t + 1, MAILBOX, queue_id, recipient, *results[(number + place) % 3])
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--ingest", type=int, default=3000)
    found = parser.parse_args()
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    print(json.dumps({"ingest": ingest(found.ingest)}, indent=2))


if __name__ == "__main__":
    main()
