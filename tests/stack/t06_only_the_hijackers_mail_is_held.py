"""P2, P5: the hijacker's queued mail (sent as alice+1…20@ and <>) is held; the owner's mail from before and
innocents' mail are delivered. Sabotage: tests/sabotage/t06.patch (held without looking at when it was sent)."""

from __future__ import annotations

import time

from harness import Hijacker, Stack

from sekisho.rehearsal.outside import wait_until

FRIEND = "friend@t06-shop.test"


def test_exactly_the_hijackers_queued_mail_is_held(stack: Stack) -> None:
    # An owner with a history: what he sends from home begins no evidence.
    box, home = stack.known_box("saiyo@hanamaru-pan.example"), "198.18.10.16"
    innocent = stack.new_box("t06")
    domain = box.address.partition("@")[2]
    # Nothing leaves for outside for the moment: everything below waits in our queue.
    resume = stack.postconf("ours", defer_transports="smtp")
    try:
        owners = [stack.number("t06-owner") for _ in range(3)]
        innocents = [stack.number("t06-innocent") for _ in range(3)]
        kept = {stack.submit(box, FRIEND, number, source=home) for number in owners}
        kept |= {stack.submit(innocent, FRIEND, number) for number in innocents}
        # A queue file knows its time in whole seconds only: what is sent in the second of the first spam goes with it.
        time.sleep(1.2)
        senders = (box.address, *(f"{box.local}+{count}@{domain}" for count in range(1, 21)), "")
        hijacker = Hijacker(stack, box, senders=senders).run(names="held", bad_every=0)
        assert hijacker.queue_ids

        def held() -> set[str]:
            return {m.queue_id for m in stack.our_queue() if m.queue_name == "hold"}

        assert wait_until(lambda: held() >= hijacker.queue_ids, 15) is not None, (
            f"not held: {len(hijacker.queue_ids - held())} of {len(hijacker.queue_ids)}"
        )
        assert not held() & kept
        used = {m.sender for m in stack.our_queue() if m.queue_id in hijacker.queue_ids}
        assert len(used) >= min(22, len(hijacker.queue_ids)), "the hijacker was to use many sender addresses"
    finally:
        resume()
    stack.flush("ours")
    wanted = {*owners, *innocents}
    assert wait_until(lambda: set(stack.outside_inbox(FRIEND)) >= wanted, 30, pause=0.5) is not None
    assert stack.outside_inbox(FRIEND) == dict.fromkeys(wanted, 1)
    assert held() >= hijacker.queue_ids
    reached = [a for a in list(hijacker.accepted)[:10] if stack.outside_inbox(a)]
    assert not reached, f"spam got out: {reached}"
