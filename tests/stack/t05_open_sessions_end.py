"""P2: ten SMTP sessions authenticated before the trip are refused at their next RCPT and at END-OF-DATA, an idling
IMAP session ends within 5 s. Sabotage: tests/sabotage/t05.patch (sessions are not kicked)."""

from __future__ import annotations

import threading
import time

from harness import HOME, SUSPENDED_421, Hijacker, Stack

from sekisho.rehearsal.clients import ImapSession, compose
from sekisho.rehearsal.outside import wait_until


def test_sessions_opened_before_the_trip_are_refused_and_ended(stack: Stack) -> None:
    box = stack.new_box("t05")
    outside = "friend@t05-shop.test"
    sessions = [stack.session(box) for _ in range(10)]
    at_data, at_rcpt = sessions[:5], sessions[5:]
    for session in sessions:
        assert session.mail(box.address).code == 250
        assert session.recipient(outside).code == 250
    for session in at_data:
        assert session.begin_data().code == 354

    idle = ImapSession(stack.places.imap, client_address=HOME, deadline=60)
    assert idle.login(box.address, box.password).accepted
    ended_at: list[float] = []

    def watch() -> None:
        if idle.seconds_until_ended(90) is not None:
            ended_at.append(time.monotonic())

    idle.idle()
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()

    hijacker = Hijacker(stack, box).run()
    assert hijacker.answer and hijacker.answer.code == 421, hijacker.answer
    tripped = hijacker.stopped_at or 0.0
    watcher.join(timeout=max(0.0, 5 - (time.monotonic() - tripped)) + 0.5)
    assert ended_at and ended_at[0] - tripped <= 5, "the idling session is still there 5 s after the trip"

    for number, session in enumerate(at_data):
        answer = session.end_data(compose(f"t05-data-{number}", box.address, outside, "Late", "Late."))
        assert answer.code == 421 and SUSPENDED_421 in answer.text, answer
    for session in at_rcpt:
        answer = session.recipient("other@t05-shop.test")
        assert answer.code == 421 and SUSPENDED_421 in answer.text, answer
    stack.assert_shut(box, within=0)
    # None of the ten messages left.
    assert wait_until(lambda: bool(stack.outside_inbox(outside)), 3) is None
