"""The supervisor restarts what crashed, gives up no part, and leaves nothing running."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sekisho.deploy import supervisor
from sekisho.deploy.layout import Layout, Ports
from sekisho.deploy.supervisor import PAUSES, Part, Supervisor


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(var=tmp_path, ports=Ports())
    layout.run.mkdir()
    return layout


class Watched:
    """A supervisor over shell scripts, with what it said."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.said: list[str] = []
        self.parts: list[Part] = []
        self.supervisor = self._supervisor()

    def _supervisor(self) -> Supervisor:
        return Supervisor(self.parts, self.layout, os.environ, self.said.append)

    def add(self, name: str, script: str, **how: object) -> Part:
        part = Part(name, ["/bin/sh", "-c", script], self.layout.var / f"{name}.log", **how)  # type: ignore[arg-type]
        self.parts.append(part)
        self.supervisor = self._supervisor()
        return part

    def pids(self) -> dict[str, int]:
        content: dict[str, int] = json.loads(self.layout.pids.read_text())
        return content


@pytest.fixture
def watched(layout: Layout) -> Iterator[Watched]:
    watched = Watched(layout)
    yield watched
    watched.supervisor.stop()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def soon(condition: Callable[[], bool]) -> bool:
    """Whether it becomes true within 3 s; looks again and again instead of sleeping."""
    end = time.monotonic() + 3.0
    while time.monotonic() < end:
        if condition():
            return True
        os.sched_yield()
    return False


def test_it_restarts_a_killed_part_at_once_and_says_so(watched: Watched) -> None:
    watched.add("guard", "sleep 60")
    watched.supervisor.look()
    first = watched.pids()["guard"]
    os.kill(first, signal.SIGKILL)
    assert watched.supervisor.run_until(lambda: watched.pids()["guard"] != first, 3.0)
    assert "guard ended (signal SIGKILL), starting again at once" in watched.said[0]


def test_a_part_that_crashes_again_and_again_is_started_ever_more_slowly(watched: Watched) -> None:
    part = watched.add("guard", "exit 3")
    while len(watched.said) <= len(PAUSES):
        # As if the pause were over.
        part.next_try = 0.0
        watched.supervisor.look()
        if part.process is not None:
            part.process.wait()
    pauses = [line.split("starting again ")[1].split(";")[0] for line in watched.said]
    assert pauses == ["at once", "in 0.5 s", "in 1 s", "in 2 s", "in 4 s", "in 5 s", "in 5 s"]


def test_it_ends_the_children_of_a_part_that_was_killed(watched: Watched) -> None:
    child_file = watched.layout.var / "child"
    watched.add("web", f"sleep 60 & echo $! > {child_file}; wait")
    watched.supervisor.run_until(lambda: child_file.exists() and child_file.read_text().strip() != "", 3.0)
    child = int(child_file.read_text())
    os.kill(watched.pids()["web"], signal.SIGKILL)
    assert watched.supervisor.run_until(lambda: not is_alive(child), 3.0)


def test_stopping_leaves_nothing_running_and_no_pid_file(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "GRACE", 0.2)
    child_file = watched.layout.var / "child"
    # Both ignore SIGTERM.
    watched.add("web", f"trap '' TERM; sleep 60 & echo $! > {child_file}; wait")
    watched.supervisor.run_until(lambda: child_file.exists() and child_file.read_text().strip() != "", 3.0)
    pids = [watched.pids()["web"], int(child_file.read_text())]
    watched.supervisor.stop()
    assert [pid for pid in pids if is_alive(pid)] == []
    assert not watched.layout.pids.exists()


def test_a_part_whose_module_is_missing_is_reported_once_and_tried_again(watched: Watched) -> None:
    there = False
    part = watched.add("agent", "sleep 60", available=lambda: there)
    for _ in range(3):
        part.next_try = 0.0
        watched.supervisor.look()
    assert watched.said == ["agent: its module is not there; looking again every 5 s"]
    there = True
    part.next_try = 0.0
    watched.supervisor.look()
    assert part.process is not None


def test_the_parts_die_with_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    script = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from sekisho.deploy.layout import Layout, Ports\n"
        "from sekisho.deploy.supervisor import Part, Supervisor\n"
        f"layout = Layout(var=Path({str(tmp_path)!r}), ports=Ports())\n"
        "layout.run.mkdir()\n"
        "part = Part('guard', ['/bin/sleep', '60'], layout.var / 'log')\n"
        "Supervisor([part], layout, os.environ, print).look()\n"
        "print(part.process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    mother = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert mother.stdout is not None
    part = int(mother.stdout.readline())
    # setpriv has done its work when the process is what it was asked to run.
    assert soon(lambda: Path(f"/proc/{part}/comm").read_text() == "sleep\n")
    mother.kill()
    mother.wait()
    assert soon(lambda: not is_alive(part))


def test_run_once_gives_the_programs_exit_code(watched: Watched) -> None:
    assert watched.supervisor.run_once(["/bin/sh", "-c", "exit 4"], 5.0) == 4


def test_run_once_ends_a_program_that_takes_too_long(watched: Watched) -> None:
    assert watched.supervisor.run_once(["/bin/sleep", "60"], 0.2) is None


def test_what_others_need_is_stopped_after_them(watched: Watched, layout: Layout) -> None:
    order = layout.var / "order"
    script = "trap 'sleep {}; echo {} >>" + str(order) + "; exit' TERM; touch {}; while :; do sleep 0.05; done"
    for name, pause, last in (("server", 0, True), ("client", 0.5, False)):
        watched.add(name, script.format(pause, name, layout.var / f"{name}.up"), last=last)
    both = [layout.var / f"{name}.up" for name in ("server", "client")]
    assert watched.supervisor.run_until(lambda: all(path.exists() for path in both), 10)
    watched.supervisor.stop()
    assert order.read_text().split() == ["client", "server"]


def test_the_sockets_of_a_part_that_comes_later_are_held_as_well(layout: Layout) -> None:
    """An upgrade refused connections for half a second when `add` forgot them."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    supervisor = Supervisor([], layout, os.environ, print)
    supervisor.add([Part("later", ["true"], layout.var / "later.log", sockets={"door": port})])
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        pass
    supervisor.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
