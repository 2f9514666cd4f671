"""Mail that waits in our own queue for a suspended mailbox must not be returned by us (P1).

`retry:` defers it, and at maximal_queue_lifetime Postfix would send it back. Mail on hold does not expire (measured
with lifetimes of 8 s and more), so it is put on hold at half of its lifetime and listed in the ledger; the release
plan sends it on with a new arrival time. Half: the first half leaves a message's other recipients their chance.
"""

from __future__ import annotations

import logging
from pathlib import Path

from sekisho.containment.commands import CommandError
from sekisho.containment.ledger import Entry
from sekisho.containment.queue_steps import clear_delivered, keep, lifetime, waiting_messages
from sekisho.containment.work import Tools

log = logging.getLogger(__name__)

# How often the queue is read: sixteen times in a lifetime, at most every second, at least every minute.
LOOKS_A_LIFETIME = 16
MOST_OFTEN_S = 1.0
LEAST_OFTEN_S = 60.0


def awaits_mail(entry: Entry) -> bool:
    """Whether mail to this mailbox may be resolved to `retry:`: suspended, or opened less than 31 s ago."""
    opening = entry.opening
    return entry.status in ("suspended", "released") and not (opening and opening.let_go)


def configuration_stamp(tools: Tools) -> int:
    """Changes whenever Postfix' main.cf does, and with it perhaps the queue's lifetime; 0 when it cannot be seen."""
    try:
        return (Path(tools.settings.postfix.config_directory) / "main.cf").stat().st_mtime_ns
    except OSError:
        return 0


def look(tools: Tools, entries: list[Entry]) -> float:
    """Puts on hold what has waited for half its lifetime; the seconds until the next look."""
    try:
        most = lifetime(tools)
        interval = min(max(most / LOOKS_A_LIFETIME, MOST_OFTEN_S), LEAST_OFTEN_S)
        with tools.waiting_lock:
            queue = tools.postfix.queue()
            clear_delivered(tools, queue, entries)
            old = [
                m
                for m in queue
                if m.queue_name in ("deferred", "active", "incoming")
                and tools.now() - m.arrival_time >= most / 2 - interval
            ]
            # Asked again under the lock: what was let go a moment ago must not be caught again.
            for entry in filter(awaits_mail, entries):
                ids = [m.queue_id for m in waiting_messages(old, entry, tools)]
                keep(tools, entry, ids)
                if ids:
                    log.info("kept %d waiting messages for %s from returning", len(ids), entry.mailbox)
    except CommandError as error:
        log.error("waiting mail could not be looked at: %s", error)
        return MOST_OFTEN_S
    return interval
