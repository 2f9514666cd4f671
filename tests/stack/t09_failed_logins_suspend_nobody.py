"""P3: 2,000 wrong passwords from 100 addresses: nobody is suspended and the victim logs in from his known address
throughout; the same run plus one authenticated blast trips that mailbox only. Sabotage: tests/sabotage/t09.patch (a
failed login counts as a login)."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from harness import HOME, Box, Hijacker, Stack

from sekisho.rehearsal.clients import ImapSession, SmtpSession
from sekisho.rehearsal.doors import try_imap

ATTEMPTS, CONNECTIONS, A_CONNECTION = 2000, 60, 5
SOURCES = [f"198.19.{country}.{host}" for country in range(25) for host in (91, 92, 93, 94)]


def test_a_flood_of_wrong_passwords_suspends_nobody(stack: Stack) -> None:
    victim, blasted = stack.new_boxes("t09", 2)
    for _ in range(3):
        assert try_imap(stack.places, victim.address, victim.password, HOME).accepted
    over = threading.Event()
    owner = Owner(stack, victim, over)
    thread = threading.Thread(target=owner.log_in, daemon=True)
    thread.start()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        rounds = range(ATTEMPTS // A_CONNECTION)
        refused = pool.map(lambda place: guess(stack, (victim, blasted)[place % 2], place), rounds)
        # Half-way through the flood one of the two mailboxes really is taken over.
        time.sleep(5)
        assert stack.status(victim) == stack.status(blasted) == "active"
        hijacker = Hijacker(stack, blasted).run()
        total = sum(refused)
    over.set()
    thread.join(timeout=30)
    assert total == ATTEMPTS
    assert hijacker.answer and hijacker.answer.code in (421, 535)
    assert len(owner.seconds) >= 15
    assert not owner.refusals, owner.refusals
    # Dovecot alone takes up to 8.6 s under such a flood; flood, servers and owner share two cores here.
    assert sorted(owner.seconds)[int(len(owner.seconds) * 0.95)] <= 4, sorted(owner.seconds)[-3:]
    assert stack.status(victim) == "active"
    assert stack.status(blasted) == "suspended"
    others = stack.our_sql(
        "SELECT mailbox FROM incidents_mailboxstatus WHERE mailbox LIKE 't09%' AND status <> 'active'"
    )
    assert others == [(blasted.address,)]


class Owner:
    """The victim's mail program at home, asking every second."""

    def __init__(self, stack: Stack, box: Box, over: threading.Event) -> None:
        self._stack, self._box, self._over = stack, box, over
        self.seconds: list[float] = []
        self.refusals: list[str] = []

    def log_in(self) -> None:
        while not self._over.is_set():
            started = time.monotonic()
            answer = try_imap(self._stack.places, self._box.address, self._box.password, HOME)
            self.seconds.append(time.monotonic() - started)
            if not answer.accepted:
                self.refusals.append(answer.text)
            self._over.wait(1)


def guess(stack: Stack, box: Box, place: int) -> int:
    """One connection's wrong passwords; how many were refused."""
    source = SOURCES[place % len(SOURCES)]
    guesses = [f"guess-{place}-{count}" for count in range(A_CONNECTION)]
    if place % 4 == 0:
        with SmtpSession(stack.places.submission, client_address=source, deadline=60) as session:
            return sum(session.login(box.address, word).code == 535 for word in guesses)
    with ImapSession(stack.places.imap, client_address=source, deadline=60) as imap:
        return sum(not imap.login(box.address, word).accepted for word in guesses)
