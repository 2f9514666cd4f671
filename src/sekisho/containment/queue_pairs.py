"""Which mailbox submitted a queue id, as the spool tells it and queue files confirm: bounded, lost with the process.

What is missing here is read from the queue file itself (`postcat`), so losing this memory costs time, not messages.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from sekisho.containment.postfix import is_queue_id
from sekisho.journal import MessageSubmitted, QueueIdPaired

# About 25 MB; at 100 messages a second the last half hour, and mail that is still queued is read from its file.
MOST_PAIRS = 200_000


class QueuePairs:
    """queue id -> mailbox ("" when the file names no login). Thread-safe."""

    def __init__(self, most: int = MOST_PAIRS) -> None:
        self._most = most
        self._mailboxes: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, event: MessageSubmitted | QueueIdPaired) -> None:
        """Remembers a pair; a message handed on under a new id keeps its login."""
        mailbox = event.mailbox
        if isinstance(event, QueueIdPaired) and not mailbox:
            mailbox = self._mailboxes.get(event.former_queue_id, "")
        if mailbox and is_queue_id(event.queue_id):
            self.add(event.queue_id, mailbox)

    def add(self, queue_id: str, mailbox: str) -> None:
        with self._lock:
            self._mailboxes[queue_id] = mailbox
            self._mailboxes.move_to_end(queue_id)
            while len(self._mailboxes) > self._most:
                self._mailboxes.popitem(last=False)

    def mailbox_of(self, queue_id: str, read: Callable[[str], str]) -> str:
        """The mailbox of a queue id; an unknown one is read once with `read` (which may raise CommandError)."""
        known = self._mailboxes.get(queue_id)
        if known is None:
            known = read(queue_id)
            self.add(queue_id, known)
        return known

    def ids_of(self, mailbox: str) -> set[str]:
        """The queue ids known to be this mailbox's."""
        with self._lock:
            return {queue_id for queue_id, owner in self._mailboxes.items() if owner == mailbox}

    def knows(self, queue_id: str) -> bool:
        return queue_id in self._mailboxes
