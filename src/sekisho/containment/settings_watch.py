"""Looks at mailboxes' settings in a thread of its own: once a day at all scripts, at a mailbox' after a change, and at
those on probation, where what is planted again is switched off and put before a person. Carries out what is decided.

All of it may be late: whatever needs it before mail is let in is a step of a plan. Nothing here waits for more than one
command or one answer of the database, and a failure is tried again with the next turn.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from sekisho.containment.commands import CommandError
from sekisho.containment.dovecot import NoSuchMailbox
from sekisho.containment.messages import ClaimedOrder
from sekisho.containment.planted_steps import read_scripts
from sekisho.containment.work import StepFailed, Tools
from sekisho.directory.found import FoundSetting

log = logging.getLogger(__name__)

PASS_S = 0.5
# A forward planted again after the release sends mail away until this look: rows of a few mailboxes, two queries each.
WATCH_S = 15.0
# Once a day each mailbox, 10,000 in three hours (a list is 0.05 s of one processor); with more than fit a day
# the next round begins when this one ends.
ROUND_S = 86_400.0
PAUSE_BETWEEN_S = 0.3
# Names fetched at a time, and changed mailboxes waiting for their look; a flood is caught up by the nightly round.
PORTION = 200
MOST_WAITING = 1000

_TROUBLE = (CommandError, StepFailed, OSError)


class SettingsWatch(threading.Thread):
    """Start it once; `changed` and `take_order` may be called from any thread and wait for nothing."""

    def __init__(self, tools: Tools, forms_of: Callable[[str], list[str]], finish: Callable[[int, str], None]) -> None:
        super().__init__(name="settings", daemon=True)
        self._tools, self._forms_of, self._finish = tools, forms_of, finish
        self._changed: queue.Queue[str] = queue.Queue(MOST_WAITING)
        self._orders: queue.SimpleQueue[ClaimedOrder] = queue.SimpleQueue()
        self._open_orders: list[int] = []
        self._next_watch = self._next_round = 0.0
        # The nightly round: names still to be looked at, and the last one fetched; None: no round is under way.
        self._names: list[str] = []
        self._last_name: str | None = None
        self._stopping = threading.Event()

    def changed(self, mailbox: str) -> None:
        """A script of this mailbox was stored or activated."""
        with suppress(queue.Full):
            self._changed.put_nowait(mailbox)

    def take_order(self, order: ClaimedOrder) -> None:
        """Something was decided about a planted setting."""
        self._orders.put(order)

    def stop(self) -> None:
        """Ends the thread after what is in hand."""
        self._stopping.set()

    def run(self) -> None:
        while not self._stopping.wait(PASS_S):
            try:
                self.turn(time.monotonic())
            except _TROUBLE as error:
                log.info("settings: tried again later: %s", error)
            except Exception:
                # Our bug: containment goes on without this thread's looks.
                log.exception("settings")
                self._stopping.wait(WATCH_S)

    def turn(self, now: float) -> None:
        """One turn: decisions first, then changed mailboxes, then probation, then the next of the nightly round."""
        self._carry_out(now)
        self._look_at_changed()
        if now >= self._next_watch:
            self._next_watch = now + WATCH_S
            for mailbox, since in self._ask(lambda planted: planted.on_probation()):
                self._watch(mailbox, since, scripts=[])
        self._go_round(now)

    def _ask(self, question: Callable[[Any], Any]) -> Any:
        return self._tools.site.about_planted(question)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._tools.now(), UTC)

    # --- looks

    def _look_at_changed(self) -> None:
        mailboxes: set[str] = set()
        with suppress(queue.Empty):
            while True:
                mailboxes.add(self._changed.get_nowait())
        if not mailboxes:
            return
        watched = dict(self._ask(lambda planted: planted.on_probation()))
        for mailbox in sorted(mailboxes):
            scripts = self._look_at(mailbox)
            if scripts and mailbox in watched:
                self._watch(mailbox, watched[mailbox], scripts)

    def _look_at(self, mailbox: str) -> list[FoundSetting]:
        try:
            scripts = read_scripts(self._tools, mailbox, self._forms_of(mailbox))
        except NoSuchMailbox:
            return []
        at = self._now()
        self._ask(lambda planted: planted.note_scripts(mailbox, scripts, at))
        return scripts

    def _watch(self, mailbox: str, since: float, scripts: list[FoundSetting]) -> None:
        """A mailbox on probation: what came after its release is switched off, read back and asked about."""
        at, host, began = self._now(), self._tools.settings.host, datetime.fromtimestamp(since, UTC)
        frozen = self._ask(lambda planted: planted.freeze(mailbox, None, began, scripts, host, at))
        if frozen is None:
            return
        dovecot = self._tools.dovecot
        active = None
        if scripts:
            active = dovecot.scripts(mailbox).active
            if active in frozen.planted:
                dovecot.deactivate_script(mailbox)
                active = dovecot.scripts(mailbox).active
        self._ask(lambda planted: planted.confirm_off(mailbox, None, active))

    def _go_round(self, now: float) -> None:
        if self._last_name is None:
            if now < self._next_round:
                return
            self._next_round, self._last_name = now + ROUND_S, ""
        if not self._names:
            after = self._last_name
            self._names = self._ask(lambda planted: planted.mailboxes_after(after, PORTION))
            if not self._names:
                self._last_name = None
                return
        mailbox = self._last_name = self._names.pop(0)
        with suppress(CommandError):
            self._look_at(mailbox)
        self._stopping.wait(PAUSE_BETWEEN_S)

    # --- decisions

    def _carry_out(self, now: float) -> None:
        with suppress(queue.Empty):
            while True:
                self._open_orders.append(self._orders.get_nowait().id)
        # Without an order, too: one that was placed while the last was being finished.
        if not self._open_orders and now < self._next_watch:
            return
        host = self._tools.settings.host
        left = self._ask(lambda planted: planted.carry_out(host))
        done = [self._switch(decision) for decision in left]
        if all(done):
            for order_id in self._open_orders:
                self._finish(order_id, "done")
            self._open_orders = []

    def _switch(self, decision: Any) -> bool:
        """Carries out a decision about a script; False while Dovecot hides the mailbox or does not answer."""
        dovecot, mailbox, name = self._tools.dovecot, decision.mailbox, decision.script
        try:
            found = {item.what["script"]: item for item in read_scripts(self._tools, mailbox, self._forms_of(mailbox))}
            # Rewritten since, it is another script than the one that was decided about.
            same = name in found and found[name].key == decision.key
            active = any(item.what["active"] for item in found.values())
            if same and decision.keep and decision.active and not active:
                dovecot.activate_script(mailbox, name)
                if dovecot.scripts(mailbox).active != name:
                    return False
            elif same and not decision.keep:
                if found[name].what["active"]:
                    dovecot.deactivate_script(mailbox)
                dovecot.delete_script(mailbox, name)
                if name in dovecot.scripts(mailbox).names:
                    return False
        except (NoSuchMailbox, CommandError) as error:
            log.info("settings of %s: script %r cannot be switched yet: %s", mailbox, name, error)
            return False
        self._ask(lambda planted: planted.settle(decision.item, decision.keep))
        return True
