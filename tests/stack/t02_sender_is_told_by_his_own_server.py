"""P1: only the sender's own queue lifetime ends the wait, and then his own server tells him. Sabotage:
tests/sabotage/t02.patch (the reply to the sender's server takes the mail and drops it)."""

from __future__ import annotations

from harness import Stack

from sekisho.rehearsal.outside import wait_until

SENDER = "sakura@t02-shop.test"


def test_the_senders_own_server_tells_him_after_its_own_lifetime(stack: Stack) -> None:
    box = stack.new_box("t02")
    stack.suspend(box)
    restore = stack.postconf("theirs", maximal_queue_lifetime="6s", bounce_queue_lifetime="6s")
    try:
        stack.write(box.address, SENDER, "t02")
        assert wait_until(lambda: bool(returns(stack)), 60, pause=0.5) is not None, "the sender was never told"
    finally:
        restore()
    texts = returns(stack)
    assert len(texts) == 1
    assert b"Reporting-MTA: dns; mail.internet.invalid" in texts[0]
    assert b"Status: 4.2.1" in texts[0]
    assert b"450 4.2.1" in texts[0]
    # The text that reaches a stranger: friendly, no accusation, nothing about a takeover.
    assert b"temporarily suspended by the provider, please" in b" ".join(texts[0].split())
    assert b"hijack" not in texts[0].lower() and b"spam" not in texts[0].lower()
    assert SENDER not in stack.mail_log("ours").replace(f"from=<{SENDER}>", ""), "we wrote to the sender ourselves"


def returns(stack: Stack) -> list[bytes]:
    with stack.outside.mailbox(SENDER) as session:
        return session.bodies()
