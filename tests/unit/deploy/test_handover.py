"""The supervisor's half of an upgrade: sockets outlive the process they belong to, and so do connections."""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path

import pytest
from deploy.test_supervisor import Watched, layout, watched

from sekisho.deploy.supervisor import Part

__all__ = ["layout", "watched"]

# A part that answers "PID\n" to each line of its first connection, and leaves that connection to its successor.
PART = """
import os, signal, socket, sys
from sekisho import service
handed = service.inherited()
(listening,) = handed["door"]
kept = handed.get("door-connection", [])
service.forget("door-connection")
connection = kept[0] if kept else None
service.notify("READY=1")
def leave(*_):
    service.store("door-connection", [connection.fileno()])
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
if connection is None:
    connection, _ = listening.accept()
while line := connection.recv(100):
    connection.sendall(b"%d\\n" % os.getpid())
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def start(watched: Watched, tmp_path: Path) -> tuple[Part, int]:
    script, port = tmp_path / "part.py", free_port()
    script.write_text(PART)
    part = watched.add("door", f"exec {sys.executable} {script}", sockets={"door": port})
    assert watched.supervisor.run_until(lambda: watched.supervisor.is_ready("door"), 20.0), part.log.read_text()
    return part, port


def ask(watched: Watched, connection: socket.socket) -> int:
    """The pid of who answers on this connection, while the supervisor looks after its parts."""
    connection.sendall(b"who\n")
    connection.settimeout(0.02)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        watched.supervisor.look()
        try:
            return int(connection.recv(100))
        except TimeoutError:
            continue
    raise AssertionError("no answer")


def test_a_successor_goes_on_with_the_same_connection(watched: Watched, tmp_path: Path) -> None:
    part, port = start(watched, tmp_path)
    assert part.process is not None
    first = part.process.pid
    with socket.create_connection(("127.0.0.1", port)) as connection:
        assert ask(watched, connection) == first
        for _ in range(2):
            ending = part.process
            ending.terminate()
            ending.wait(10)
            # Asked while nobody is there: it waits for the successor.
            assert ask(watched, connection) == part.process.pid != ending.pid


def test_a_socket_stays_open_while_nobody_is_there(watched: Watched, tmp_path: Path) -> None:
    part, port = start(watched, tmp_path)
    assert part.process is not None
    part.process.kill()
    part.process.wait(10)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        assert ask(watched, connection) == part.process.pid


def test_a_killed_part_is_not_ready_until_its_successor_says_so(watched: Watched, tmp_path: Path) -> None:
    part, _ = start(watched, tmp_path)
    assert part.process is not None
    part.process.kill()
    part.process.wait(10)
    watched.supervisor.look()
    assert not watched.supervisor.is_ready("door")
    assert watched.supervisor.run_until(lambda: watched.supervisor.is_ready("door"), 20.0)


def test_another_process_cannot_speak_for_a_part(watched: Watched) -> None:
    watched.add("door", "sleep 60", sockets={"door": free_port()})
    watched.supervisor.look()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(b"READY=1", str(watched.layout.run / "notify"))
    watched.supervisor.look()
    assert not watched.supervisor.is_ready("door")


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors in /proc")
def test_it_keeps_no_descriptor_when_it_stops(watched: Watched) -> None:
    before = len(os.listdir("/proc/self/fd"))
    watched.add("door", "sleep 60", sockets={"door": free_port()})
    watched.supervisor.look()
    watched.supervisor.stop()
    # The supervisor that `watched` began with holds its own ear.
    assert len(os.listdir("/proc/self/fd")) <= before
