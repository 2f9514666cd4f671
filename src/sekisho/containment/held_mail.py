"""What became of the messages an incident put on hold, told to the record: held, escaped, let go, left, purged.

The ledger's lists say which messages are an incident's; nobody else's are ever touched by an order. The states are told
only when they were read back from the queue, and once: a message that stays as it is costs nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from sekisho.containment.ledger import Entry, Ledger
from sekisho.containment.messages import HeldRow
from sekisho.wire.postqueue import QueuedMessage

log = logging.getLogger(__name__)

# Addresses shown of one message: enough to tell a mailing from a letter. The rest is a number.
MOST_ADDRESSES = 20
# Messages whose details are remembered until they are told, at most: a blast of one hour.
MOST_SEEN = 20_000


class HeldMail:
    """Of one host. Thread-safe; `look` belongs into the pool."""

    def __init__(self, ledger: Ledger, tell: Callable[[HeldRow], None], now: Callable[[], float]) -> None:
        self._ledger = ledger
        self._tell = tell
        self._now = now
        self._lock = threading.Lock()
        self._told: dict[tuple[str, int], dict[str, str]] = {}
        self._seen: dict[str, QueuedMessage] = {}

    def change(self, mailbox: str, generation: int, change: Callable[[Entry], object]) -> Entry | None:
        """`Ledger.change`: the only way in which an order touches an incident's lists."""
        return self._ledger.change(mailbox, generation, change)

    def find(self, mailbox: str, generation: int) -> Entry | None:
        """The incident's entry, live or archived; None for one the ledger does not know."""
        return self._ledger.find(mailbox, generation)

    def saw(self, messages: Iterable[QueuedMessage]) -> None:
        """Remembers what is about to be put on hold: of one that escapes, nothing is in the queue afterwards."""
        with self._lock:
            for message in messages:
                if len(self._seen) < MOST_SEEN:
                    self._seen[message.queue_id] = message

    def tell(self, entry: Entry, queue: Mapping[str, QueuedMessage], order_id: int | None = None) -> None:
        """Tells what changed since the last time. `queue`: as it was read after the change."""
        with self._lock:
            told = self._told.setdefault((entry.mailbox, entry.generation), {})
            for queue_id, state in _states(entry, queue, told):
                seen = self._seen.pop(queue_id, None)
                if told.get(queue_id) == state:
                    continue
                told[queue_id] = state
                message = queue.get(queue_id)
                # Delivered while the hold came: the file is still there, without recipients.
                message = message if message and message.recipients else seen
                self._tell(self._row(entry, queue_id, state, message, order_id))

    def _row(
        self, entry: Entry, queue_id: str, state: str, message: QueuedMessage | None, order_id: int | None
    ) -> HeldRow:
        row = HeldRow(entry.mailbox, entry.generation, queue_id, state, self._now(), order_id)
        if message is None:
            return row
        return row._replace(
            arrived_at=message.arrival_time,
            sender=message.sender,
            size=message.message_size,
            recipients=len(message.recipients),
            addresses=tuple(r.address for r in message.recipients[:MOST_ADDRESSES]),
        )

    def look(self, read: Callable[[], Iterable[QueuedMessage]]) -> None:
        """Compares the lists with the queue: a message deleted or let go by another hand is noticed, and what was let
        go and has left. Tells everything that nobody was told yet, after a start above all."""
        live = {(e.mailbox, e.generation) for e in self._ledger.entries()}
        found = {(e.mailbox, e.generation): e for e in [*self._ledger.holding(), *self._ledger.entries()]}
        entries = list(found.values())
        if not any(e.is_holding or e.escaped or e.purged for e in entries):
            return
        # Lists before queue: what is put on hold between the two is not missing.
        lists = [(self._may_be_missed(e, key in live), list(e.requeued)) for key, e in found.items()]
        queue = {message.queue_id: message for message in read()}
        for entry, (held, requeued) in zip(entries, lists, strict=True):
            gone, left, now = _missing(held, queue), _missing(requeued, queue), None
            if gone or left:
                now = self.change(entry.mailbox, entry.generation, partial(_settle, gone=gone, left=left))
            if gone:
                log.warning("%s: %d held messages are gone without an order", entry.mailbox, len(gone))
            self.tell(now or entry, queue)
        with self._lock:
            self._told = {key: told for key, told in self._told.items() if key in found}

    def _may_be_missed(self, entry: Entry, is_live: bool) -> list[str]:
        """Held messages whose absence means that somebody took them away. Of a live entry those seen on hold: one of
        which that cannot be said may escape in flight, which the plan counts."""
        with self._lock:
            told = self._told.get((entry.mailbox, entry.generation), {})
        return [i for i in entry.held if not is_live or told.get(i) == "held"]


def _missing(queue_ids: Iterable[str], queue: Mapping[str, QueuedMessage]) -> list[str]:
    return [i for i in queue_ids if i not in queue]


def _settle(entry: Entry, gone: list[str], left: list[str]) -> None:
    move(entry.held, entry.vanished, gone)
    move(entry.requeued, entry.left, left)


def move(source: list[str], target: list[str], queue_ids: Iterable[str]) -> list[str]:
    """Takes those of the ids that are in `source` over to `target`; which they were."""
    wanted = set(queue_ids)
    moved = [i for i in source if i in wanted]
    source[:] = [i for i in source if i not in wanted]
    target += [i for i in moved if i not in target]
    return moved


def _states(entry: Entry, queue: Mapping[str, QueuedMessage], told: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Every message of the entry with its state; one that is not as its list says is not told."""
    held = (i for i in entry.held if i in queue and queue[i].queue_name == "hold")
    purged = (i for i in entry.purged if i not in queue)
    # Once on hold and loose now: another hand let it go.
    loose = [*entry.requeued, *(i for i in entry.held if told.get(i) == "held")]
    released = (i for i in loose if i in queue and queue[i].queue_name != "hold")
    gone = (i for i in entry.requeued if i not in queue)
    yield from ((i, "held") for i in held)
    yield from ((i, "escaped") for i in entry.escaped)
    yield from ((i, "purged") for i in purged)
    yield from ((i, "released") for i in released)
    yield from ((i, "left") for i in [*gone, *entry.left])
    yield from ((i, "vanished") for i in entry.vanished)
