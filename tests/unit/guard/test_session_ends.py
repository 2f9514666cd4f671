"""How much a session read: octets from Dovecot's log or event, the address from whoever could name it, counted once."""

from __future__ import annotations

from datetime import datetime

from guard.standins import ALICE, NOW, STRANGER, Bench
from sekisho.detection import Login, SessionEnded
from sekisho.guard.dovecot_tail import ALWAYS, Absence, DovecotTail
from sekisho.guard.session_ends import SessionEnds
from sekisho.guard.sessions import Sessions
from sekisho.journal import LoginSeen
from sekisho.wire.dovecot_event import SessionFinished

MEGABYTES_40 = 40_000_000
# Snapshot, last heartbeat, start.
AWAY = Absence(NOW - 600, NOW - 300, NOW - 100)


class Log:
    """A Dovecot log that is told lines, and what the checkpoint was shown."""

    def __init__(self, absence: Absence = AWAY) -> None:
        self.bench = Bench()
        self.sessions = Sessions()
        self.ends = SessionEnds(self.bench.checkpoint, self.sessions)
        self.tail = DovecotTail(self.bench.checkpoint, self.sessions, self.ends, absence)

    def say(self, text: str, t: float = NOW) -> None:
        self.tail.take_line(f"{datetime.fromtimestamp(t):%Y-%m-%d %H:%M:%S.%f} {text}", NOW)

    def login(self, session: str, t: float = NOW, ip: str = STRANGER) -> None:
        self.say(f"imap-login: Info: Login: user=<{ALICE}>, method=PLAIN, rip={ip}, lip=::1, session=<{session}>", t)

    def end(self, session: str, t: float = NOW) -> None:
        text = f"in=59 out={MEGABYTES_40} deleted=0 body_count=500 body_bytes=3"
        self.say(f"imap({ALICE})<7><{session}>: Info: Disconnected: Logged out {text}", t)

    def event(self, session: str, octets: int = 0) -> None:
        self.ends.take_event(SessionFinished(NOW, ALICE, session, "imap", STRANGER, 1.0, 59, octets), NOW)

    @property
    def events(self) -> int:
        return self.bench.checkpoint.counters.events

    @property
    def read_by_strangers(self) -> float:
        profile = self.bench.checkpoint.profiles.known(ALICE)
        return 0.0 if profile is None else profile.evidence.reading.strange


def test_the_log_says_how_much_a_session_read_whose_login_was_reported() -> None:
    log = Log()
    log.sessions.begin("s1", ALICE, STRANGER)
    log.end("s1")
    assert (log.events, log.read_by_strangers) == (1, 40.0)


def test_a_session_is_counted_once_whoever_tells_its_end_first() -> None:
    for first, second in (("end", "event"), ("event", "end")):
        log = Log()
        log.sessions.begin("s1", ALICE, STRANGER)
        for told in (first, second, first, second):
            log.end("s1") if told == "end" else log.event("s1", MEGABYTES_40)
        assert (log.events, log.read_by_strangers) == (1, 40.0)


def test_the_event_names_the_address_of_a_session_that_began_before_the_guard() -> None:
    for order in (("event", "end"), ("end", "event")):
        log = Log()
        for told in order:
            log.end("s1") if told == "end" else log.event("s1")
        assert (log.events, log.read_by_strangers) == (1, 40.0)


def test_an_end_of_a_session_nobody_named_says_nothing() -> None:
    log = Log()
    log.end("s1")
    log.sessions.begin("s2", "bob@shop.test", STRANGER)
    log.end("s2")
    assert (log.events, log.read_by_strangers) == (0, 0.0)


def test_a_line_about_a_login_says_nothing_while_the_auth_policy_is_answered() -> None:
    log = Log()
    log.login("s1")
    log.end("s1")
    assert (log.events, log.bench.spooled) == (0, [])


def test_logins_of_an_absence_are_learnt_and_told_once() -> None:
    log = Log()
    # In the snapshot and the spool; in the spool only; in neither; after the start.
    for number, age in enumerate((601, 400, 200, 99)):
        log.login(f"s{number}", NOW - age)
    refused = "(auth failed, 3 attempts in 9 secs)"
    log.say(f"imap-login: Info: Aborted login {refused}: user=<{ALICE}>, method=PLAIN, rip={STRANGER}, x", NOW - 200)
    assert log.events == 3
    told = [(event.t, event.success, event.session) for event in log.bench.spooled if isinstance(event, LoginSeen)]
    assert told == [(NOW - 200, True, "s2"), (NOW - 200, False, "")]
    # Such a session's address is known when it ends.
    log.end("s2")
    assert log.events == 4


def test_what_cannot_be_read_is_counted_and_changes_nothing() -> None:
    log = Log(ALWAYS)
    log.say("imap-login: Info: Login: a new form")
    log.say("auth: Error: something else")
    assert (log.tail.unreadable, log.events) == (1, 0)


def test_old_logs_teach_logins_and_ends() -> None:
    log = Log(ALWAYS)
    seen: list[type] = []
    observe = log.bench.checkpoint.observe

    def watch(event: Login | SessionEnded, now: float) -> object:
        seen.append(type(event))
        return observe(event, now)

    log.bench.checkpoint.observe = watch  # type: ignore[method-assign, assignment]
    log.login("s1", NOW - 5000)
    log.end("s1", NOW - 4000)
    assert seen == [Login, SessionEnded]


def test_a_login_reported_in_the_second_of_the_start_is_not_learnt_again_from_its_line() -> None:
    log = Log()
    log.sessions.begin("s1", ALICE, STRANGER)
    log.login("s1", NOW - 100.5)
    assert (log.events, log.bench.spooled) == (0, [])
