"""Notices when the password of a suspended mailbox changes in the site's own table, by whatever program: a webmail's
form without a safe query, an admin tool, somebody with access to the database.

Such a password opens nothing, since the barrier does not ask for it. But it says that somebody goes on, and after a
dismissal it would be the one that counts. What is kept for the comparison is a part of a hash of the stored hash.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable

from sekisho.containment import plans
from sekisho.containment.ledger import Entry
from sekisho.containment.messages import StepRow
from sekisho.containment.status import Alarms
from sekisho.containment.work import StepFailed, Tools

log = logging.getLogger(__name__)

STEP = "watch_password"
# One question for all suspended mailboxes; the hijacker of a suspended mailbox has no haste to fear from us.
EVERY_S = 10.0
CHANGED = "the password in the site's table was changed; it opens nothing"

Key = tuple[str, int]


class PasswordWatch:
    """`tick` once a second, from the main loop; looks run in the pool that `submit` fills."""

    def __init__(
        self,
        tools: Tools,
        alarms: Alarms,
        submit: Callable[[Callable[[], object]], bool],
        record: Callable[[StepRow], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tools, self._alarms, self._submit, self._record = tools, alarms, submit, record
        self._clock = clock
        self._next = 0.0
        self._is_looking = threading.Event()
        # Seen changed once: a recovery writes the new hash a moment before its order opens the mailbox.
        self._doubted: frozenset[Key] = frozenset()
        self._changed: dict[Key, str] = {}

    def tick(self, entries: Iterable[Entry]) -> None:
        """Starts the look that is due and keeps the alarms."""
        watched = {(e.mailbox, e.generation): e for e in entries if e.status == "suspended" and e.opening is None}
        self._changed = {key: text for key, text in self._changed.items() if key in watched}
        texts = {f"password {mailbox}": f"{mailbox} is suspended: {CHANGED}" for mailbox, _ in self._changed}
        self._alarms.replace("password ", texts)
        is_new = any(not entry.password_mark for entry in watched.values())
        if not watched or self._is_looking.is_set() or (self._clock() < self._next and not is_new):
            return
        self._next = self._clock() + EVERY_S
        self._is_looking.set()
        if not self._submit(lambda: self._look(watched)):
            self._is_looking.clear()

    def _look(self, watched: dict[Key, Entry]) -> None:
        try:
            marks = self._tools.site.password_marks([mailbox for mailbox, _ in watched])
        except StepFailed as error:
            log.info("%s: %s", STEP, error)
            return
        finally:
            self._is_looking.clear()
        doubted = set()
        for key, entry in watched.items():
            mark = marks.get(entry.mailbox, "none")
            if not entry.password_mark:
                with self._tools.ledger.lock:
                    entry.password_mark = mark
                    self._tools.ledger.save(entry)
            elif mark != entry.password_mark:
                doubted.add(key)
                if key in self._doubted and key not in self._changed:
                    self._tell(key)
        self._doubted = frozenset(doubted)

    def _tell(self, key: Key) -> None:
        mailbox, generation = key
        log.error("%s of %s: %s", STEP, mailbox, CHANGED)
        self._changed = self._changed | {key: CHANGED}
        # After the doors' own row.
        position = len(plans.CONTAIN) + 2
        now = self._tools.now()
        self._record(StepRow(mailbox, generation, "contain", STEP, position, "failed", CHANGED, now))
