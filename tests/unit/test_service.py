"""What is said to a service manager, by the protocols of systemd's manual pages, against real sockets."""

from __future__ import annotations

import array
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sekisho import service


@pytest.fixture
def ears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A service manager's NOTIFY_SOCKET."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ears:
        ears.bind(str(tmp_path / "notify"))
        ears.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield ears


def test_it_says_nothing_without_a_service_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not service.notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", "vsock:2:1234")
    assert not service.notify("READY=1")


def test_it_says_its_lines_in_one_message(ears: socket.socket) -> None:
    assert service.notify("READY=1", "STATUS=open")
    assert ears.recv(100) == b"READY=1\nSTATUS=open"


def test_an_abstract_address_begins_with_an_at_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"sekisho-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ears:
        ears.bind("\0" + name)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name)
        assert service.notify("READY=1")
        assert ears.recv(100) == b"READY=1"


def test_a_manager_that_is_gone_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    assert not service.notify("READY=1")


def test_a_connection_that_is_stored_lives_on_with_the_manager(ears: socket.socket) -> None:
    ours, theirs = socket.socketpair()
    assert service.store("policy-connection", [ours.fileno()])
    ours.close()
    said, ancillary, _, _ = ears.recvmsg(1000, socket.CMSG_SPACE(4))
    assert said == b"FDSTORE=1\nFDNAME=policy-connection"
    ((_, kind, data),) = ancillary
    assert kind == socket.SCM_RIGHTS
    with socket.socket(fileno=array.array("i", data)[0]) as kept:
        kept.sendall(b"still here")
    assert theirs.recv(100) == b"still here"
    theirs.close()


def test_more_connections_than_fit_a_message_go_in_several(ears: socket.socket) -> None:
    ours, theirs = socket.socketpair()
    assert service.store("policy-connection", [ours.fileno()] * (service.DESCRIPTORS_A_MESSAGE + 1))
    counts = []
    for _ in range(2):
        _, ancillary, _, _ = ears.recvmsg(1000, socket.CMSG_SPACE(4 * 300))
        descriptors = array.array("i", ancillary[0][2])
        counts.append(len(descriptors))
        for descriptor in descriptors:
            os.close(descriptor)
    assert counts == [service.DESCRIPTORS_A_MESSAGE, 1]
    ours.close()
    theirs.close()


CHILD = """
import os, socket
for number in range(2):
    os.dup2(int(os.environ["GIVEN"]), 3 + number)
os.environ["LISTEN_PID"] = os.environ["AS_PID"] or str(os.getpid())
from sekisho import service
found = service.inherited()
print({name: [service.is_listening(one) for one in sockets] for name, sockets in found.items()})
print(os.get_inheritable(3), service.inherited(), "LISTEN_FDS" in os.environ)
"""


def inherit(as_pid: str = "", fds: str = "2") -> list[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        told = {"LISTEN_FDS": fds, "LISTEN_FDNAMES": "policy:events", "AS_PID": as_pid, "GIVEN": str(server.fileno())}
        done = subprocess.run(
            [sys.executable, "-c", CHILD], env=os.environ | told, pass_fds=[server.fileno()], capture_output=True,
            text=True, timeout=60, check=True,
        )  # fmt: skip
    return done.stdout.splitlines()


def test_it_takes_the_sockets_it_is_given_once_and_keeps_them_from_its_children() -> None:
    assert inherit() == ["{'policy': [True], 'events': [True]}", "False {} False"]


@pytest.mark.parametrize(("as_pid", "fds"), [("1", "2"), ("", "x"), ("", "")])
def test_sockets_meant_for_another_process_are_left_alone(as_pid: str, fds: str) -> None:
    assert inherit(as_pid, fds)[0] == "{}"


def test_it_tells_that_it_is_alive_often_enough_and_no_more(
    ears: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "10000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    clock = [100.0]
    monkeypatch.setattr(service.time, "monotonic", lambda: clock[0])
    watchdog = service.Watchdog()
    assert watchdog.pause == 5.0
    told = 0
    for _ in range(200):
        watchdog.alive()
        clock[0] += 0.1
    ears.setblocking(False)
    while True:
        try:
            assert ears.recv(100) == b"WATCHDOG=1"
        except BlockingIOError:
            break
        told += 1
    # Twenty seconds, one each 2.5 s; ten seconds of silence would end us.
    assert told == 8


@pytest.mark.parametrize(("usec", "pid"), [("", ""), ("0", ""), ("x", ""), ("10000000", "1")])
def test_nobody_is_told_when_nobody_watches(
    ears: socket.socket, monkeypatch: pytest.MonkeyPatch, usec: str, pid: str
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.setenv("WATCHDOG_PID", pid)
    watchdog = service.Watchdog()
    watchdog.alive()
    assert watchdog.pause is None
    ears.setblocking(False)
    with pytest.raises(BlockingIOError):
        ears.recv(100)
