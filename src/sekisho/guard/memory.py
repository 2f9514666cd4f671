"""The guard's parts, put together from what earlier runs left on disk, and the chores that keep them up to date."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from pathlib import Path

from sekisho.config import Settings
from sekisho.detection import AddressTable, HostTables
from sekisho.guard.address_sources import AddressFiles
from sekisho.guard.auth_policy import AuthPolicy
from sekisho.guard.checkpoint import Checkpoint
from sekisho.guard.complaints import Complaints
from sekisho.guard.doors import Door
from sekisho.guard.dovecot_tail import Absence, DovecotTail
from sekisho.guard.event_intake import EventIntake
from sekisho.guard.forward_policy import forward_policy
from sekisho.guard.journal_writer import DecisionJournal, Spool
from sekisho.guard.log_file import LogFile, Position
from sekisho.guard.log_tail import LogTail, TailReader
from sekisho.guard.peers import trusted_uids
from sekisho.guard.places import Places
from sekisho.guard.profile_store import ProfileStore, Saved
from sekisho.guard.profiles import Profiles
from sekisho.guard.reason_text import told_reason
from sekisho.guard.scripts import Scripts
from sekisho.guard.sessions import Sessions
from sekisho.guard.settings_test import SettingsTest
from sekisho.guard.snapshot import Snapshot
from sekisho.guard.spared import SparedFile
from sekisho.guard.standing import Standing
from sekisho.guard.status_file import (
    GAP_SECONDS,
    WRITE_EVERY_SECONDS,
    AddressSourceStatus,
    GuardStatus,
    read_status,
    write_status,
)
from sekisho.journal import (
    DecisionRecord,
    Follower,
    GuardGap,
    RecordError,
    ScriptChanged,
    SendingRule,
    StateFile,
    parse_decision,
    parse_event,
    read_state,
)

log = logging.getLogger("sekisho.guard")

# A change by the agent is in force within 0.5 s (DESIGN §4).
STATE_POLL_SECONDS = 0.2
FINDINGS_POLL_SECONDS = 0.2
# Publishers renew their data once a day or a month.
ADDRESS_POLL_SECONDS = 60.0


def tables_from(data: bytes) -> HostTables:
    """The host's tables from their bytes, new ones if there are none or they are of another version (logged)."""
    if not data:
        return HostTables()
    try:
        return HostTables.from_bytes(data)
    except Exception:
        log.exception("the host's tables cannot be read, they start anew")
        return HostTables()


class StateReader:
    """Reads the agent's state file when it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self.alarm = ""

    def read(self) -> StateFile | None:
        """The state if there is a new one; one that cannot be read is an alarm, and the last one stays in force."""
        try:
            status = self._path.stat()
            seen = (status.st_ino, status.st_mtime_ns, status.st_size)
            if seen == self._seen:
                return None
            state = read_state(self._path)
        except FileNotFoundError:
            return None
        except (OSError, RecordError) as error:
            self.alarm = f"state file cannot be read: {error}"
            return None
        self._seen, self.alarm = seen, ""
        return state


class Memory:
    """Everything that lives as long as the process."""

    def __init__(
        self,
        settings: Settings,
        checkpoint: Checkpoint,
        addresses: AddressFiles,
        journal: DecisionJournal,
        spool: Spool,
    ) -> None:
        self.started_at = time.time()
        self.checkpoint = checkpoint
        self.journal = journal
        self.spool = spool
        self.trusted = trusted_uids(settings.guard.trusted_users)
        self.state = StateReader(settings.state_file)
        self.sessions = sessions = Sessions()
        self.scripts = Scripts(checkpoint, sessions)
        self.intake = EventIntake(self.scripts, checkpoint, settings.dovecot.returned_mail_folder)
        guard = settings.guard
        self.settings_test = SettingsTest(checkpoint, settings.recipient_delimiter)
        reason_text, self._reason_alarm = told_reason(guard)
        self.forward = forward_policy(guard.forward_policy)
        self.auth_policy = AuthPolicy(
            checkpoint, sessions, guard.shared_key, reason_text, self.settings_test, self.forward
        )
        self.status_path = Path(settings.var) / "guard" / "status.json"
        self.status_path.parent.mkdir(parents=True, exist_ok=True)
        self._spared = SparedFile(settings.spared_file, checkpoint.standing, checkpoint.profiles)
        self._addresses = addresses
        # Of a second ago at most, for other threads.
        self.last_status: GuardStatus | None = None
        self.own_records: Follower
        self.findings: Follower
        self.complaints: Follower
        self._complaints = Complaints(checkpoint)
        # Postfix' log and, unless both are one, Dovecot's.
        self.tail: TailReader
        self.dovecot_tail: TailReader | None = None
        self.snapshot: Snapshot

    @property
    def tails(self) -> list[TailReader]:
        """The readers of all logs that are followed."""
        return [self.tail, self.dovecot_tail] if self.dovecot_tail else [self.tail]

    def where(self) -> Saved:
        """The places that belong to the profiles' present moment."""
        # Our own journal is read along, so that the next start reads only what is newer than this snapshot.
        while self.own_records.read():
            pass
        return Saved(
            written_at=time.time(),
            mail_log=self.tail.file.position,
            journal=self.own_records.cursor,
            findings=self.findings.cursor,
            complaints=self.complaints.cursor,
            dovecot_log=self.dovecot_tail.file.position if self.dovecot_tail else Position(),
            own=self.checkpoint.standing.own,
        )

    async def follow_state(self) -> None:
        """Takes each new state file, for ever."""
        while True:
            state = self.state.read()
            if state is not None:
                self.checkpoint.take_state(state, time.time())
            await asyncio.sleep(STATE_POLL_SECONDS)

    async def follow_address_data(self) -> None:
        """Reads address data again when their files change, for ever."""
        while True:
            await asyncio.sleep(ADDRESS_POLL_SECONDS)
            if await asyncio.to_thread(self._addresses.changed):
                # A second's work; a thread of its own leaves the answers between its steps.
                self.checkpoint.places.take(await asyncio.to_thread(self._addresses.load))

    async def follow_findings(self) -> None:
        """Takes what the agent found in scripts, and complaints, for ever."""
        while True:
            async with self.tail.paused:
                for record in self.findings.read():
                    self._take_finding(record)
                for record in self.complaints.read():
                    self._complaints.take(record, time.time())
            await asyncio.sleep(FINDINGS_POLL_SECONDS)

    def _take_finding(self, record: bytes) -> None:
        try:
            found = parse_event(record)
        except RecordError as error:
            log.warning("findings: %s", error)
            return
        if isinstance(found, ScriptChanged):
            self.scripts.take_finding(found, time.time())

    async def keep_status(self, doors: dict[str, Door]) -> None:
        """Writes the status file once a second, for ever."""
        refusal = ""
        while True:
            self._spared.refresh(time.time())
            if self.checkpoint.samples is not None:
                self.checkpoint.samples.flush(time.time())
            self.intake.reads.flush(time.time())
            try:
                self.last_status = self.status(doors)
                await asyncio.to_thread(write_status, self.status_path, self.last_status)
                refusal = ""
            except OSError as error:
                # Once, not each second: the disk that is full may be the log's as well.
                if refusal != str(error):
                    refusal = str(error)
                    log.error("the status file cannot be written: %s", error)
            await asyncio.sleep(WRITE_EVERY_SECONDS)

    def status(self, doors: dict[str, Door]) -> GuardStatus:
        """The status at this moment."""
        checkpoint, counters = self.checkpoint, self.checkpoint.counters
        return GuardStatus(
            pid=os.getpid(),
            started_at=self.started_at,
            at=time.time(),
            mode=checkpoint.mode,
            **{name: getattr(counters, name) for name in counters.__slots__},
            profiles=len(checkpoint.profiles),
            standing=checkpoint.standing.counts(),
            connections={name: len(door.connections) for name, door in doors.items()},
            turned_away=sum(door.turned_away for door in doors.values()),
            malformed=sum(door.malformed for door in doors.values()),
            log_lines=sum(tail.lines for tail in self.tails),
            address_networks=len(checkpoint.places.table),
            address_data_at=checkpoint.places.data_at,
            address_sources=tuple(
                AddressSourceStatus(source.kind, source.path, source.made_at) for source in checkpoint.places.sources
            ),
            state_written_at=checkpoint.standing.state.written_at,
            saved_at=self.snapshot.saved_at,
            spool_dropped=self.spool.dropped,
            mail_log=self.tail.file.position,
            alarms=self._alarms(),
        )

    def _alarms(self) -> tuple[str, ...]:
        alarms = [self.journal.alarm, self.spool.alarm, self.state.alarm, self.snapshot.alarm, self._reason_alarm]
        if self.forward is not None:
            alarms.append(self.forward.alarm)
        alarms += self.checkpoint.places.alarms(time.time())
        alarms += [tail.alarm for tail in self.tails]
        return tuple(filter(None, alarms))

    def close(self) -> None:
        """Ends the pens after they have written what waits, the log, and connections to another policy server."""
        if self.forward is not None:
            self.forward.close()
        for tail in self.tails:
            tail.file.close()
        self.journal.close()
        self.intake.reads.flush(time.time(), all_of_them=True)
        self.spool.close()


def restore(settings: Settings, now: float) -> Memory:
    """A memory as the last run left it; raises OSError when the directory cannot be used."""
    store = ProfileStore(settings.profiles_file)
    packed, tables, saved = store.load()
    standing = Standing()
    journal = DecisionJournal(settings.journal_directory)
    spool = Spool(settings.spool_directory)
    addresses = AddressFiles(settings.guard.address_data)
    places = Places(AddressTable(), settings.guard.own_networks)
    places.take(addresses.load())
    checkpoint = Checkpoint(
        host=settings.host,
        mode=settings.mode,
        standing=standing,
        profiles=Profiles(packed),
        tables=tables_from(tables),
        places=places,
        journal=journal,
        spool=spool.put,
        delimiter=settings.recipient_delimiter,
        protected_local_parts=settings.protected_local_parts,
        keeps_curves=True,
        sending_rule=SendingRule(settings.sending.mode, settings.sending.countries, settings.sending.exceptions),
    )
    memory = Memory(settings, checkpoint, addresses, journal, spool)
    state = memory.state.read()
    if state is not None:
        checkpoint.take_state(state, now)
    checkpoint.restore(saved.own)
    memory.own_records = Follower(settings.journal_directory, saved.journal)
    _replay(memory.own_records, checkpoint)
    memory.findings = Follower(Path(settings.var) / "agent" / "findings", saved.findings)
    memory.complaints = Follower(settings.complaints_directory, saved.complaints)
    _open_logs(memory, settings, saved, now)
    memory.snapshot = Snapshot(checkpoint, store, memory.tail.paused, memory.where)
    return memory


def _open_logs(memory: Memory, settings: Settings, saved: Saved, now: float) -> None:
    before = read_status(memory.status_path)
    if before is not None and now - before.at > GAP_SECONDS:
        log.warning("the guard was not there for %.0f s", now - before.at)
        memory.spool.put(GuardGap(now, before.at, now))
    heard = before.at if before is not None else saved.written_at
    # `sekisho learn` saves profiles while nobody answers: the last heartbeat is then the older one.
    absence = Absence(min(saved.written_at, heard), heard, now)
    sessions = DovecotTail(memory.checkpoint, memory.sessions, memory.intake.ends, absence, memory.settings_test)
    mail_log, dovecot_log = Path(settings.postfix.mail_log), Path(settings.dovecot.log)
    is_one = bool(settings.dovecot.log) and dovecot_log.resolve() == mail_log.resolve()
    file = LogFile(mail_log, saved.mail_log)
    tail = LogTail(memory.checkpoint, settings.notices.sender)
    spooled = before.mail_log if before is not None else saved.mail_log
    memory.tail = TailReader(tail, file, spooled, sessions if is_one else None)
    if settings.dovecot.log and not is_one:
        file = LogFile(dovecot_log, saved.dovecot_log)
        memory.dovecot_tail = TailReader(tail, file, Position(), sessions, memory.tail.paused)


def _replay(records: Follower, checkpoint: Checkpoint) -> None:
    """Our decisions since the snapshot: a trip survives a kill between the journal and everything else."""
    while lines := records.read():
        for line in lines:
            try:
                record: DecisionRecord = parse_decision(line)
            except RecordError as error:
                log.error("journal: %s", error)
                continue
            checkpoint.replay(record)
