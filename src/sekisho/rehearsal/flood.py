"""`flood`: 2,000 wrong passwords from 100 addresses; nobody is suspended and the owner gets in throughout."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from sekisho.rehearsal.clients import ImapSession, SmtpSession
from sekisho.rehearsal.doors import try_imap
from sekisho.rehearsal.record import mailbox_status
from sekisho.rehearsal.stage import Stage

ATTEMPTS = 2000
# A failed login costs 2 s of Dovecot's delay, so one connection does 0.5 a second; 80 at a time end within a minute
# and stay below Dovecot's 100 login processes, so that the owner is refused by nothing but a fault.
_CONNECTIONS_AT_ONCE = 80
# Attempts on one connection: Postfix slows a client down after 10 errors (smtpd_soft_error_limit).
_ATTEMPTS_A_CONNECTION = 5
# The owner's mail program asks this often.
_OWNER_PAUSE = 1.0
# The story is told on, every so many seconds.
_TELL_PAUSE = 10.0


class Flood:
    """The flood's count and the owner's, shared by its threads."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._lock = threading.Lock()
        self.refused = 0
        self.let_in = 0
        self.owner_times: list[float] = []
        self.owner_refusals: list[str] = []
        self.over = threading.Event()

    def guess(self, place: int) -> None:
        """One connection's wrong passwords, over IMAP or SMTP in turn."""
        source = self._stage.play.sources[place % len(self._stage.play.sources)]
        guesses = [f"guess-{place}-{count}" for count in range(_ATTEMPTS_A_CONNECTION)]
        for guess in guesses:
            accepted = self._try(source, guess, imap=place % 4 != 0)
            with self._lock:
                self.refused += not accepted
                self.let_in += accepted

    def _try(self, source: str, guess: str, *, imap: bool) -> bool:
        mailbox = self._stage.victim.mailbox
        if imap:
            with ImapSession(self._stage.places.imap, client_address=source, deadline=60) as session:
                return session.login(mailbox, guess).accepted
        with SmtpSession(self._stage.places.submission, client_address=source, deadline=60) as session:
            return session.login(mailbox, guess).code == 235

    def owner_logs_in(self) -> None:
        """The owner's mail program, from his known address, until the flood is over."""
        stage = self._stage
        while not self.over.is_set():
            started = time.monotonic()
            try:
                answer = try_imap(stage.places, stage.victim.mailbox, stage.password, stage.victim.home)
                refusal = "" if answer.accepted else answer.text
            except OSError as error:
                refusal = str(error)
            self.owner_times.append(time.monotonic() - started)
            if refusal:
                self.owner_refusals.append(refusal)
            self.over.wait(_OWNER_PAUSE)

    def tell_on(self) -> None:
        while not self.over.wait(_TELL_PAUSE):
            self.tell()

    def tell(self) -> None:
        self._stage.teller.say(
            "flood_runs",
            refused=self.refused,
            home=self._stage.victim.home,
            good=len(self.owner_times) - len(self.owner_refusals),
            tried=len(self.owner_times),
            slowest=max(self.owner_times, default=0.0),
        )


def play_flood(stage: Stage) -> None:
    """Plays the whole story; figures and faults end up in `stage.result`."""
    flood = Flood(stage)
    others = [threading.Thread(target=act, daemon=True) for act in (flood.owner_logs_in, flood.tell_on)]
    for thread in others:
        thread.start()
    with ThreadPoolExecutor(_CONNECTIONS_AT_ONCE) as pool:
        list(pool.map(flood.guess, range(ATTEMPTS // _ATTEMPTS_A_CONNECTION)))
    flood.over.set()
    for thread in others:
        thread.join(timeout=30)
    _judge(stage, flood)


def _judge(stage: Stage, flood: Flood) -> None:
    result = stage.result
    result.passwords_refused = flood.refused
    result.owner_logins_tried = len(flood.owner_times)
    result.owner_logins_good = len(flood.owner_times) - len(flood.owner_refusals)
    result.owner_login_slowest_seconds = max(flood.owner_times, default=0.0)
    flood.tell()
    status = mailbox_status(stage.victim.mailbox)
    stage.teller.say("flood_over", refused=flood.refused, status=stage.teller.status_word(status))
    if flood.let_in:
        stage.fault(f"{flood.let_in} wrong passwords were let in")
    if flood.refused != ATTEMPTS:
        stage.fault(f"{flood.refused} of {ATTEMPTS} wrong passwords were refused")
    if flood.owner_refusals:
        stage.fault(f"the owner was refused {len(flood.owner_refusals)} times: {flood.owner_refusals[0]}")
    if status != "active":
        stage.fault(f"the mailbox is {status} after failed logins only")
