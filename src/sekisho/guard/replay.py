"""`sekisho replay FILE...`: old mail logs through the guard's own code, to see what Sekisho would have done.

Only the clock is the log's. The lines go through the same LogTail and DovecotTail as after an absence of the guard. The
logs go on after a suspension (open loop): what left then is counted. Recipients are known from delivery lines only,
seconds after the live guard would have been asked about them; so a replay decides later than the guard would have, and
scripts and passwords, which no log shows, tell it nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sekisho.detection import Event, HostTables, Login, Submission
from sekisho.guard.dovecot_tail import ALWAYS, DovecotTail
from sekisho.guard.evaluate import COUNT_EVERY_LINES
from sekisho.guard.log_archive import ArchivedLog, merged_lines
from sekisho.guard.log_tail import LogTail
from sekisho.guard.offline import DELIMITER, OfflineCheckpoint
from sekisho.guard.places import Places
from sekisho.guard.profiles import Profiles
from sekisho.guard.recent import Recent
from sekisho.guard.session_ends import SessionEnds
from sekisho.guard.sessions import Sessions
from sekisho.journal import DecisionRecord, StateFile
from sekisho.wire import WireError, dovecot_log, maillog

# Lines shown to the operator, so that he can report a form we do not read.
SAMPLES = 5
# Enough of a line to know its form.
SAMPLE_LENGTH = 300
# smtpd_timeout's default: a later message of the same smtpd process is another session, so another login.
SMTP_SESSION_SECONDS = 300.0
# Connections of IMAP programs stay open for days; a host of 20,000 mailboxes has some ten sessions each open.
REMEMBERED_SESSIONS = 200_000
# smtpd processes whose last login is remembered; default_process_limit is 100, busy hosts have some hundreds.
REMEMBERED_PROCESSES = 5_000


@dataclass
class Decided:
    """A decision, and what its mailbox still submitted afterwards (the deciding message included)."""

    record: DecisionRecord
    messages_after: int = 0
    recipients_after: int = 0


@dataclass
class Summary:
    """What the replay read."""

    lines: int = 0
    telling: int = 0
    unreadable: int = 0
    samples: list[str] = field(default_factory=list)
    # Logins under names that name no mailbox (bare user names), and lines without a time.
    nameless: int = 0
    unstamped: int = 0
    mailboxes: int = 0
    first: float | None = None
    last: float | None = None

    def add_unreadable(self, line: str) -> None:
        self.unreadable += 1
        if len(self.samples) < SAMPLES:
            # Text of strangers goes to a terminal: no control characters.
            self.samples.append("".join(c if c.isprintable() else "?" for c in line[:SAMPLE_LENGTH]))


class Onlooker(OfflineCheckpoint):
    """A checkpoint in memory that keeps its decisions, and counts what their mailboxes sent afterwards."""

    def __init__(
        self,
        profiles: Profiles,
        tables: HostTables,
        places: Places | None = None,
        *,
        delimiter: str = DELIMITER,
        learning: bool = False,
    ) -> None:
        super().__init__(profiles, tables, places, delimiter=delimiter, learning=learning)
        self.decided: list[Decided] = []
        self._by_mailbox: dict[str, list[Decided]] = {}

    def observe(self, event: Event, now: float) -> DecisionRecord | None:
        """As the guard's own, and notes what it decided."""
        record = super().observe(event, now)
        if record is not None:
            decided = Decided(record)
            self.decided.append(decided)
            self._by_mailbox.setdefault(record.mailbox, []).append(decided)
        if isinstance(event, Submission):
            for decided in self._by_mailbox.get(event.mailbox, ()):
                decided.messages_after += 1
                decided.recipients_after += event.recipients
        return record


class Replay:
    """Takes the lines of old logs, in the order of their time, into a checkpoint."""

    def __init__(self, checkpoint: Onlooker) -> None:
        self.checkpoint = checkpoint
        self.summary = Summary()
        self._tail = LogTail(checkpoint, notice_sender="")
        self._tail.catching_up = True
        sessions = Sessions(REMEMBERED_SESSIONS)
        self._dovecot_tail = DovecotTail(checkpoint, sessions, SessionEnds(checkpoint, sessions), ALWAYS)
        # smtpd process to (mailbox, address, time) of its last message.
        self._processes: Recent[tuple[str, str, float]] = Recent(REMEMBERED_PROCESSES)
        self._taken = 0

    def take(self, t: float, line: str) -> None:
        """Acts on one line written at `t` (epoch seconds)."""
        self._taken += 1
        if self._taken % COUNT_EVERY_LINES == 1 and not self.checkpoint.learning:
            # The fuse is a share of the mailboxes: it hears how many the log has shown so far.
            count = StateFile(written_at=0.0, mailbox_count=len(self.checkpoint.profiles))
            self.checkpoint.take_state(count, 0.0)
        if maillog.is_postfix(line):
            self._take_postfix(t, line, line.find(": ") + 2)
            return
        try:
            found = dovecot_log.parse_line(line)
        except WireError:
            self.summary.add_unreadable(line)
            return
        if found is not None:
            self._dovecot(found, t)

    def _take_postfix(self, t: float, line: str, begin: int) -> None:
        """Acts on a line of a Postfix daemon whose text starts at `begin`."""
        # "mx01 postfix/smtp[123]: 4jYZ224PJXzJHbl: to=<...>": the queue id is the first word.
        queue_id = line[begin : line.find(":", begin)]
        is_login = "sasl_username=" in line and ": client=" in line[begin : begin + 40]
        is_pairing = "orig_id=" in line or "orig_queue_id=" in line
        if not is_login and not is_pairing and self.checkpoint.accepted.owner(queue_id) is None:
            # Mail of strangers to us: most of a log, and nobody's here.
            return
        found = maillog.parse_line(line)
        if found is None:
            if is_login or ", status=" in line or "(queue active)" in line:
                self.summary.add_unreadable(line)
            return
        self.summary.telling += 1
        if isinstance(found, maillog.SmtpdLogin):
            self._smtp_login(found, line[line.rfind("[", 0, begin) : begin], t)
        self._tail.take_line(line, t)

    def _smtp_login(self, found: maillog.SmtpdLogin, process: str, t: float) -> None:
        mailbox = self.checkpoint.mailbox(found.sasl_username)
        if mailbox is None:
            self.summary.nameless += 1
            return
        before = self._processes.get(process)
        self._processes.put(process, (mailbox, found.ip, t))
        if before is not None and before[:2] == (mailbox, found.ip) and t - before[2] < SMTP_SESSION_SECONDS:
            return
        source, place = self.checkpoint.places.source(found.ip)
        self.checkpoint.observe(Login(t, mailbox, source, place, "smtp", True), t)

    def _dovecot(self, found: dovecot_log.LogLine, t: float) -> None:
        if isinstance(found, dovecot_log.NameRefused | dovecot_log.ConnectionRefused):
            return
        self.summary.telling += 1
        if isinstance(found, dovecot_log.LoggedIn):
            self.summary.nameless += self.checkpoint.mailbox(found.user) is None
        self._dovecot_tail.take(found, t)


def replay(logs: list[ArchivedLog], checkpoint: Onlooker, tell: Callable[[int], None]) -> Summary:
    """Reads all files through a checkpoint; raises OSError when one cannot be read to its end."""
    run = Replay(checkpoint)
    _take_all(run, merged_lines(logs, tell))
    summary = run.summary
    summary.lines = sum(log.lines for log in logs)
    summary.unstamped = sum(log.unstamped for log in logs)
    summary.mailboxes = len(checkpoint.profiles)
    return summary


def _take_all(run: Replay, lines: Iterable[tuple[float, str]]) -> None:
    summary = run.summary
    for t, line in lines:
        if summary.first is None:
            summary.first = t
        summary.last = t
        run.take(t, line)
