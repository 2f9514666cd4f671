"""What is read in a session: kept in memory, told only where it may be a third party's.

Under the secrecy of communications (通信の秘密) what an owner reads is nobody's business. So a session is told to the
spool only if it comes from a source that is not the mailbox' usual one, or from the source that a decision named; then
also what it read before, as far as memory goes. Everything else is forgotten here. Folder, UIDs, searches for words and
counts are all there is: never a subject, a sender or a text.

Told is what a session read so far, at its end, at a decision and once a minute, all of it each time: the newest record
of an id counts, and a killed guard loses a minute.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

from sekisho.detection.profile import ASKED_WEIGHT
from sekisho.guard.checkpoint import Checkpoint
from sekisho.guard.recent import Recent
from sekisho.guard.sessions import Sessions
from sekisho.guard.uid_set import UidSet
from sekisho.journal import DecisionRecord, FolderRead, SearchMade, SessionRead
from sekisho.wire.dovecot_event import SessionAct, SessionFinished
from sekisho.wire.dovecot_log import SessionClosed
from sekisho.wire.dovecot_reading import (
    FolderOpened,
    FolderRemoved,
    FolderSearched,
    MessageOpened,
    MessageRemoved,
    Who,
)

# Sessions remembered, about 1 KB each: those of the last hour on a host with 10,000 mailboxes, of the last day on most.
REMEMBERED = 10_000
# Sessions that are told, at a time. A botnet's 100 networks in ten mailboxes are a thousand.
MOST_TOLD = 2_000
# Sources named by decisions: a busy day has ten.
NAMED = 1_000
# A person has some twenty folders, an archive by year and customer a hundred.
MOST_FOLDERS = 100
# Who picks messages by hand picks fewer; who takes all of them needs one run. 200 runs are 2 KB.
MOST_RUNS = 200
MOST_SEARCHES = 50
# Told again so often while a session goes on.
EVERY_SECONDS = 60.0


class _Folder:
    __slots__ = ("beyond", "copied", "dropped", "fetches", "moved", "opened", "removed", "stored", "uids")

    def __init__(self) -> None:
        self.opened = self.fetches = self.beyond = self.moved = self.stored = self.copied = 0
        self.uids, self.removed = UidSet(MOST_RUNS), UidSet(MOST_RUNS)
        self.dropped = False


class _Session:
    """One session so far; `told_at` is 0 until it was told."""

    __slots__ = (
        "changed",
        "ended",
        "folders",
        "id",
        "ip",
        "is_told",
        "logged_fetches",
        "mailbox",
        "more",
        "octets",
        "protocol",
        "searches",
        "session",
        "since",
        "told_at",
        "until",
    )

    def __init__(self, mailbox: str, who: Who, ip: str, now: float) -> None:
        self.id = uuid.uuid4().hex
        self.mailbox = mailbox
        self.session, self.protocol, self.ip = who.session, who.protocol, ip
        self.since = self.until = now
        self.told_at = 0.0
        self.is_told = self.ended = self.more = False
        self.changed = True
        self.octets: int | None = None
        self.logged_fetches: int | None = None
        self.folders: dict[str, _Folder] = {}
        self.searches: list[SearchMade] = []

    def folder(self, name: str) -> _Folder | None:
        found = self.folders.get(name)
        if found is None and len(self.folders) < MOST_FOLDERS:
            found = self.folders[name] = _Folder()
        return found


class SessionReads:
    """`take` what was done, `end` and `close` at the end, `decided` at a decision, `flush` once a second."""

    def __init__(self, checkpoint: Checkpoint, logins: Sessions) -> None:
        self._checkpoint = checkpoint
        # Where a session came from, for POP3's events that do not say it.
        self._logins = logins
        self._sessions: Recent[_Session] = Recent(REMEMBERED)
        self._named: Recent[bool] = Recent(NAMED)
        # Those that are told and whose end has not been told yet, oldest first.
        self._open: dict[str, _Session] = {}
        self._spool: Callable[[SessionRead], None] = checkpoint.spool

    def take(self, act: SessionAct, now: float) -> None:
        """Something was done in a session."""
        session = self._session(act.who, now)
        if session is None:
            return
        session.until, session.changed = now, True
        if not _note(session, act, now):
            session.more = True

    def end(self, event: SessionFinished, now: float) -> None:
        """Dovecot has told the end of a session."""
        who = Who(now, event.user, event.session, event.protocol, event.ip)
        if event.protocol in ("imap", "pop3") and (session := self._session(who, now)) is not None:
            session.ended = session.changed = True
            session.until = now

    def close(self, line: SessionClosed, ip: str, t: float) -> None:
        """Dovecot has logged the end of a session whose address is known."""
        session = self._session(Who(t, line.user, line.session, line.protocol, ip), t)
        if session is not None:
            session.octets, session.logged_fetches = line.fetched_octets, line.fetched
            session.until = max(session.until, t)
            session.ended = session.changed = True

    def _session(self, who: Who, now: float) -> _Session | None:
        if not who.session:
            return None
        mailbox = self._checkpoint.mailbox(who.user)
        found = self._sessions.get(who.session)
        if mailbox is None or (found is not None and found.mailbox != mailbox):
            return None
        if found is None:
            ip = who.ip or self._logins.ip(who.session, mailbox)
            if not ip:
                # From before the guard's start: the log's count at its end remains.
                return None
            found = _Session(mailbox, who, ip, now)
            self._sessions.put(who.session, found)
            if self._is_strange(mailbox, ip):
                self._tell_from_now_on(found)
        elif found.is_told:
            self._keep_open(found)
        return found

    def _is_strange(self, mailbox: str, ip: str) -> bool:
        """Whether a source is none of the mailbox' own; a new mailbox' home is no stranger (ASKED_WEIGHT)."""
        checkpoint = self._checkpoint
        ip, place = checkpoint.places.source(ip)
        if self._named.get(f"{mailbox} {ip}"):
            return True
        profile = checkpoint.profiles.known(mailbox)
        if profile is None or not checkpoint.is_strange(mailbox, place):
            return False
        return profile.judge(place, checkpoint.tables.domain(mailbox.rpartition("@")[2])).weight >= ASKED_WEIGHT

    def decided(self, record: DecisionRecord, now: float) -> None:
        """A decision names a source: what it read in this mailbox is told, what it reads from now on as well."""
        if not record.ip:
            return
        ip = self._checkpoint.places.source(record.ip)[0]
        self._named.put(f"{record.mailbox} {ip}", True)
        for session in self._sessions.values():
            if session.mailbox == record.mailbox and self._checkpoint.places.source(session.ip)[0] == ip:
                self._tell_from_now_on(session)
        for session in list(self._open.values()):
            if session.mailbox == record.mailbox:
                self._tell(session, now)

    def _tell_from_now_on(self, session: _Session) -> None:
        if session.is_told:
            return
        session.is_told = session.changed = True
        self._keep_open(session)

    def _keep_open(self, session: _Session) -> None:
        if session.session not in self._open and len(self._open) >= MOST_TOLD:
            # Told early; it comes back with its next act.
            oldest = next(iter(self._open.values()))
            self._tell(oldest, oldest.until)
            self._open.pop(oldest.session, None)
        self._open[session.session] = session

    def flush(self, now: float, *, all_of_them: bool = False) -> None:
        """Tells what is due: ended sessions, and others once a minute; all of them when the guard ends."""
        for session in list(self._open.values()):
            if session.ended or all_of_them or (session.changed and now - session.told_at >= EVERY_SECONDS):
                self._tell(session, now)

    def _tell(self, session: _Session, now: float) -> None:
        if session.changed:
            place = self._checkpoint.places.source(session.ip)[1]
            self._spool(_record(session, place.country, place.asn, now))
            session.changed, session.told_at = False, now
        if session.ended:
            self._open.pop(session.session, None)


def _note(session: _Session, act: SessionAct, now: float) -> bool:
    """Takes note of an act; False when there is no room for all of it."""
    folder = session.folder(act.folder)
    if folder is None:
        return False
    if isinstance(act, FolderOpened):
        folder.opened += 1
    elif isinstance(act, MessageOpened):
        folder.fetches += 1
        if not folder.uids.add(act.uid):
            folder.beyond += 1
            return False
    elif isinstance(act, FolderSearched):
        if len(session.searches) >= MOST_SEARCHES:
            return False
        session.searches.append(SearchMade(now, act.folder, act.words))
    elif isinstance(act, MessageRemoved):
        folder.moved += act.moved
        return folder.removed.add(act.uid)
    elif isinstance(act, FolderRemoved):
        folder.dropped = True
    else:
        folder.stored += act.count
        folder.copied += act.count if act.copied else 0
    return True


def _record(session: _Session, country: str, asn: int, now: float) -> SessionRead:
    folders = tuple(
        FolderRead(
            name,
            opened=folder.opened,
            uids=str(folder.uids),
            fetches=folder.fetches,
            beyond=folder.beyond,
            removed=str(folder.removed),
            moved=folder.moved,
            stored=folder.stored,
            copied=folder.copied,
            dropped=folder.dropped,
        )
        for name, folder in session.folders.items()
    )
    return SessionRead(
        id=session.id,
        t=now,
        mailbox=session.mailbox,
        session=session.session[:128],
        protocol=session.protocol,
        ip=session.ip[:45],
        country=country,
        asn=asn,
        since=session.since,
        until=session.until,
        ended=session.ended,
        folders=folders,
        searches=tuple(session.searches),
        octets=session.octets,
        logged_fetches=session.logged_fetches,
        more=session.more,
    )
