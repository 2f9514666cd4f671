"""P1, P6: 1,000 messages during three guard kills: 1,000 delivered, 0 errors. Sabotage: tests/sabotage/t15.patch
(Postfix defers while the guard is away)."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from harness import Box, Stack

from sekisho.rehearsal.clients import compose
from sekisho.rehearsal.outside import wait_until

MESSAGES, WRITERS = 1000, 20


def test_a_thousand_messages_pass_during_three_kills(stack: Stack) -> None:
    # Colleagues who write to each other: nothing that a breaker should mind.
    boxes = stack.new_boxes("t15", WRITERS)
    began = time.monotonic()
    kills: list[float] = []

    def kill_three_times() -> None:
        for _ in range(3):
            time.sleep(2)
            old = stack.kill("guard")
            kills.append(time.monotonic() - began)
            stack.restarted("guard", old)
            stack.wait_until_guard_answers()

    killer = threading.Thread(target=kill_three_times)
    killer.start()
    with ThreadPoolExecutor(WRITERS) as pool:
        results = list(pool.map(lambda place: write_all(stack, boxes, place), range(WRITERS)))
    took = time.monotonic() - began
    killer.join(timeout=60)
    assert len(kills) == 3 and kills[-1] < took, f"kills at {kills}, writing took {took:.1f} s"
    errors = [error for _, failed in results for error in failed]
    assert not errors, (len(errors), errors[:3])
    sent = Counter(number for numbers, _ in results for number in numbers)
    assert len(sent) == MESSAGES

    def delivered() -> Counter[str]:
        return sum((stack.inbox(box) for box in boxes), Counter())

    wait_until(lambda: delivered() >= sent, 60, pause=2)
    assert delivered() == sent


def write_all(stack: Stack, boxes: list[Box], place: int) -> tuple[list[str], list[object]]:
    """One colleague's messages over one session after the other; the numbers accepted, and everything that was not."""
    box, recipient = boxes[place], boxes[(place + 1) % len(boxes)].address
    numbers: list[str] = []
    errors: list[object] = []
    for batch in range(10):
        with stack.session(box) as session:
            for count in range(MESSAGES // WRITERS // 10):
                number = f"t15-{place}-{batch}-{count}"
                sending = session.send(box.address, [recipient], compose(number, box.address, recipient, "Hi", "Hi."))
                if sending.end and sending.end.code == 250:
                    numbers.append(number)
                else:
                    errors.append(sending)
        time.sleep(0.6)
    return numbers, errors
