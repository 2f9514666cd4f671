"""P1: the promise of t01 on every other way: alias, catch-all, alias domain, mail already in our queue (which
returns its mail after 8 s here), a colleague's submission to the address and to its alias-domain form with a
planted forward and alias.active=0, and a Sieve redirect into it. Recipients beside it (in one message, in a list) get
theirs at once and once; `+` extensions and a forward to it wait. Sabotage: tests/sabotage/t03.patch (no identity
row for the alias domain)."""

from __future__ import annotations

import time

from harness import DOMAIN, Box, Stack

from sekisho.rehearsal.clients import SmtpSession, compose
from sekisho.rehearsal.outside import wait_until

SENDER = "kaede@t03-shop.test"
THIEF = "thief@t03-dropbox.test"


def test_mail_on_every_way_waits_and_arrives_once(stack: Stack) -> None:
    box, colleague, redirector = stack.new_boxes("t03", 3)
    # A domain of its own: a catch-all takes every address of its domain.
    domain = "t03-momiji.example"
    stack.command("domain", "add", domain)
    stack.new_alias(f"t03-info@{box.address.partition('@')[2]}", box.address)
    stack.new_alias(f"@{domain}", box.address)
    stack.plant(redirector, f'redirect "{box.address}";\r\n')
    restore = stack.postconf("ours", maximal_queue_lifetime="8s", bounce_queue_lifetime="8s")
    # The agent reads the lifetime at its start and then about sixteen times in a lifetime, which was five days so far.
    old = stack.kill("agent")
    stack.restarted("agent", old)
    try:
        play(stack, box, colleague, redirector, f"t03-info@{box.address.partition('@')[2]}", domain)
    finally:
        restore()


def play(stack: Stack, box: Box, colleague: Box, redirector: Box, alias: str, domain: str) -> None:
    numbers: list[str] = []
    queued = [stack.number("t03-queued") for _ in range(3)]
    # Mail we have taken with 250 and could not deliver yet: the barrier comes down while it is in our queue.
    resume = stack.postconf("ours", defer_transports="lmtp")
    for number in queued:
        stack.submit(colleague, box.address, number)
    stack.suspend(box)
    resume()
    # What a hijacker and PostfixAdmin's own switch leave behind.
    stack.site_sql("UPDATE alias SET goto = ?, active = 0 WHERE address = ?", f"{box.address},{THIEF}", box.address)

    ways = {"alias": alias, "catch-all": f"anything@{domain}", "alias domain": box.alias_form}
    for way in ways.values():
        numbers += [stack.write(way, SENDER, "t03-way") for _ in range(2)]
    numbers += [stack.write(redirector.address, SENDER, "t03-redirected") for _ in range(2)]
    for recipient in (box.address, box.alias_form, alias):
        number = stack.number("t03-colleague")
        stack.submit(colleague, recipient, number)
        numbers.append(number)

    # More than twice our own lifetime: what is not held by now was returned.
    started = time.monotonic()
    while time.monotonic() - started < 20:
        stack.flush("ours")
        time.sleep(2)
    ours = [m for m in stack.our_queue() if box.address in m.addresses]
    # Three queued before, two by alias, two by catch-all, two redirected, three from the colleague; the alias domain's
    # two are refused at RCPT and wait outside.
    assert len(ours) == 12, [(m.queue_name, m.sender, m.addresses) for m in ours]
    assert {m.queue_name for m in ours} == {"hold"}
    assert len([m for m in stack.their_queue() if box.alias_form in m.addresses]) == 2

    stack.reinstate(box)
    stack.assert_arrives_once(box, [*queued, *numbers], within=90)
    stack.assert_no_return(SENDER, THIEF)
    assert not [number for number in stack.inbox(colleague) if number.startswith("t03")]
    assert wait_until(lambda: not stack.waiting_for(stack.our_queue(), box), 10) is not None


def test_others_get_theirs_at_once_and_once(stack: Stack) -> None:
    box, other, forwarding = stack.new_boxes("t03", 3)
    extension = f"{box.local}+shop@{DOMAIN}"
    stack.new_alias(f"t03-team@{DOMAIN}", box.address, other.address)
    # A mailbox whose owner has all his mail forwarded to the suspended one.
    stack.site_sql("UPDATE alias SET goto = ? WHERE address = ?", box.address, forwarding.address)
    stack.suspend(box)
    assert stack.mx(extension).text.startswith("4.2.1 "), stack.mx(extension)

    mixed, handed = stack.number("t03-mixed"), stack.number("t03-handed")
    with SmtpSession(stack.places.outside_smtp) as outside:
        message = compose(mixed, SENDER, other.address, "Hello", "To both of you.\n")
        assert outside.send(SENDER, [extension, other.address], message).end is not None
    team = stack.write(f"t03-team@{DOMAIN}", SENDER, "t03-team")
    forwarded = stack.write(forwarding.address, SENDER, "t03-forwarded")
    with stack.session(other) as session:
        message = compose(handed, other.address, box.address, "Hello", "To you, and a copy for me.\n")
        sending = session.send(other.address, [box.address, other.address], message)
        assert sending.end is not None and sending.end.code == 250, sending

    theirs = dict.fromkeys([mixed, team, handed], 1)
    assert wait_until(lambda: stack.inbox(other) == theirs, 30, pause=0.5) is not None, stack.inbox(other)
    for _ in range(2):
        # Each try of what waits for the one must not bring the other a second copy.
        stack.flush("ours")
        stack.flush("theirs")
        time.sleep(2)
    assert stack.inbox(other) == theirs

    stack.reinstate(box)
    stack.flush("theirs")
    stack.assert_arrives_once(box, [mixed, team, handed, forwarded], within=60)
    assert stack.inbox(other) == theirs and not stack.inbox(forwarding)
    stack.assert_no_return(SENDER)
