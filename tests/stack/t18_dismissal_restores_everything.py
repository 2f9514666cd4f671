"""P5: one command undoes an automatic suspension: login with the old password, sending, held mail, waiting mail.
Sabotage: tests/sabotage/t18.patch (held mail stays held)."""

from __future__ import annotations

from harness import Hijacker, Stack

from sekisho.rehearsal.outside import wait_until

SENDER = "fuji@t18-shop.test"


def test_dismissal_restores_login_sending_held_and_waiting_mail(stack: Stack) -> None:
    box = stack.new_box("t18")
    alias = f"t18-alias-{box.local}@{box.address.partition('@')[2]}"
    stack.new_alias(alias, box.address)
    resume = stack.postconf("ours", defer_transports="smtp")
    try:
        mailing = Hijacker(stack, box).run(names="member", bad_every=0)

        def held() -> set[str]:
            return {m.queue_id for m in stack.our_queue() if m.queue_name == "hold"}

        assert wait_until(lambda: held() >= mailing.queue_ids, 15) is not None
        stack.assert_shut(box, within=5)
    finally:
        resume()
    numbers = [stack.write(to, SENDER, "t18") for to in (box.address, alias, box.address, alias)]
    incident = stack.incident(box)
    stack.command("incident", "dismiss", str(incident["id"]))

    stack.assert_open(box)
    assert stack.status(box) == "active"
    assert wait_until(lambda: not held() & mailing.queue_ids, 20, pause=0.3) is not None, "held mail was not released"
    friend, number = "friend@t18-shop.test", stack.number("t18-again")
    stack.submit(box, friend, number)
    assert wait_until(lambda: stack.outside_inbox(friend)[number] == 1, 20) is not None
    stack.flush("ours")
    missing = set(mailing.accepted)

    def all_out() -> bool:
        missing.difference_update([address for address in sorted(missing) if stack.outside_inbox(address)])
        return not missing

    assert wait_until(all_out, 60, pause=1) is not None, f"{len(missing)} of {len(mailing.accepted)} held are not out"
    stack.assert_arrives_once(box, numbers, within=75)
    stack.assert_no_return(SENDER)
    assert stack.command("incident", "show", str(incident["id"]), "--json").stdout.count("dismissed")
