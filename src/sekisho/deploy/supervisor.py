"""Keeps the local stack's parts running: starts, restarts, stops them, and leaves nothing behind.

Every part is a child in a session of its own: a terminal's Ctrl-C reaches the supervisor alone, which then stops the
parts in good order. They also die with a supervisor killed by -9: `setpriv --pdeathsig TERM` asks the kernel for that,
and a watcher (watcher.py) ends those for whom the kernel forgets it. One thread, no signals lost: a loop looks at the
children ten times a second, which costs well under 1 % of a core.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from sekisho.deploy.handover import Handover
from sekisho.deploy.layout import Layout
from sekisho.deploy.rights import prefix_for

LOOK_EVERY = 0.1
# Seconds before the next start of a part that crashed: at once, then longer while it never lives for STEADY_AFTER.
PAUSES = (0.0, 0.5, 1.0, 2.0, 4.0, 5.0)
STEADY_AFTER = 10.0
# Dovecot and Postfix stop within a second, gunicorn within its grace; then the rest is killed. Under 10 s in all.
GRACE = 7.0


@dataclass
class Part:
    """One supervised process: how to start it, and what became of it."""

    name: str
    command: Sequence[str]
    log: Path
    # Empty: as the supervisor itself (root).
    user: str = ""
    # All it may have of root's capabilities, in setpriv(1)'s words; None: whatever we have.
    capabilities: Sequence[str] | None = None
    # Sockets of its that we hold and hand to each of its processes in turn, as systemd does: name -> port on 127.0.0.1.
    sockets: Mapping[str, int] = field(default_factory=dict)
    # Stopped when all others have ended: they still need it.
    last: bool = False
    # What asks it to stop.
    stop_signal: int = signal.SIGTERM
    # False: the part cannot be started yet (its module is missing); looked at again after the longest pause.
    available: Callable[[], bool] = lambda: True
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    crashes: int = 0
    next_try: float = 0.0
    reported_missing: bool = False
    # Session ids of its processes (the child's pid); a session lives as long as one member does.
    sessions: set[int] = field(default_factory=set)


class Supervisor:
    """Runs parts until told to stop. `say` gets one line per event a person should know."""

    def __init__(
        self, parts: Sequence[Part], layout: Layout, environment: Mapping[str, str], say: Callable[[str], None]
    ) -> None:
        self._parts: list[Part] = []
        self._pids = layout.pids
        # The parts' working directory: ours may be one that the unprivileged user cannot enter.
        self._directory = layout.var
        self._environment = dict(environment)
        self._say = say
        self._handover = Handover(layout.run / "notify")
        self.add(parts)
        self._watcher: subprocess.Popen[bytes] | None = None
        self.stopping = False

    def handle_signals(self) -> None:
        """SIGTERM, SIGINT and SIGHUP (a closed terminal) end the loop; what nohup ignores stays ignored."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN or number == signal.SIGINT:
                signal.signal(number, self._stop_on_signal)

    def _stop_on_signal(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True

    def add(self, parts: Sequence[Part]) -> None:
        """Further parts, started at the next look; raises OSError when a port of theirs is taken."""
        for part in parts:
            self._handover.open(part.name, part.sockets)
        self._parts += parts

    def look(self) -> None:
        """Starts what is due and notices what has ended; called every LOOK_EVERY."""
        now, changed = time.monotonic(), False
        self._listen()
        for part in self._parts:
            if part.process is not None and part.process.poll() is not None:
                self._note_end(part, now)
                changed = True
            if part.process is None and now >= part.next_try and not self.stopping:
                changed |= self._start(part, now)
        if changed:
            self._write_pids()

    def is_ready(self, name: str) -> bool:
        """Whether this part's present process has said that it is."""
        return self._handover.is_ready(name)

    def _listen(self) -> None:
        self._handover.read({part.process.pid: part.name for part in self._parts if part.process is not None})

    def start_watcher(self) -> None:
        """Starts the process that ends the parts should we be killed; it ends when we do."""
        self._watcher = subprocess.Popen(
            [sys.executable, "-m", "sekisho.deploy.watcher", str(self._pids)],
            stdin=subprocess.PIPE,
            cwd=self._directory,
            env=self._environment,
            start_new_session=True,
        )

    def run_until(self, done: Callable[[], bool], deadline: float) -> bool:
        """Looks after the parts until `done()`, at most `deadline` seconds; True when done, False otherwise."""
        end = time.monotonic() + deadline
        while not self.stopping and time.monotonic() < end:
            self.look()
            if done():
                return True
            time.sleep(LOOK_EVERY)
        return False

    def stop(self) -> None:
        """SIGTERM to every part, SIGKILL after GRACE, then what is left of the parts' sessions; the last ones last."""
        self.stopping = True
        for last in (False, True):
            self._stop([part for part in self._parts if part.last == last])
        self._handover.close()
        self._pids.unlink(missing_ok=True)
        if self._watcher is not None and self._watcher.stdin is not None:
            self._watcher.stdin.close()
            self._watcher.wait()

    def _stop(self, parts: Sequence[Part]) -> None:
        running = [part for part in parts if part.process is not None]
        for part in running:
            assert part.process is not None  # noqa: S101 - for the type checker, filtered above
            _signal(part.process.pid, part.stop_signal)
        end = time.monotonic() + GRACE
        while any(part.process and part.process.poll() is None for part in running) and time.monotonic() < end:
            # Nobody's last word may have to wait for a listener.
            self._listen()
            time.sleep(0.05)
        sessions = set().union(*(part.sessions for part in parts))
        # Children of the parts (login processes, queue daemons) end in the moment after their master, or are told to.
        while (left := _members(sessions)) and time.monotonic() < end:
            for process, _ in left:
                _signal(process, signal.SIGTERM)
            time.sleep(0.05)
        while left := _members(sessions):
            for process, _ in left:
                _signal(process, signal.SIGKILL)
            time.sleep(0.01)
        for part in running:
            if part.process is not None:
                part.process.wait()

    def run_once(self, command: Sequence[str], deadline: float) -> int | None:
        """Runs a program on our terminal while looking after the parts; its exit code, None when it had to be ended."""
        process = subprocess.Popen(
            [*prefix_for(""), *command],
            stdin=subprocess.DEVNULL,
            env=self._environment,
            start_new_session=True,
        )
        self.run_until(lambda: process.poll() is not None, deadline)
        if process.poll() is None:
            process.terminate()
            process.wait()
            return None
        return process.returncode

    def _start(self, part: Part, now: float) -> bool:
        if not part.available():
            part.next_try = now + PAUSES[-1]
            if not part.reported_missing:
                self._say(f"{part.name}: its module is not there; looking again every {PAUSES[-1]:.0f} s")
            part.reported_missing = True
            return False
        command = [*prefix_for(part.user, part.capabilities), *part.command]
        environment = self._environment | self._handover.environment
        with part.log.open("ab") as log:
            part.process = subprocess.Popen(
                command,
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
                # Only a part with sockets needs it: they must stand at numbers that only the child can set.
                preexec_fn=self._handover.launch(part.name, command, environment) if part.sockets else None,
            )
        part.sessions.add(part.process.pid)
        part.started = now
        return True

    def _note_end(self, part: Part, now: float) -> None:
        assert part.process is not None  # noqa: S101 - for the type checker, the caller looked
        code = part.process.returncode
        # What it said while it ended: connections for its successor.
        self._listen()
        self._handover.ended(part.name)
        part.process = None
        if self.stopping:
            return
        # What its master left behind would hold the ports that the new one needs.
        for process, _ in _members(part.sessions):
            _signal(process, signal.SIGTERM)
        part.sessions = {session for _, session in _members(part.sessions)}
        part.crashes = 0 if now - part.started >= STEADY_AFTER else part.crashes
        pause = PAUSES[min(part.crashes, len(PAUSES) - 1)]
        part.crashes += 1
        part.next_try = now + pause
        when = f"in {pause:g} s" if pause else "at once"
        self._say(f"{part.name} ended ({_reason(code)}), starting again {when}; its log is {part.log}")

    def _write_pids(self) -> None:
        running = {part.name: part.process.pid for part in self._parts if part.process is not None}
        draft = self._pids.with_name(self._pids.name + ".new")
        draft.write_text(json.dumps(running))
        draft.replace(self._pids)


def _reason(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _signal(process: int, number: int) -> None:
    try:
        os.kill(process, number)
    except ProcessLookupError:
        pass


def _members(sessions: set[int]) -> list[tuple[int, int]]:
    """Living processes of these sessions, each with its session (field 6 of stat, proc(5)); zombies do not count."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            state, _, _, session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if int(session) in sessions and state not in "ZX":
            found.append((int(entry.name), int(session)))
    return found


def program(name: str) -> str:
    """The full path of a program installed beside the running interpreter (`sekisho`)."""
    return str(Path(sys.executable).with_name(name))
