"""The agent's main loop: journal -> ledger -> barrier -> steps, whatever the databases do.

Order within one tick: new decisions are durable in the ledger before the journal's cursor moves; the barrier goes up
for all of them together; then every mailbox's next steps run in a small pool, one at a time per mailbox. The loop
itself waits for nothing but the disk and the barrier's own commands.
"""

from __future__ import annotations

import fcntl
import logging
import os
import queue
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sekisho import service
from sekisho.config import Settings
from sekisho.containment import commands, keep_waiting, plans, returned
from sekisho.containment.app_passwords import AppPasswordFile
from sekisho.containment.barrier import Barrier, ensure_probe_file
from sekisho.containment.barrier_keeper import BarrierKeeper
from sekisho.containment.commands import Runner
from sekisho.containment.database_link import DatabaseLink, Fetched
from sekisho.containment.door_watch import DoorWatch
from sekisho.containment.dovecot import Dovecot
from sekisho.containment.feeds import Feeds
from sekisho.containment.findings import Findings
from sekisho.containment.held_mail import HeldMail
from sekisho.containment.held_orders import KINDS as HELD_KINDS
from sekisho.containment.held_orders import HeldOrders
from sekisho.containment.inbound_files import InboundFiles
from sekisho.containment.intake import Intake
from sekisho.containment.ledger import Entry, Ledger, PlanRecord, StepRecord
from sekisho.containment.messages import InboundRow, StepRow
from sekisho.containment.password_watch import PasswordWatch
from sekisho.containment.postfix import Postfix
from sekisho.containment.probes import Probes
from sekisho.containment.queue_pairs import QueuePairs
from sekisho.containment.refreshes import Refreshes
from sekisho.containment.settings_watch import SettingsWatch
from sekisho.containment.site_names import SiteNames
from sekisho.containment.state_writer import StateWriter
from sekisho.containment.status import Alarms, StatusFile, guard_status
from sekisho.containment.step_runner import StepRunner
from sekisho.containment.webmail import webmails_of
from sekisho.containment.work import Step, Tools
from sekisho.journal import ScriptChanged, StateFile

log = logging.getLogger(__name__)

# From decision to barrier on average half of this; 20 looks into one directory a second cost 0.2 % of a processor.
TICK_S = 0.05
SECOND_S = 1.0
# A step not done after this is an alarm (P2: contained within 30 s even after a crash).
LATE_S = 30.0
# The ledger's archive grows by a few files a day.
PRUNE_EVERY_S = 86400.0


class Agent:
    """One mail host's agent, put together; `loop` runs it."""

    def __init__(self, settings: Settings, runner: Runner = commands.run, link: DatabaseLink | None = None) -> None:
        self._directory = Path(settings.var) / "agent"
        self._directory.mkdir(parents=True, exist_ok=True)
        self._stop = threading.Event()
        self.link = link or DatabaseLink(settings.host)
        self._names = SiteNames(settings.recipient_delimiter, self._directory / "domains.json")
        self._record = self._names.load(settings.state_file)
        self.ledger = Ledger(settings.ledger_directory)
        barrier_directory = Path(settings.barrier)
        postfix = Postfix(settings.postfix.config_directory, runner)
        dovecot = Dovecot(settings.dovecot.config_file, runner)
        self.tools = Tools(
            settings=settings,
            postfix=postfix,
            dovecot=dovecot,
            barrier=Barrier(barrier_directory, postfix),
            probes=Probes(barrier_directory, dovecot, self._stop.wait),
            app_passwords=AppPasswordFile(barrier_directory, self.ledger, self._names.forms_of),
            ledger=self.ledger,
            pairs=QueuePairs(),
            names=self._names,
            held=HeldMail(self.ledger, self.link.record_held, time.time),
            site=self.link,
            now=time.time,
            sleep=self._stop.wait,
            webmails=webmails_of(settings),
        )
        self._alarms = Alarms()
        self._keeper = BarrierKeeper(self.tools, self._alarms, self._tell_record)
        self._runner = StepRunner(self.tools, self._tell_record)
        self._doors = DoorWatch(self.tools, self._alarms, self._runner.submit, self.link.record)
        self._passwords = PasswordWatch(self.tools, self._alarms, self._runner.submit, self.link.record)
        self._intake = Intake(self.ledger, self._names, time.time, self.link.finish)
        self._refreshes = Refreshes(self._directory / "refreshes", self.tools, self._names, self.link.finish)
        self._held = HeldOrders(self._directory / "held", self.tools, self.link.finish)
        self._settings = SettingsWatch(self.tools, self._names.forms_of, self.link.finish)
        self._findings = Findings(self._directory / "findings", self.tools)
        self._feeds = Feeds(settings, self._directory, self.tools.pairs, self._intake, self._look_into)
        self._state = StateWriter(settings.state_file, self._record)
        self._inbound = InboundFiles(settings.inbound, dovecot.compile_script)
        self._status = StatusFile(self._directory / "status.json")
        self._active: dict[tuple[str, int], Entry] = {}
        self._next_second = 0.0
        self._next_look = 0.0
        self._next_prune = 0.0
        self._configured = 0
        self._is_looking = threading.Event()
        self._must_write_state = True

    def stop(self, *_: object) -> None:
        """Ends the loop after this tick (signal handler)."""
        self._stop.set()

    def loop(self) -> None:
        """Ticks until told to stop. A tick that fails is an alarm, not the end."""
        self._begin()
        service.notify("READY=1")
        watchdog = service.Watchdog()
        while not self._stop.is_set():
            watchdog.alive()
            try:
                self.tick()
                self._alarms.set("loop", None)
                pause = TICK_S
            except OSError as error:
                self._alarms.set("loop", f"the disk refuses: {error}")
                pause = SECOND_S
            except Exception:
                log.exception("main loop")
                self._alarms.set("loop", "internal error, see the agent's log")
                pause = SECOND_S
            self._stop.wait(pause)
        service.notify("STOPPING=1")
        self._runner.stop()
        self._refreshes.stop()
        self._held.stop()
        self._settings.stop()
        self.link.stop()
        commands.end_all()

    def _begin(self) -> None:
        """Ledger first: the barrier stands as it says before the journal is read."""
        ensure_probe_file(Path(self.tools.settings.barrier))
        self.tools.probes.empty()
        self._keeper.check(at_once=True)
        self.tools.app_passwords.ensure()
        for entry in self.ledger.entries():
            for plan in entry.plans.values():
                for step in plans.steps_of(entry, plan):
                    self._tell_record(entry, plan, step, plans.record_of(plan, step.name))
        self.link.start()
        self._settings.start()
        log.info("agent started with %d ledger entries", len(self.ledger.entries()))

    # --- one tick

    def tick(self) -> None:
        """Takes what arrived, raises the barrier, starts steps; each second looks after everything else."""
        self._feeds.read()
        self._read_inbox()
        self._note_touched()
        self._keeper.raise_due(self._active.values())
        self._runner.dispatch(self._active.values())
        self._settle_plans()
        self._refreshes.tick()
        self._held.tick()
        if self._must_write_state:
            self._write_state()
        if time.monotonic() >= self._next_second:
            self._next_second = time.monotonic() + SECOND_S
            self._each_second()

    def _read_inbox(self) -> None:
        while True:
            try:
                item = self.link.inbox.get_nowait()
            except queue.Empty:
                return
            if isinstance(item, Fetched):
                self._take_record(item)
            elif item.kind == "refresh":
                self._refreshes.take_order(item)
            elif item.kind in HELD_KINDS:
                self._held.take_order(item)
            elif item.kind == "planted":
                self._settings.take_order(item)
            else:
                self._intake.take_order(item)

    def _take_record(self, fetched: Fetched) -> None:
        self._record = fetched.state
        if self._names.take(fetched.state.alias_domains, fetched.domains):
            self._intake.learn_names()
        self._intake.take_record(fetched.state)
        if fetched.app_passwords is not None:
            self.tools.app_passwords.take(fetched.app_passwords)
        self._keep_app_passwords()
        self._keep_inbound(fetched.inbound)
        shut = self._intake.contradictions(fetched.state, time.time() - LATE_S)
        texts = {f"record {m}": f"{m} stays shut, but the record calls it open without an order" for m in shut}
        self._alarms.replace("record ", texts)
        self._must_write_state = True

    def _note_touched(self) -> None:
        for entry in self.ledger.take_touched():
            self._active[entry.mailbox, entry.generation] = entry
            self._must_write_state = True

    def _settle_plans(self) -> None:
        """Reports orders whose plan has had its effect; puts away what is finished for good."""
        for key, entry in list(self._active.items()):
            for plan in entry.plans.values():
                open_orders = [i for i in plan.order_ids if i not in plan.finished_orders]
                if open_orders and not plan.superseded and plans.is_effective(entry, plan):
                    with self.ledger.lock:
                        plan.finished_orders += open_orders
                        self.ledger.save(entry)
                    for order_id in open_orders:
                        self.link.finish(order_id, "done")
            if self._runner.is_busy(entry) or not all(plans.is_complete(entry, p) for p in plans.live_plans(entry)):
                continue
            if entry.opening is not None:
                self.ledger.archive(entry)
                self._must_write_state = True
            del self._active[key]

    def _write_state(self) -> None:
        if self._record is None:
            # Nothing is known but the ledger: better an incomplete file than none (the guard asks for one).
            self._record = StateFile(written_at=0.0)
        self._state.write(self._record, self.ledger.entries(), time.time())
        self._must_write_state = False

    # --- each second

    def _each_second(self) -> None:
        self._keeper.check()
        self._keep_app_passwords()
        self._keep_waiting()
        self._held.look()
        self._prune_archive(time.time())
        self._feeds.keep_cursors()
        self._alarm_about_late_steps()
        self._alarm_about_ledger()
        entries = self.ledger.entries()
        self._doors.tick(entries)
        self._passwords.tick(entries)
        away = self.link.away_since
        facts = {
            "alarms": self._alarms.texts(),
            "suspended": sum(entry.status == "suspended" for entry in entries),
            "restricted": sum(entry.status == "restricted" for entry in entries),
            "opening": sum(entry.opening is not None for entry in entries),
            "generation": max((entry.generation for entry in entries), default=0),
            "database": "ok" if away is None else f"away for {time.time() - away:.0f} s",
        }
        self._status.write(facts)
        self.link.set_facts("agent", time.time(), facts)
        if guard := guard_status(Path(self.tools.settings.var) / "guard" / "status.json"):
            self.link.set_facts("guard", *guard)

    def _keep_app_passwords(self) -> None:
        try:
            self.tools.app_passwords.keep()
            self._alarms.set("app passwords", None)
        except OSError as error:
            self._alarms.set("app passwords", f"the file of app passwords cannot be written: {error}")

    def _keep_inbound(self, rows: tuple[InboundRow, ...] | None) -> None:
        try:
            if rows is not None:
                self._inbound.keep(rows)
            self._alarms.set("inbound", None)
        except (OSError, ValueError) as error:
            self._alarms.set("inbound", f"the files of inbound warnings cannot be written: {error}")

    def _keep_waiting(self) -> None:
        entries = [entry for entry in self.ledger.entries() if keep_waiting.awaits_mail(entry)]
        if not entries or self._is_looking.is_set():
            return
        configured = keep_waiting.configuration_stamp(self.tools)
        # A lifetime made shorter counts from the next second, not from the next look in a minute.
        if time.monotonic() < self._next_look and configured == self._configured:
            return
        self._configured = configured

        def look() -> None:
            try:
                self._next_look = time.monotonic() + keep_waiting.look(self.tools, entries)
            finally:
                self._is_looking.clear()

        self._is_looking.set()
        if not self._runner.submit(look):
            self._is_looking.clear()

    def _prune_archive(self, now: float) -> None:
        """In the pool: ten thousand files are no reason for a decision to wait. The first time a second after start."""

        def prune() -> None:
            self.ledger.prune_archive(now)
            returned.prune_scripts(self.tools, now)

        if now >= self._next_prune and self._runner.submit(prune):
            self._next_prune = now + PRUNE_EVERY_S

    def _look_into(self, change: ScriptChanged) -> None:
        self._runner.submit(lambda: self._findings.look_into(change))
        self._settings.changed(change.mailbox)

    def _alarm_about_late_steps(self) -> None:
        late = {}
        now = time.time()
        for entry in [*self._active.values(), *self._refreshes.entries(), *self._held.entries()]:
            for plan in plans.live_plans(entry):
                for step in plans.steps_of(entry, plan):
                    record = plans.record_of(plan, step.name)
                    since = plans.late_since(plan, step)
                    if since is not None and now - since > LATE_S:
                        why = record.outcome or "not tried yet"
                        text = f"{entry.mailbox}: {plan.kind} {step.name} is not done: {why}"
                        late[f"late {entry.mailbox} {plan.kind} {step.name}"] = text
        self._alarms.replace("late ", late)

    def _alarm_about_ledger(self) -> None:
        bad = self.ledger.unreadable + self._refreshes.unreadable + self._held.unreadable
        self._alarms.set("ledger", f"ledger files cannot be read: {', '.join(bad[:3])}" if bad else None)
        lost = self._feeds.trouble()
        self._alarms.set("journal", lost or None)

    # --- steps

    def _tell_record(self, entry: Entry, plan: PlanRecord, step: Step, record: StepRecord) -> None:
        opening = plan.kind in ("release", "dismiss")
        position = [s.name for s in plans.steps_of(entry, plan)].index(step.name) + 1
        self.link.record(
            StepRow(
                mailbox=entry.mailbox,
                generation=plan.generation if opening else entry.generation,
                plan=plan.kind,
                name=step.name,
                position=position,
                state=record.state,
                outcome=record.outcome,
                at=record.at or plan.started_at,
            )
        )


@contextmanager
def _sole_agent(directory: Path) -> Iterator[bool]:
    """Holds this host's agent lock; False when another agent has it. The kernel frees it whatever kills us."""
    directory.mkdir(parents=True, exist_ok=True)
    fd = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(fd)


def run(settings: Settings) -> int:
    """Runs this host's agent until SIGTERM; 0, or 1 when another agent is running."""
    with _sole_agent(Path(settings.var) / "agent") as alone:
        if not alone:
            log.error("another agent is running on this host")
            return 1
        agent = Agent(settings)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, agent.stop)
        agent.loop()
    return 0
