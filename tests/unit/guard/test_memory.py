"""What survives a restart, and what a restart finds."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import time
from datetime import datetime
from pathlib import Path

import pytest
from msgspec import structs

from guard.standins import ALICE, STRANGER, judge_always
from sekisho.config import (
    DatabaseSettings,
    DovecotSettings,
    GuardSettings,
    Listener,
    NoticeSettings,
    PostfixSettings,
    WebSettings,
)
from sekisho.config import Settings as Site
from sekisho.guard import main, memory
from sekisho.guard.log_file import Position
from sekisho.guard.memory import Memory, restore
from sekisho.guard.profile_store import ProfileStore, Saved
from sekisho.guard.standing import OwnDecision, Stand
from sekisho.guard.status_file import GuardStatus, read_status, write_status
from sekisho.journal import (
    AppendLog,
    DecisionRecord,
    Follower,
    GuardGap,
    MailboxState,
    ScoreSampled,
    ScriptChanged,
    StateFile,
    format_record,
    parse_event,
    write_state,
)
from sekisho.wire.postfix_policy import PolicyRequest
from sekisho.wire.replies import GO_ON, SUBMISSION_STOPPED, SUBMISSION_SUSPENDED


def site(tmp_path: Path) -> Site:
    return Site(
        host="mx",
        var=str(tmp_path),
        barrier=str(tmp_path / "barrier"),
        guard=GuardSettings(Listener(), Listener(), Listener(), "key"),
        postfix=PostfixSettings("", str(tmp_path / "mail.log")),
        dovecot=DovecotSettings("", str(tmp_path / "dovecot.log")),
        database=DatabaseSettings(),
        site_database=DatabaseSettings(),
        web=WebSettings(),
        notices=NoticeSettings(),
        mode="enforce",
    )


def ask(found: Memory, instance: str = "i.1") -> str:
    request = PolicyRequest("RCPT", STRANGER, recipient="x@far.test", instance=instance, sasl_username=ALICE)
    return found.checkpoint.answer(request, time.time())


def trip(t: float, generation: int = 0) -> DecisionRecord:
    return DecisionRecord("id", t, "mx", ALICE, generation, "suspend", "active", "suspended", None, True, 12.0, ())


def test_a_first_start_needs_nothing(tmp_path: Path) -> None:
    found = restore(site(tmp_path), time.time())
    assert ask(found) == GO_ON
    found.close()


def test_the_state_file_counts_in_the_first_answer(tmp_path: Path) -> None:
    settings = site(tmp_path)
    write_state(settings.state_file, StateFile(time.time(), {ALICE: MailboxState("suspended", 0)}))
    found = restore(settings, time.time())
    assert ask(found) == SUBMISSION_SUSPENDED
    found.close()


def test_a_trip_survives_a_kill_right_after_the_journal(tmp_path: Path) -> None:
    settings = site(tmp_path)
    AppendLog(settings.journal_directory, fsync=True, max_total_bytes=1).append(format_record(trip(time.time())))
    found = restore(settings, time.time())
    assert ask(found) == SUBMISSION_SUSPENDED
    found.close()


def test_a_trip_of_a_past_generation_does_not_come_back(tmp_path: Path) -> None:
    settings = site(tmp_path)
    AppendLog(settings.journal_directory, fsync=True, max_total_bytes=1).append(format_record(trip(time.time())))
    write_state(settings.state_file, StateFile(time.time(), {ALICE: MailboxState("probation", 1, 20)}))
    found = restore(settings, time.time())
    assert ask(found) == GO_ON
    found.close()


def test_a_torn_or_foreign_journal_line_does_not_stop_the_start(tmp_path: Path) -> None:
    settings = site(tmp_path)
    journal = AppendLog(settings.journal_directory, fsync=True, max_total_bytes=1)
    journal.append(b'{"type":"nonsense"}', format_record(trip(time.time())))
    with (settings.journal_directory / "0000000001.log").open("ab") as file:
        file.write(b"00000000 {half")
    found = restore(settings, time.time())
    assert ask(found) == SUBMISSION_SUSPENDED
    found.close()


def test_a_snapshot_keeps_profiles_decisions_and_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = site(tmp_path)
    Path(settings.postfix.mail_log).write_text("old\n")
    before = restore(settings, time.time())
    before.tail.read_chunk(time.time())
    ask(before)
    judge_always(monkeypatch, 12.0)
    assert ask(before, "i.2") == SUBMISSION_SUSPENDED
    assert asyncio.run(before.snapshot.save())
    before.close()
    packed, _, saved = ProfileStore(settings.profiles_file).load()
    assert list(packed) == [ALICE]
    assert saved.mail_log.offset == 4
    assert saved.own[ALICE].status == "suspended"
    assert Follower(settings.journal_directory, saved.journal).read() == []
    after = restore(settings, time.time())
    assert ask(after, "i.3") == SUBMISSION_SUSPENDED
    assert after.checkpoint.profiles.of(ALICE).announced() == "suspend"
    after.close()


def test_a_snapshot_writes_only_what_changed(tmp_path: Path) -> None:
    found = restore(site(tmp_path), time.time())
    ask(found)
    written: list[list[str]] = []
    save = found.snapshot._store.save

    def watching(changed: list[tuple[str, bytes]], host: bytes, saved: Saved) -> None:
        written.append([mailbox for mailbox, _ in changed])
        save(changed, host, saved)

    found.snapshot._store.save = watching  # type: ignore[method-assign]
    asyncio.run(found.snapshot.save())
    asyncio.run(found.snapshot.save())
    assert written == [[ALICE], []]
    found.close()


def test_what_a_full_disk_refused_is_in_the_next_snapshot(tmp_path: Path) -> None:
    settings = site(tmp_path)
    found = restore(settings, time.time())
    ask(found)
    save = found.snapshot._store.save

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    found.snapshot._store.save = refuse  # type: ignore[method-assign]
    assert not asyncio.run(found.snapshot.save())
    assert "No space left" in found.snapshot.alarm
    found.snapshot._store.save = save  # type: ignore[method-assign]
    assert asyncio.run(found.snapshot.save())
    assert found.snapshot.alarm == ""
    found.close()
    assert list(ProfileStore(settings.profiles_file).load()[0]) == [ALICE]


def test_profiles_that_cannot_be_read_are_put_aside(tmp_path: Path) -> None:
    settings = site(tmp_path)
    settings.profiles_file.parent.mkdir(parents=True)
    settings.profiles_file.write_bytes(b"no database at all, but long enough to be looked at" * 100)
    found = restore(settings, time.time())
    assert ask(found) == GO_ON
    assert asyncio.run(found.snapshot.save())
    found.close()
    assert list(settings.profiles_file.parent.glob("profiles.unreadable-*"))


def test_a_profile_of_another_version_starts_anew(tmp_path: Path) -> None:
    settings = site(tmp_path)
    ProfileStore(settings.profiles_file).save([(ALICE, b"\x00other")], b"\x00other", Saved())
    found = restore(settings, time.time())
    assert ask(found) == GO_ON
    found.close()


def status(at: float) -> GuardStatus:
    numbers = dict.fromkeys(GuardStatus.__struct_fields__, 0)
    texts = {"mode": "enforce", "at": at, "standing": {}, "connections": {}, "mail_log": (0, 0)}
    texts |= {"address_sources": (), "alarms": ()}
    return GuardStatus(**(numbers | texts))  # type: ignore[arg-type]


def test_a_gap_is_told(tmp_path: Path) -> None:
    settings = site(tmp_path)
    now = time.time()
    for away, told in ((60.0, 1), (1.0, 0)):
        settings.spool_directory.mkdir(parents=True, exist_ok=True)
        for segment in settings.spool_directory.iterdir():
            segment.unlink()
        write_status(settings.spool_directory.parent / "status.json", status(now - away))
        restore(settings, now).close()
        events = [parse_event(line) for line in Follower(settings.spool_directory).read()]
        assert len(events) == told
        if told:
            assert events == [GuardGap(now, now - away, now)]


def test_the_status_file_can_be_read_back(tmp_path: Path) -> None:
    found = restore(site(tmp_path), time.time())
    ask(found)
    write_status(found.status_path, found.status({}))
    read = read_status(found.status_path)
    assert read is not None
    assert (read.requests, read.events, read.profiles) == (1, 1, 1)
    assert read.alarms == ("no address data: the indicators of country and network are off",)
    found.close()


def test_a_reading_that_waited_is_told_when_its_minute_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class OneTurn(Exception):
        pass

    async def no_more(_: float) -> None:
        raise OneTurn

    settings = site(tmp_path)
    found = restore(settings, time.time())
    for instance, score in (("i.1", 3.0), ("i.2", 3.8)):
        judge_always(monkeypatch, score)
        ask(found, instance)
    later = time.time() + 61
    monkeypatch.setattr(memory.time, "time", lambda: later)
    monkeypatch.setattr(memory.asyncio, "sleep", no_more)
    with pytest.raises(OneTurn):
        asyncio.run(found.keep_status({}))
    found.close()
    events = [parse_event(line) for line in Follower(settings.spool_directory).read()]
    assert [event.score for event in events if isinstance(event, ScoreSampled)] == [3.0, 3.8]


def test_a_state_file_that_cannot_be_read_leaves_the_last_one_in_force(tmp_path: Path) -> None:
    settings = site(tmp_path)
    write_state(settings.state_file, StateFile(time.time(), {ALICE: MailboxState("suspended", 0)}))
    found = restore(settings, time.time())
    settings.state_file.write_text("{")
    assert found.state.read() is None
    assert "cannot be read" in found.state.alarm
    assert ask(found) == SUBMISSION_SUSPENDED
    found.close()


def test_the_agents_findings_reach_the_engine(tmp_path: Path) -> None:
    found = restore(site(tmp_path), time.time())
    findings = AppendLog(tmp_path / "agent" / "findings", fsync=False, max_total_bytes=1)
    change = ScriptChanged(time.time(), ALICE, "forward", "evil@far.test", "fwd", STRANGER)
    findings.append(b"{}", format_record(change))
    for record in found.findings.read():
        found._take_finding(record)
    assert found.checkpoint.counters.events == 1
    found.close()


def test_only_one_guard_works_on_a_hosts_profiles(tmp_path: Path) -> None:
    with main.hold_lock(tmp_path):
        with pytest.raises(main.AlreadyRunning):
            with main.hold_lock(tmp_path):
                pass
    with main.hold_lock(tmp_path):
        pass


def test_tables_that_cannot_be_read_start_anew() -> None:
    assert memory.tables_from(b"\xc1").limits == memory.tables_from(b"").limits


def test_the_fuse_remembers_its_trips_over_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judge_always(monkeypatch, 12.0)
    now = time.time()
    trips = {f"m{n}@far.test": OwnDecision(0, "suspended", None, True, now - 60.0, 0.0) for n in range(10)}
    ProfileStore(site(tmp_path).profiles_file).save([], b"", Saved(own=trips))
    found = restore(site(tmp_path), now)
    try:
        assert ask(found) == SUBMISSION_STOPPED
        assert found.checkpoint.standing.of(ALICE) == Stand("restricted", 0, 0)
    finally:
        found.close()


def a_session(octets: int = 40_000_000) -> str:
    """Its login and its end, as Dovecot's own file has them."""
    stamp = datetime.now().isoformat(" ")
    user = f"imap({ALICE})<7><s1>"
    return (
        f"{stamp} imap-login: Info: Login: user=<{ALICE}>, method=PLAIN, rip={STRANGER}, lip=::1, session=<s1>\n"
        f"{stamp} {user}: Info: Disconnected: Logged out in=59 out={octets} deleted=0 body_count=9 body_bytes=3\n"
    )


def test_dovecots_log_is_followed_beside_the_mail_log_or_in_it(tmp_path: Path) -> None:
    for name, path in (("own", "dovecot.log"), ("same", "mail.log")):
        (tmp_path / name).mkdir()
        other_way = str(tmp_path / name / ".." / name / path)
        settings = structs.replace(site(tmp_path / name), dovecot=DovecotSettings("", other_way))
        for log in ("mail.log", "dovecot.log"):
            (tmp_path / name / log).write_text("old\n")
        found = restore(settings, time.time())
        for tail in found.tails:
            tail.read_chunk(time.time())
        found.sessions.begin("s1", ALICE, STRANGER)
        with (tmp_path / name / path).open("a") as file:
            file.write(a_session())
        for tail in found.tails:
            tail.read_chunk(time.time())
        assert len(found.tails) == (2 if name == "own" else 1)
        # The login was the auth policy's to tell; the end is counted.
        assert found.checkpoint.counters.events == 1
        assert found.checkpoint.profiles.of(ALICE).evidence.reading.strange == 40.0
        assert asyncio.run(found.snapshot.save())
        found.close()
        _, _, saved = ProfileStore(settings.profiles_file).load()
        assert (saved.dovecot_log.offset > 4) == (name == "own")


def test_a_session_that_passed_while_the_guard_was_away_is_learnt_from_dovecots_log(tmp_path: Path) -> None:
    settings = site(tmp_path)
    (tmp_path / "dovecot.log").write_text("old\n")
    before = restore(settings, time.time())
    for tail in before.tails:
        tail.read_chunk(time.time())
    assert asyncio.run(before.snapshot.save())
    before.close()
    with (tmp_path / "dovecot.log").open("a") as file:
        file.write(a_session())
    (tmp_path / "dovecot.log").rename(tmp_path / "dovecot.log.1")
    subprocess.run(["gzip", tmp_path / "dovecot.log.1"], check=True, timeout=10)
    (tmp_path / "dovecot.log").write_text("new\n")
    after = restore(settings, time.time())
    assert after.dovecot_tail is not None
    while after.dovecot_tail.read_chunk(time.time()):
        pass
    assert after.checkpoint.counters.events == 2
    assert after.checkpoint.profiles.of(ALICE).evidence.reading.strange == 40.0
    assert after.dovecot_tail.file.lost == 0
    after.close()


def test_what_passed_before_profiles_were_learnt_beside_the_guard_is_learnt_too(tmp_path: Path) -> None:
    settings = site(tmp_path)
    log = tmp_path / "dovecot.log"
    log.write_text("old\n")
    place = Position(log.stat().st_ino, 4)
    now = time.time()
    # The guard's last heartbeat, a session, then `sekisho learn`.
    with log.open("a") as file:
        file.write(a_session())
    ProfileStore(settings.profiles_file).save([], b"", Saved(now + 5, dovecot_log=place))
    write_status(settings.profiles_file.parent / "status.json", status(now - 5))
    found = restore(settings, now + 9)
    assert found.dovecot_tail is not None
    assert found.dovecot_tail.read_chunk(now + 9) == 2
    assert found.checkpoint.counters.events == 2
    found.close()


def test_a_log_that_cannot_be_read_is_an_alarm_and_one_line_each_way(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sekisho.guard")
    (tmp_path / "mail.log").touch()
    found = restore(site(tmp_path), time.time())
    tail, now = found.dovecot_tail, time.time()
    assert tail is not None
    tail.read_chunk(now)
    # A rotation takes a moment.
    assert tail.alarm == ""
    for second in range(1, 60):
        tail.read_chunk(now + second)
    assert any("dovecot.log cannot be read: [Errno 2]" in alarm for alarm in found.status({}).alarms)
    (tmp_path / "dovecot.log").write_text(a_session())
    found.sessions.begin("s1", ALICE, STRANGER)
    assert tail.read_chunk(now + 60) == 2
    assert found.checkpoint.counters.events == 1
    assert not any("dovecot.log" in alarm for alarm in found.status({}).alarms)
    said = [record.getMessage() for record in caplog.records if "dovecot.log" in record.getMessage()]
    assert len(said) == 2
    assert "is read again" in said[1]
    found.close()


def test_what_root_learns_is_the_guards_own_afterwards(tmp_path: Path) -> None:
    """The guard's user could not open root's lock, and would not start."""
    directory, secret, passwd = tmp_path / "guard", tmp_path / "secret", tmp_path / "passwd"
    directory.mkdir()
    os.chown(directory, 65534, 65534)
    for foreign in (secret, passwd):
        foreign.touch()
    with main.hold_lock(tmp_path):
        (directory / "profiles").write_text("learnt")
        (directory / "link").symlink_to(secret)
        os.link(passwd, directory / "second-name")
    owners = {path.name: path.stat().st_uid for path in (*directory.iterdir(), secret, passwd)}
    assert owners == {"lock": 65534, "profiles": 65534, "link": 0, "second-name": 0, "secret": 0, "passwd": 0}
