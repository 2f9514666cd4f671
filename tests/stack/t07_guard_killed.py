"""P2, P6: the guard killed with -9, again and again: suspended stays suspended on every door, honest mail flows;
the guard answers every request outside the kill windows and logs the gap. Sabotage: tests/sabotage/t07.patch (the
guard does not read the state when it starts)."""

from __future__ import annotations

import re
import threading
import time
from datetime import datetime

from harness import HOME, SUSPENDED_421, Stack, policy_answer

from sekisho.rehearsal.clients import compose


def test_killing_the_guard_opens_nothing_and_stops_nobody(stack: Stack) -> None:
    box, honest = stack.new_boxes("t07", 2)
    stack.suspend(box)
    began = len(stack.mail_log())
    guard_log = len(stack.log("guard"))
    windows: list[tuple[float, float]] = []
    stop = threading.Event()
    sent: list[str] = []
    errors: list[object] = []

    def write_on() -> None:
        while not stop.is_set():
            number = stack.number("t07-honest")
            with stack.session(honest) as session:
                message = compose(number, honest.address, honest.address, "Note", "To myself.")
                sending = session.send(honest.address, [honest.address], message)
            if sending.end is None or sending.end.code != 250:
                errors.append(sending)
            else:
                sent.append(number)
            stop.wait(0.1)

    writer = threading.Thread(target=write_on, daemon=True)
    writer.start()
    for turn in range(3):
        killed_at = time.time()
        old = stack.kill("guard")
        if turn == 2:
            old = keep_dead(stack, seconds=6)
        assert stack.mx(box.address).code == 450
        answers = stack.doors(box)
        assert not any(answer.accepted for answer in answers.values()), answers
        stack.restarted("guard", old)
        stack.wait_until_guard_answers()
        windows.append((killed_at, time.time()))
        # It knew the suspended mailbox before it opened its socket.
        asked = {"sasl_username": box.address, "recipient": "x@faraway.test", "client_address": HOME}
        assert SUSPENDED_421 in (policy_answer(stack.places.policy, asked) or "")
        time.sleep(2)
    stop.set()
    writer.join(timeout=30)
    assert not errors, errors[:3]
    stack.assert_arrives_once(honest, sent, within=20)
    assert len(sent) >= 20

    # Postfix got an answer to every request it made while the guard was there.
    failures = re.findall(
        r"(?m)^(\w+ +\d+ [\d:]+) \S+ \S+ warning: problem talking to server", stack.mail_log()[began:]
    )
    for stamp in failures:
        at = datetime.strptime(f"{datetime.now().year} {stamp}", "%Y %b %d %H:%M:%S").timestamp()
        assert any(start - 1 <= at <= end + 4 for start, end in windows), f"{stamp}: no answer outside the kill windows"
    # An absence that Postfix' own patience does not cover is said, and told to the record.
    assert "the guard was not there for" in stack.log("guard")[guard_log:]
    spool = b"".join(path.read_bytes() for path in sorted((stack.var / "guard" / "spool").glob("*.log")))
    gaps = [
        (float(since), float(until))
        for since, until in re.findall(rb'"gap".*?"since":([\d.]+),"until":([\d.]+)', spool)
    ]
    start, end = windows[2]
    assert any(start - 3 <= since and until <= end + 1 and until - since >= 3 for since, until in gaps), gaps


def keep_dead(stack: Stack, seconds: float) -> int:
    """Kills every guard the supervisor starts for so long; the last one's process id."""
    until = time.monotonic() + seconds
    last = 0
    while time.monotonic() < until:
        try:
            last = stack.kill("guard")
        except (ProcessLookupError, KeyError):
            time.sleep(0.02)
        time.sleep(0.02)
    return last
