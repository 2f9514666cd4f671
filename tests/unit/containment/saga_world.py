"""A whole host for the saga test: the agent's own main loop, orders and disk, and faults between it and its neighbours.

Time is a clock that moves when somebody waits. Everything the agent does outside its memory passes through `Faults`:
the commands, the site's database, the files Dovecot reads, the webmail. A killed agent leaves what it had done, and
nothing more: from the kill on every way out is shut until the next agent starts.
"""

from __future__ import annotations

import errno
import queue
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import msgspec
import pytest

from sekisho.config import Settings
from sekisho.containment import plans
from sekisho.containment.agent import Agent
from sekisho.containment.barrier import ensure
from sekisho.containment.barrier_keeper import BarrierKeeper
from sekisho.containment.commands import CommandError, CompletedCommand
from sekisho.containment.database_link import Fetched
from sekisho.containment.ledger import Entry, PlanRecord, StepRecord
from sekisho.containment.messages import AppPasswordRow, ClaimedOrder, StepRow
from sekisho.containment.passwd_file import PasswdFile
from sekisho.containment.work import Step, StepFailed, Tools
from sekisho.incidents.planted import Frozen, Tally
from sekisho.journal import StateFile

from .conftest import ALICE, ALICE_ALIAS, FakeSite
from .fake_host import OK, Clock, FakeHost

Fault = Literal["killed", "hangs", "exits 75", "exits 0 without effect"]
FAULTS: tuple[Fault, ...] = ("killed", "hangs", "exits 75", "exits 0 without effect")

HIJACKED, WAITING = "AAAAAA1", "WAITING1"
HOME = {"uid": "5000", "gid": "5000", "home": "/srv/mail/customer.example/alice", "mail": "maildir:~/Maildir"}
HASH = "111b595e96b026d019c9120f55e275382a64f824b7f1cad2d250e39353faf5cb"
# Commands that only ask. A program that lies about what is there is not the fault meant here.
_ASKING = (
    "postmap -q", "postmap -s", "postqueue -j", "postcat", "postconf", "doveadm -f tab", "doveadm auth test",
    "doveadm user", "doveadm sieve get",
)  # fmt: skip


class Killed(BaseException):
    """`kill -9` in this place."""


class Faults:
    """What goes wrong, in which step, at which of its calls.

    A call is named by its form: the command's first words, "file deny", "site.write_active".
    """

    def __init__(self) -> None:
        self.where: tuple[str, str] | None = None
        self.what: Fault = "killed"
        # Spoils every call of the step for good; else each form once, before and (a kill) after its effect.
        self.for_good = False
        self.is_dead = False
        self._now_in: tuple[str, str] | None = None
        self._spoilt: set[tuple[str, str]] = set()
        self.fired = 0
        # The forms spoilt since the step in hand began.
        self.hit: set[str] = set()

    def arm(self, where: tuple[str, str], what: Fault, *, for_good: bool) -> None:
        self.where, self.what, self.for_good = where, what, for_good

    def disarm(self) -> None:
        self.where = None

    @contextmanager
    def step(self, plan: str, name: str) -> Iterator[None]:
        self._now_in, self.hit = (plan, name), set()
        try:
            yield
        finally:
            self._now_in = None

    def passed(self, form: str, acts: bool, do: Callable[[], Any], broken: Callable[[Fault], Any]) -> Any:
        """The call's answer, or what comes of it under the fault. `broken` answers or raises in the neighbour's way."""
        if self.is_dead:
            raise Killed
        fault = self._fault_for(form, acts)
        if fault == "":
            return do()
        self.fired += 1
        self.hit.add(form)
        if fault == "killed afterwards":
            do()
        if fault.startswith("killed"):
            self.is_dead = True
            raise Killed
        if fault == "hangs with its effect":
            do()
            fault = "hangs"
        return broken(fault)  # type: ignore[arg-type]

    def _fault_for(self, form: str, acts: bool) -> str:
        if self.where is None or self._now_in != self.where:
            return ""
        if self.what == "exits 0 without effect" and not acts:
            return ""
        if self.for_good:
            return self.what
        # What was done before the fault is as important as what was not: both, one after the other.
        ways = {"killed": ("killed", "killed afterwards"), "hangs": ("hangs", "hangs with its effect")}
        for way in ways.get(self.what, (self.what,)):
            if (form, way) not in self._spoilt:
                self._spoilt.add((form, way))
                return way
        return ""


class SagaHost(FakeHost):
    """The fake host with the memories that reloads and flushes are about, and letters that can be counted."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        # Login names whose answer Dovecot remembers; whether smtpd and qmgr remember an address.
        self.cached: set[str] = set()
        self.remembers = True
        self.retried: set[str] = set()
        self.switched_off: list[str] = []
        self.faults: Faults | None = None

    def __call__(self, argv: Sequence[str], stdin: bytes = b"", deadline: float = 5.0) -> CompletedCommand:
        words = (argv[0], *argv[3:])
        form = " ".join(words[: {"doveadm": 4, "sievec": 1}.get(words[0], 2)])
        acts = not form.startswith(_ASKING)

        def broken(fault: Fault) -> CompletedCommand:
            if fault == "hangs":
                self.clock.sleep(deadline)
                raise CommandError(f"{argv[0]} did not answer in time")
            if fault == "exits 75":
                return CompletedCommand(75, b"", b"temporary failure")
            return OK

        if self.faults is None:
            return super().__call__(argv, stdin, deadline)
        return self.faults.passed(form, acts, lambda: super(SagaHost, self).__call__(argv, stdin, deadline), broken)

    def _doveadm(self, words: tuple[str, ...], stdin: str) -> CompletedCommand:
        if words[:3] == ("auth", "cache", "flush"):
            self.cached -= set(words[4:])
        if words[:2] == ("sieve", "deactivate") and ALICE in self.active:
            self.switched_off.append(self.active[ALICE])
        return super()._doveadm(words, stdin)

    def _postfix(self, words: tuple[str, ...], stdin: str) -> CompletedCommand:
        self.remembers = False
        return OK

    def _postqueue(self, words: tuple[str, ...], stdin: str) -> CompletedCommand:
        if words[0] == "-i":
            self.retried.add(words[1])
        return super()._postqueue(words, stdin)


class SagaPlanted:
    """incidents.planted with one forward of the intruder's in the site's table."""

    def __init__(self, faults: Faults) -> None:
        self.in_force = True
        self.changes = 0
        self._faults = faults

    def _switch(self, in_force: bool) -> bool:
        changed = self.in_force != in_force

        def do() -> bool:
            self.in_force, self.changes = in_force, self.changes + changed
            return changed

        return bool(self._faults.passed("planted", True, do, _no_database))

    def freeze(self, *what: object) -> Frozen:
        return Frozen(planted=("evil",), owners=("mine",), switched=self._switch(False))

    def confirm_off(self, *what: object) -> Tally:
        return Tally(0 if self.in_force else 1, 0, 0, 1 if self.in_force else 0)

    def give_back(self, *what: object) -> int:
        if self.in_force:
            return 0
        if not self._switch(True):
            # As the real one: it reads back in the same transaction.
            raise StepFailed("not given back")
        return 1


def _no_database(fault: Fault) -> None:
    if fault != "exits 0 without effect":
        raise StepFailed("the database does not answer")


class SagaWebmail:
    def __init__(self, faults: Faults) -> None:
        self.logins = [ALICE, "bob@customer.example"]
        self.ended = 0
        self._faults = faults

    def _pass(self, form: str, acts: bool, do: Callable[[], int]) -> int:
        from sekisho.containment.roundcube import WebmailError

        def broken(fault: Fault) -> int:
            if fault != "exits 0 without effect":
                raise WebmailError("no answer")
            # Found, as always, and still there.
            return sum(login == ALICE for login in self.logins)

        return int(self._faults.passed(form, acts, do, broken))

    def end_sessions(self, is_mine: Callable[[str], bool]) -> int:
        def do() -> int:
            mine = [login for login in self.logins if is_mine(login)]
            self.logins = [login for login in self.logins if login not in mine]
            self.ended += len(mine)
            return len(mine)

        return self._pass("webmail end", True, do)

    def count_sessions(self, is_mine: Callable[[str], bool]) -> int:
        return self._pass("webmail count", False, lambda: sum(map(is_mine, self.logins)))


class SagaLink(FakeSite):
    """The databases: the site's mailbox table, and orders with their lease. They survive every agent."""

    def __init__(self, faults: Faults) -> None:
        super().__init__()
        self.planted: Any = SagaPlanted(faults)
        self.inbox: queue.SimpleQueue[ClaimedOrder | Fetched] = queue.SimpleQueue()
        self.orders: dict[int, ClaimedOrder] = {}
        self.state: dict[int, str] = {}
        self.rows: dict[tuple[str, int, str, str], StepRow] = {}
        self.writes: list[bool] = []
        self.app_password_rows = [AppPasswordRow(ALICE, 0, 7, "0111", HASH, ("imap",))]
        self.away_since: float | None = None
        # Called at the moment an order is told as done.
        self.on_finish: Callable[[int], None] = lambda order_id: None
        self._faults = faults

    def start(self) -> None:
        """A new agent claims what its predecessor had claimed, too (its first lease is 0)."""
        self.inbox = queue.SimpleQueue()
        domains = frozenset({"customer.example", "alias.example"})
        state = StateFile(0.0, {}, {"alias.example": "customer.example"})
        self.inbox.put(Fetched(state, domains, FakeSite.app_passwords(self)))
        for number, order in self.orders.items():
            if self.state[number] == "open":
                self.inbox.put(order)

    def stop(self) -> None: ...

    def place(self, order: ClaimedOrder) -> None:
        self.orders[order.id], self.state[order.id] = order, "open"
        self.inbox.put(order)

    def record(self, row: StepRow) -> None:
        self.rows[row.mailbox, row.generation, row.plan, row.name] = row

    def finish(self, order_id: int, state: str) -> None:
        if self._faults.is_dead:
            raise Killed
        if self.state[order_id] == "open":
            self.on_finish(order_id)
            self.state[order_id] = state

    def set_facts(self, process: str, at: float, facts: dict[str, Any]) -> None: ...

    def password_marks(self, mailboxes: Sequence[str]) -> dict[str, str]:
        return dict.fromkeys(mailboxes, "mark")

    def _pass(self, form: str, acts: bool, do: Callable[[], Any]) -> Any:
        return self._faults.passed(form, acts, do, _no_database)

    def read_active(self, mailbox: str) -> bool | None:
        return self._pass("site.read_active", False, lambda: self.active.get(mailbox))  # type: ignore[no-any-return]

    def write_active(self, mailbox: str, active: bool) -> None:
        def do() -> None:
            if self.active[mailbox] != active:
                self.writes.append(active)
            self.active[mailbox] = active

        self._pass("site.write_active", True, do)

    def about_planted(self, question: Callable[[Any], Any]) -> Any:
        return question(self.planted)

    def app_passwords(self) -> Any:
        return self._pass("site.app_passwords", False, lambda: FakeSite.app_passwords(self))


class Inline:
    """A pool that works at once."""

    def submit(self, job: Callable[..., object], *arguments: object) -> None:
        job(*arguments)

    def map(self, function: Callable[..., object], items: Sequence[object]) -> Iterator[object]:
        return iter([function(item) for item in items])

    def shutdown(self, **options: object) -> None: ...


class World:
    """A host with an incident of ALICE's, and whatever agent is running."""

    def __init__(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock, self.faults = Clock(time.time()), Faults()
        # Called at the moment a step counts as done: plan and name.
        self.on_done: Callable[[str, str], None] = lambda plan, step: None
        dovecot = msgspec.structs.replace(settings.dovecot, returned_mail_scripts=f"{settings.var}/returned")
        postfix = msgspec.structs.replace(settings.postfix, rescue_transport="sekisho-rescue:unix:private/lmtp")
        self.settings = msgspec.structs.replace(settings, dovecot=dovecot, postfix=postfix)
        self._patch(monkeypatch)
        self.link = SagaLink(self.faults)
        self.webmail = SagaWebmail(self.faults)
        self.host = SagaHost(Path(settings.barrier), self.clock)
        ensure(self.settings, self.host)
        self._fill()
        self.host.faults = self.faults
        self.agent = self._agent()
        # The site's names and app passwords are known before anything happens.
        self.tick()

    def _fill(self) -> None:
        host = self.host
        host.sessions = {ALICE: 2, ALICE_ALIAS: 1}
        host.pids = {ALICE: 11, ALICE_ALIAS: 12}
        host.cached = {ALICE, ALICE_ALIAS}
        host.scripts, host.active = {ALICE: {"mine": "keep;", "evil": 'redirect "x@outside.test";'}}, {ALICE: "evil"}
        host.homes = {ALICE: dict(HOME)}
        host.shown = lambda name: bool(self.link.active.get(name))
        host.add_message(HIJACKED, "x@outside.test", login=ALICE)
        host.add_message(WAITING, ALICE)

    def _patch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock, faults = self.clock, self.faults
        times = SimpleNamespace(time=clock, monotonic=clock)
        for module in ("agent", "barrier_keeper", "held_orders", "probes", "passwd_file"):
            monkeypatch.setattr(f"sekisho.containment.{module}.time", times)
        event = SimpleNamespace(wait=lambda timeout=0: clock.sleep(timeout), set=lambda: None, is_set=lambda: False)
        threads = SimpleNamespace(Event=lambda: SimpleNamespace(**vars(event), clear=lambda: None))
        monkeypatch.setattr("sekisho.containment.agent.threading", threads)
        for module in ("step_runner", "probes"):
            monkeypatch.setattr(f"sekisho.containment.{module}.ThreadPoolExecutor", lambda *a, **k: Inline())
        monkeypatch.setattr("sekisho.containment.settings_watch.SettingsWatch.start", lambda watch: None)
        monkeypatch.setattr("sekisho.containment.agent.webmails_of", lambda settings: (self.webmail,))
        for module in ("barrier", "rescue"):
            monkeypatch.setattr(f"sekisho.containment.{module}.settings", lambda: self.settings)
        # The disk's own time is not what is looked at here.
        monkeypatch.setattr("os.fsync", lambda fd: None)
        self._patch_files(monkeypatch)
        run_step, raise_all = plans.run_step, BarrierKeeper._raise

        def step(tools: Tools, entry: Entry, plan: PlanRecord, step: Step) -> StepRecord:
            with faults.step(plan.kind, step.name):
                record = run_step(tools, entry, plan, step)
            if record.is_done:
                self.on_done(plan.kind, step.name)
            return record

        def raising(keeper: BarrierKeeper, due: list[tuple[Entry, PlanRecord, Step]]) -> str:
            with faults.step(due[0][1].kind, "raise_barrier"):
                failure = raise_all(keeper, due)
            if not failure:
                self.on_done(due[0][1].kind, "raise_barrier")
            return failure

        monkeypatch.setattr(plans, "run_step", step)
        monkeypatch.setattr(BarrierKeeper, "_raise", raising)

    def _patch_files(self, monkeypatch: pytest.MonkeyPatch) -> None:
        faults = self.faults

        def broken(fault: Fault) -> None:
            if fault != "exits 0 without effect":
                raise OSError(errno.EIO, "Input/output error")

        def passed(form: str, write: Callable[..., Any]) -> Callable[..., Any]:
            def through(*arguments: Any, **options: Any) -> Any:
                name = f"file {arguments[0].path.name}" if form == "passwd" else form
                return faults.passed(name, True, lambda: write(*arguments, **options), broken)

            return through

        monkeypatch.setattr(PasswdFile, "replace", passed("passwd", PasswdFile.replace))
        from sekisho.containment import ledger, returned

        monkeypatch.setattr(returned, "replace_file", passed("file returned", returned.replace_file))
        write = ledger.replace_file

        def save(*arguments: Any, **options: Any) -> None:
            if faults.is_dead:
                raise Killed
            write(*arguments, **options)

        monkeypatch.setattr(ledger, "replace_file", save)

    def _agent(self) -> Agent:
        self.faults.is_dead = False
        agent = Agent(self.settings, self.host, self.link)  # type: ignore[arg-type]
        agent._begin()
        return agent

    # --- what people do, and time

    def order(self, number: int, kind: str, generation: int = 0, **details: object) -> None:
        self.link.place(ClaimedOrder(number, ALICE, kind, generation, self.clock(), details, None))

    def tick(self, pause: float = 1.0) -> None:
        """One tick of the agent, and a pause; a killed agent's successor starts after it."""
        try:
            self.agent.tick()
        except Killed:
            self.clock.sleep(pause)
            self.agent = self._agent()
            return
        self.clock.sleep(pause)

    def run(self, pauses: Iterable[float], until: Callable[[], bool] = lambda: False) -> bool:
        """A tick before each of these pauses; whether `until` came true."""
        for pause in pauses:
            self.tick(pause)
            if until():
                return True
        return False

    # --- looking

    def plan_entries(self, kind: str) -> list[tuple[Entry, PlanRecord]]:
        """The live plans of this kind, in whichever of the agent's ledgers."""
        agent = self.agent
        entries = [*agent.ledger.entries(), *agent._refreshes.entries(), *agent._held.entries()]
        return [(entry, plan) for entry in entries if (plan := entry.plans.get(kind)) and not plan.superseded]

    def rows(self, file: str) -> set[str]:
        """The keys of a barrier file, read beside the agent."""
        from sekisho.containment.barrier import SENTINEL, Barrier
        from sekisho.containment.postfix import Postfix

        self.host.faults = None
        try:
            return set(Barrier(self.host.barrier, Postfix("/etc/postfix", self.host))._read(file)) - {SENTINEL}
        finally:
            self.host.faults = self.faults

    def returned_script(self) -> bytes:
        path = Path(self.settings.dovecot.returned_mail_scripts) / f"{ALICE}.sieve"
        return path.read_bytes() if path.exists() else b""

    def app_lines(self) -> list[str]:
        return (self.host.barrier / "app-passwords").read_text().splitlines()

    def queue_name(self, queue_id: str) -> str:
        found = [m["queue_name"] for i, m in self.host.queue.items() if i.startswith(queue_id)]
        # One letter is one file, whatever happened.
        assert len(found) <= 1, self.host.queue
        return found[0] if found else ""
