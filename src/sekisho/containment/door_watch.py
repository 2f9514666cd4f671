"""Tries the doors of each suspended mailbox again, every hour: somebody may have taken the barrier out of Postfix or
Dovecot since (an upgrade that put the distribution's configuration back, a colleague's edit).

An open door is an alarm until a later look finds it shut. It is looked at again soon, sessions that slipped in are
ended each time, and the guard goes on refusing what reaches it. The last look is the last line of the incident's steps.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable

from sekisho.containment import plans, steps, webmail_steps
from sekisho.containment.barrier import BarrierError
from sekisho.containment.commands import CommandError
from sekisho.containment.dovecot import NoSuchMailbox
from sekisho.containment.ledger import Entry, StepState
from sekisho.containment.messages import StepRow
from sekisho.containment.status import Alarms
from sekisho.containment.work import StepFailed, Tools, Work

log = logging.getLogger(__name__)

STEP = "watch_doors"
# With a door open: as soon as Dovecot can have read a repaired file (a second), and not without a pause.
AGAIN_S = 5.0
# After a start all are looked at within a minute: what happened while nobody looked?
START_SPREAD_S = 60.0
# Looks at a time: a look is a dozen processes and two seconds; a trip's own steps come first.
PARALLEL = 2

Key = tuple[str, int]


class DoorWatch:
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
        self._every, self._clock = tools.settings.probe_every_s, clock
        # When each mailbox is looked at next (monotonic seconds).
        self._due: dict[Key, float] = {}
        self._looking: set[Key] = set()
        self._open: dict[Key, str] = {}
        self._lock = threading.Lock()
        self._started = clock()

    def tick(self, entries: Iterable[Entry]) -> None:
        """Starts the looks that are due, forgets mailboxes that were opened, keeps the alarms."""
        watched = {(entry.mailbox, entry.generation): entry for entry in entries if _is_contained(entry)}
        now = self._clock()
        with self._lock:
            for gone in self._due.keys() - watched.keys():
                del self._due[gone]
                self._open.pop(gone, None)
            for key in watched.keys() - self._due.keys():
                self._due[key] = now + self._first_after(key, now)
            due = sorted((at, key) for key, at in self._due.items() if at <= now and key not in self._looking)
            chosen = [key for _, key in due[: PARALLEL - len(self._looking)]]
            self._looking.update(chosen)
            texts = {
                f"door {mailbox}": f"{mailbox} is suspended, but {why}" for (mailbox, _), why in self._open.items()
            }
        for key in chosen:
            self._start(key, watched[key])
        self._alarms.replace("door ", texts)

    def _first_after(self, key: Key, now: float) -> float:
        if now - self._started > START_SPREAD_S:
            return self._every
        return min(self._every, sum(key[0].encode()) % START_SPREAD_S)

    def _start(self, key: Key, entry: Entry) -> None:
        if not self._submit(lambda: self._look(key, entry)):
            with self._lock:
                self._looking.discard(key)

    def _look(self, key: Key, entry: Entry) -> None:
        why = ""
        try:
            why = self._tell(entry, *self._try_doors(entry))
        finally:
            with self._lock:
                self._looking.discard(key)
                if key in self._due:
                    self._due[key] = self._clock() + (AGAIN_S if why else self._every)
                    self._open.pop(key, None)
                    if why:
                        self._open[key] = why

    def _try_doors(self, entry: Entry) -> tuple[StepState, str]:
        work = Work(self._tools, entry, entry.plans["contain"])
        try:
            steps.probe_doors(work)
            told = [steps.doors_shut(work)]
            if webmail_steps.end_webmail_sessions(work):
                told.append(webmail_steps.webmail_sessions_ended(work))
            return "done", "; ".join(told)
        except StepFailed as error:
            # Whoever is in by the open door goes out again; the cache may hold his answer.
            self._throw_out(work)
            return "failed", str(error)
        except (CommandError, BarrierError, OSError) as error:
            return "failed", f"nobody can tell whether the doors are shut: {error}"

    def _throw_out(self, work: Work) -> None:
        try:
            steps.flush_auth_cache(work)
            steps.kick_sessions(work)
        except (CommandError, NoSuchMailbox, OSError) as error:
            log.error("%s: sessions behind an open door cannot be ended: %s", work.entry.mailbox, error)

    def _tell(self, entry: Entry, state: StepState, outcome: str) -> str:
        """Records the look; what is wrong, or "" ."""
        if entry.opening is not None:
            return ""
        level = logging.WARNING if state == "failed" else logging.INFO
        log.log(level, "%s of %s: %s (%s)", STEP, entry.mailbox, state, outcome)
        position = len(plans.CONTAIN) + 1
        row = StepRow(entry.mailbox, entry.generation, "contain", STEP, position, state, outcome, self._tools.now())
        self._record(row)
        return outcome if state == "failed" else ""


def _is_contained(entry: Entry) -> bool:
    """Whether the mailbox is suspended and its plan, with its own looks after 5 and 30 s, is through."""
    plan = entry.plans.get("contain")
    if entry.status != "suspended" or plan is None or plan.superseded:
        return False
    return plans.is_complete(entry, plan)
