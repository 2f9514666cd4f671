"""P6, P2: the guard is replaced by a new process on the same sockets, as systemd does it at an upgrade, under load:
no connection is refused or ended, every request is answered, suspended stays suspended, mail goes on. Sabotage:
tests/sabotage/t49.patch (connections end with the process that had them)."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time

from harness import HOME, SUSPENDED_421, Box, Stack

from sekisho.rehearsal.clients import compose
from sekisho.rehearsal.outside import wait_until

CONNECTIONS = 6
UPGRADES = 2
# A machine with many other things to do needs seconds to start a process; the figure itself is printed.
PATIENCE = 30.0


class Asker(threading.Thread):
    """One smtpd: asks on one connection, the next request after the answer; or, `fresh`, each on a new connection."""

    def __init__(self, stack: Stack, box: Box, fresh: bool) -> None:
        super().__init__(daemon=True)
        self._address = ("127.0.0.1", stack.places.policy)
        lines = {
            "request": "smtpd_access_policy", "protocol_state": "RCPT", "protocol_name": "ESMTP",
            "sasl_username": box.address, "recipient": "old-friend@faraway.test", "client_address": HOME,
        }  # fmt: skip
        self._request = "".join(f"{name}={value}\n" for name, value in lines.items()).encode() + b"\n"
        self._fresh = fresh
        self.stop = threading.Event()
        self.answers: list[str] = []
        self.longest = 0.0
        self.trouble = ""

    def run(self) -> None:
        connection: socket.socket | None = None
        try:
            while not self.stop.wait(0.02):
                connection = connection or socket.create_connection(self._address, timeout=PATIENCE)
                asked = time.monotonic()
                self.answers.append(self._ask(connection))
                self.longest = max(self.longest, time.monotonic() - asked)
                if self._fresh:
                    connection.close()
                    connection = None
        except OSError as error:
            self.trouble = f"after {len(self.answers)} answers: {error!r}"

    def _ask(self, connection: socket.socket) -> str:
        connection.sendall(self._request)
        data = b""
        while not data.endswith(b"\n\n"):
            part = connection.recv(4096)
            if not part:
                raise ConnectionError("ended by the guard")
            data += part
        return data.decode().strip().removeprefix("action=")


def upgrade(stack: Stack, askers: list[Asker]) -> None:
    """The old guard is told to end, the supervisor starts a new one; waits until all have its answers."""
    old = stack.pid("guard")
    os.kill(old, signal.SIGTERM)
    stack.restarted("guard", old, within=PATIENCE)
    before = [len(asker.answers) for asker in askers]

    def all_answered() -> bool:
        return all(asker.trouble or len(asker.answers) > count + 3 for asker, count in zip(askers, before, strict=True))

    assert wait_until(all_answered, PATIENCE, pause=0.05) is not None, "no answers from the new guard"


def test_a_new_guard_goes_on_where_the_old_one_was(stack: Stack) -> None:
    suspended, honest = stack.new_boxes("t49", 2)
    stack.suspend(suspended)
    mail_log, guard_log = len(stack.mail_log()), len(stack.log("guard"))
    askers = [Asker(stack, honest, fresh=number == 0) for number in range(CONNECTIONS)]
    refused = Asker(stack, suspended, fresh=False)
    everybody = [*askers, refused]
    for asker in everybody:
        asker.start()
    assert wait_until(lambda: all(asker.answers or asker.trouble for asker in everybody), PATIENCE) is not None

    sent = []
    with stack.session(honest) as session:
        for turn in range(UPGRADES + 1):
            number = stack.number("t49")
            message = compose(number, honest.address, honest.address, "Note", "To myself.")
            sending = session.send(honest.address, [honest.address], message)
            assert sending.end is not None and sending.end.code == 250, sending
            sent.append(number)
            if turn < UPGRADES:
                upgrade(stack, everybody)
    for asker in everybody:
        asker.stop.set()
    for asker in everybody:
        asker.join(PATIENCE)

    assert [asker.trouble for asker in everybody if asker.trouble] == []
    # It knew the suspended mailbox in its first answer, and every one after it.
    assert all(SUSPENDED_421 in answer for answer in refused.answers)
    assert {answer for asker in askers for answer in asker.answers} == {"DUNNO"}
    assert "problem talking to server" not in stack.mail_log()[mail_log:]
    said = stack.log("guard")[guard_log:]
    assert said.count("wait for our successor") >= UPGRADES
    assert said.count("took over its socket") >= UPGRADES
    stack.assert_arrives_once(honest, sent, within=30)
    answers = sum(len(asker.answers) for asker in everybody)
    longest = max(asker.longest for asker in everybody)
    print(f"{UPGRADES} upgrades, {answers} answers, none missing; the longest took {longest:.2f} s")
