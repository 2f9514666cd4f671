"""P1: direct mail to a suspended mailbox gets 450 4.2.1, waits at the sender's server, and arrives exactly once
after recovery; nobody is sent a delivery status notification. Sabotage: tests/sabotage/t01.patch (the reply becomes
permanent)."""

from __future__ import annotations

from harness import INBOUND_450, Stack

from sekisho.rehearsal.outside import wait_until

SENDERS = ("ume@t01-shop.test", "take@t01-club.test")


def test_direct_mail_waits_at_the_sender_and_arrives_once(stack: Stack) -> None:
    box = stack.new_box("t01")
    before = [stack.write(box.address, SENDERS[0], "t01-before")]
    stack.assert_arrives_once(box, before, within=20)
    stack.suspend(box)

    refused = stack.mx(box.address)
    assert (refused.code, refused.text) == (450, INBOUND_450.format(box.address))
    assert stack.mx(box.address.upper()).code == 450
    assert stack.mx(f"{box.local}+shop@{box.address.partition('@')[2]}").code == 450
    assert stack.mx("nobody-t01@hanamaru-pan.example").code == 550

    waiting = [stack.write(box.address, SENDERS[count % 2], "t01-during") for count in range(6)]
    # Long enough for a second and a third attempt of the sender's server (5 s and more apart).
    assert_all_wait_at_the_sender(stack, box.address, len(waiting))

    stack.reinstate(box)
    stack.assert_arrives_once(box, [*before, *waiting], within=75)
    stack.assert_no_return(*SENDERS)
    assert not stack.waiting_for(stack.their_queue(), box)
    assert not stack.waiting_for(stack.our_queue(), box)


def assert_all_wait_at_the_sender(stack: Stack, address: str, count: int) -> None:
    import time

    time.sleep(8)

    def all_told() -> bool:
        # One that is being tried again in this very moment shows no reason.
        waiting = [message for message in stack.their_queue() if address in message.addresses]
        assert len(waiting) == count
        return all("450 4.2.1" in message.recipients[0].delay_reason for message in waiting)

    assert wait_until(all_told, 10, pause=0.3) is not None, stack.their_queue()
    assert not [message for message in stack.our_queue() if address in message.addresses]
