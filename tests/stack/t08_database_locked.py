"""P2, P6: our database locked for 60 s: suspended stays suspended, honest mail flows, the guard answers in 300 ms;
a takeover tripped meanwhile is contained at once and recorded once afterwards. Sabotage: tests/sabotage/t08.patch
(the agent does not act on the journal, only on orders)."""

from __future__ import annotations

import statistics
import threading
import time

from harness import ABROAD, HOME, SUSPENDED_421, Hijacker, Stack, policy_answer

from sekisho.rehearsal.outside import wait_until

LOCKED_SECONDS = 60


def test_a_locked_database_changes_nothing_outside(stack: Stack) -> None:
    box, honest, victim = stack.new_boxes("t08", 3)
    stack.suspend(box)
    with stack.locked_database():
        locked_at = time.monotonic()
        hijacker = Hijacker(stack, victim).run()
        stack.assert_shut(victim, within=5)
        assert stack.mx(victim.address).code == 450
        times = ask_on(stack, honest.address, box.address, until=locked_at + LOCKED_SECONDS)
    assert time.monotonic() - locked_at >= LOCKED_SECONDS
    # Measured by a client on the same two cores, beside all else of this story: one in 200 may wait for the client.
    ordered = sorted(times)
    assert ordered[int(len(times) * 0.995)] <= 0.3, ordered[-5:]
    assert ordered[-1] <= 1.0, f"slowest answer {ordered[-1]:.3f} s, median {statistics.median(times):.4f} s"

    def recorded() -> bool:
        rows = stack.our_sql(
            "SELECT action FROM incidents_incident WHERE mailbox = ? AND contained_at IS NOT NULL", victim.address
        )
        return rows == [("suspend",)]

    assert wait_until(recorded, 30, pause=0.5) is not None, "the takeover was not recorded afterwards"
    assert stack.status(victim) == "suspended"
    rows = stack.our_sql("SELECT COUNT(*) FROM incidents_incident WHERE mailbox = ?", victim.address)
    assert rows == [(1,)]
    assert hijacker.answer and hijacker.answer.code == 421


def ask_on(stack: Stack, honest: str, suspended: str, until: float) -> list[float]:
    """Questions to the guard, doors and honest mail until then; the seconds of each answer."""
    times: list[float] = []
    lock = threading.Lock()

    def ask() -> None:
        while time.monotonic() < until:
            for mailbox, source, expected in ((honest, HOME, "DUNNO"), (suspended, ABROAD, SUSPENDED_421)):
                started = time.monotonic()
                asked = {"sasl_username": mailbox, "sender": mailbox, "recipient": honest, "client_address": source}
                answer = policy_answer(stack.places.policy, asked) or ""
                with lock:
                    times.append(time.monotonic() - started)
                assert expected in answer, (mailbox, answer)
            time.sleep(0.05)

    failures: list[BaseException] = []

    def watched() -> None:
        try:
            ask()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=watched, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    from harness import Box

    while time.monotonic() < until - 3:
        assert stack.mx(suspended).code == 450
        assert not any(answer.accepted for answer in stack.doors(Box(suspended)).values())
        number = stack.number("t08-honest")
        stack.submit(Box(honest), honest, number)
        assert wait_until(lambda number=number: stack.inbox(Box(honest))[number] == 1, 10) is not None  # type: ignore[misc]
        time.sleep(3)
    for thread in threads:
        thread.join(timeout=30)
    assert not failures, failures[0]
    assert len(times) > 200
    return times
