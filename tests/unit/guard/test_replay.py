"""Old mail logs: every form they are kept in, and a made week with a takeover in it."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from sekisho.config import (
    DatabaseSettings,
    DovecotSettings,
    GuardSettings,
    Listener,
    NoticeSettings,
    PostfixSettings,
    Settings,
    WebSettings,
)
from sekisho.detection import Event, HostTables, Login, SessionEnded
from sekisho.guard.journal_lines import exported
from sekisho.guard.learn import learn_logs
from sekisho.guard.log_archive import merged_lines, open_archive
from sekisho.guard.log_file import Position
from sekisho.guard.profile_store import ProfileStore, Saved
from sekisho.guard.profiles import Profiles
from sekisho.guard.replay import Onlooker, Replay, Summary, replay
from sekisho.guard.unpacking import is_packed
from sekisho.journal import Cursor, DecisionRecord

VICTIM = "sato@ours.test"
HEALTHY = ("info@ours.test", "mori@ours.test")
HOME = {VICTIM: "192.0.2.10", HEALTHY[0]: "192.0.2.20", HEALTHY[1]: "192.0.2.30"}
THIEF = "203.0.113.66"
DAY = 86_400
# Monday 2 November 2026, 09:00 in the zone of the machine, so that stamps without a zone mean the same.
MONDAY = datetime(2026, 11, 2, 9).timestamp()
BLAST_AT = MONDAY + 6 * DAY

Line = tuple[float, str]


def stamp(t: float) -> str:
    moment = datetime.fromtimestamp(t)
    return f"{moment:%b} {moment.day:2d} {moment:%H:%M:%S}"


def message(t: float, mailbox: str, ip: str, queue_id: str, recipients: list[str], status: str = "sent") -> list[Line]:
    """The lines of one submitted message."""
    dsn = "2.0.0" if status == "sent" else "5.1.1"
    size = f"size=900, nrcpt={len(recipients)}"
    return [
        (t, f"mx01 postfix/smtpd[7]: {queue_id}: client=pc[{ip}], sasl_method=PLAIN, sasl_username={mailbox}"),
        (t, f"mx01 postfix/qmgr[8]: {queue_id}: from=<{mailbox}>, {size} (queue active)"),
        *(
            (
                t + 1,
                f"mx01 postfix/smtp[9]: {queue_id}: to=<{to}>, relay=r[192.0.2.99]:25, dsn={dsn}, status={status} (x)",
            )
            for to in recipients
        ),
        (t + 1, f"mx01 postfix/qmgr[8]: {queue_id}: removed"),
    ]


def session(t: float, mailbox: str, number: int) -> list[Line]:
    """The lines of one look into the inbox."""
    tail = f"user=<{mailbox}>, method=PLAIN, rip={HOME[mailbox]}, lip=192.0.2.1, mpid=5, TLS, session=<s{number}>"
    return [
        (t, f"mx01 dovecot: imap-login: Login: {tail}"),
        (t + 60, f"mx01 dovecot: imap({mailbox})<5><s{number}>: Disconnected: Logged out in=9 out=4000 body_count=1"),
    ]


def week() -> list[Line]:
    """Six ordinary days of three mailboxes; on the seventh somebody else sends with the password of one."""
    lines: list[Line] = []
    for day in range(7):
        for place, mailbox in enumerate(HOME):
            t = MONDAY + day * DAY + place * 600
            lines += session(t, mailbox, day * 10 + place)
            lines += message(t + 90, mailbox, HOME[mailbox], f"A{day}{place}00000", [f"friend{place}@far.test"])
    for number in range(120):
        to = [f"u{number}x{each}@d{number}.test" for each in range(8)]
        status = "bounced" if number % 2 else "sent"
        lines += message(BLAST_AT + 5000 + number * 5, VICTIM, THIEF, f"B{number:07d}", to, status)
    return sorted(lines, key=lambda line: line[0])


def write(path: Path, lines: Iterable[Line], *, compressed: bool = False) -> str:
    data = "".join(f"{stamp(t)} {text}\n" for t, text in lines).encode()
    path.write_bytes(gzip.compress(data) if compressed else data)
    os.utime(path, (BLAST_AT + DAY, BLAST_AT + DAY))
    return str(path)


def run(*paths: str, year: int | None = None) -> tuple[Onlooker, Summary]:
    checkpoint = Onlooker(Profiles({}), HostTables())
    return checkpoint, replay(open_archive(paths, year), checkpoint, lambda _: None)


def outcome(checkpoint: Onlooker) -> list[tuple[float, str, str]]:
    return [(found.record.t, found.record.mailbox, found.record.action) for found in checkpoint.decided]


def test_a_takeover_is_stopped_soon_after_it_began_and_nobody_else_is_touched(tmp_path: Path) -> None:
    checkpoint, summary = run(write(tmp_path / "mail.log", week()))
    assert {found.record.mailbox for found in checkpoint.decided} == {VICTIM}
    suspended = next(found for found in checkpoint.decided if found.record.action == "suspend")
    # Ten messages of eight recipients each, five seconds apart.
    assert BLAST_AT + 5000 <= suspended.record.t <= BLAST_AT + 5000 + 10 * 5
    assert 110 <= suspended.messages_after <= 119
    assert suspended.recipients_after == 8 * suspended.messages_after
    assert (summary.mailboxes, summary.unreadable, summary.lines) == (3, 0, len(week()))


def test_a_week_without_the_takeover_decides_nothing(tmp_path: Path) -> None:
    checkpoint, summary = run(write(tmp_path / "mail.log", [line for line in week() if THIEF not in line[1]][:150]))
    assert checkpoint.decided == []
    # Per message login, qmgr's first line and a delivery; per session its begin and end.
    assert summary.telling >= 7 * 3 * 4


def test_rotated_compressed_and_separate_files_in_any_order_say_the_same(tmp_path: Path) -> None:
    lines = week()
    whole, _ = run(write(tmp_path / "whole", lines))
    cut = len(lines) // 3
    dovecot = [line for line in lines if "dovecot" in line[1]]
    postfix = [line for line in lines if "dovecot" not in line[1]]
    parts = [
        write(tmp_path / "mail.log", postfix[cut:]),
        write(tmp_path / "mail.log.1.gz", postfix[:cut], compressed=True),
        write(tmp_path / "dovecot.log", dovecot),
    ]
    split, summary = run(*parts, parts[0])
    assert outcome(split) == outcome(whole)
    assert summary.lines == len(lines)
    moments = [t for t, _ in merged_lines(open_archive(reversed(parts)), lambda _: None)]
    assert moments == sorted(moments)


def test_logins_and_ended_sessions_become_events_with_the_address_of_the_login() -> None:
    seen: list[Event] = []

    class Watched(Onlooker):
        def observe(self, event: Event, now: float) -> DecisionRecord | None:
            seen.append(event)
            return super().observe(event, now)

    run_ = Replay(Watched(Profiles({}), HostTables()))
    mail = [
        line for number in (1, 2) for line in message(MONDAY + 99, VICTIM, THIEF, f"A00000{number}", ["x@far.test"])
    ]
    for t, line in [*session(MONDAY, VICTIM, 1), *mail]:
        run_.take(t, f"{stamp(t)} {line}")
    assert [(type(e).__name__, e.ip) for e in seen if isinstance(e, Login | SessionEnded)] == [
        ("Login", HOME[VICTIM]),
        ("SessionEnded", HOME[VICTIM]),
        # Two messages of one smtpd session are one login.
        ("Login", THIEF),
    ]
    ended = next(event for event in seen if isinstance(event, SessionEnded))
    assert (ended.protocol, ended.bytes_out, ended.fetched) == ("imap", 4000, 1)


def test_the_journal_says_the_same_as_text_and_as_json(tmp_path: Path) -> None:
    lines = week()
    whole, _ = run(write(tmp_path / "whole", lines))
    text = tmp_path / "iso.log"
    # systemd before 255 writes the zone without a colon.
    text.write_text(
        "".join(f"{datetime.fromtimestamp(t).astimezone():%Y-%m-%dT%H:%M:%S%z} {line}\n" for t, line in lines)
    )
    exported = tmp_path / "journal.json"
    exported.write_text("".join(journal_entry(t, line) + "\n" for t, line in lines))
    binary = tmp_path / "journal.export"
    binary.write_bytes(b"".join(journal_export(t, line) for t, line in lines))
    for path in (text, exported, binary):
        other, summary = run(str(path))
        assert outcome(other) == outcome(whole)
        assert summary.unstamped == 0


def journal_entry(t: float, line: str) -> str:
    host, ident, text = line.split(" ", 2)
    name, _, pid = ident.rstrip(":]").partition("[")
    entry = {"__REALTIME_TIMESTAMP": str(int(t * 1e6)), "_HOSTNAME": host, "SYSLOG_IDENTIFIER": name, "MESSAGE": text}
    return json.dumps(entry | ({"SYSLOG_PID": pid} if pid else {}))


def journal_export(t: float, line: str) -> bytes:
    """As `journalctl -o export`: every other message as if it held bytes that are no text."""
    entry = json.loads(journal_entry(t, line))
    entry = {"__CURSOR": "s=1;i=2", "__MONOTONIC_TIMESTAMP": "1", "_TRANSPORT": "syslog", **entry}
    message = entry.pop("MESSAGE").encode()
    fields = "".join(f"{name}={value}\n" for name, value in entry.items()).encode()
    if int(t) % 2:
        return fields + b"MESSAGE=" + message + b"\n\n"
    return fields + b"MESSAGE\n" + len(message).to_bytes(8, "little") + message + b"\n_BOOT_ID=7\n\n"


def test_fields_of_an_exported_journal_that_are_no_log_are_passed_over(tmp_path: Path) -> None:
    line = f"mx01 dovecot: imap-login: Login: user=<{VICTIM}>, method=PLAIN, rip=192.0.2.7, lip=::1, session=<s>"
    first, _, rest = journal_export(MONDAY, line).partition(b"_TRANSPORT=")
    huge = b"COREDUMP\n" + (300_000).to_bytes(8, "little") + b"\n\nMESSAGE=x\n" * 25_000 + b"\n"
    long = b"MESSAGE_OLD=" + b"y" * 200_000 + b"\n"
    path = tmp_path / "journal.export"
    path.write_bytes(first + huge + long + b"_TRANSPORT=" + rest + journal_export(MONDAY + 1, line))
    found = list(merged_lines(open_archive([str(path)]), lambda _: None))
    assert [(t, text.partition(" mx01 ")[2]) for t, text in found] == [
        (MONDAY + later, line.removeprefix("mx01 ").replace("dovecot:", "dovecot[0]:")) for later in (0, 1)
    ]
    # Cut in the middle of a value: what was whole is read.
    path.write_bytes(path.read_bytes()[:-40])
    assert len(list(merged_lines(open_archive([str(path)]), lambda _: None))) >= 1


@pytest.mark.parametrize(("form", "pack"), [("gz", gzip.compress), ("xz", lzma.compress), ("bz2", bz2.compress)])
def test_every_compression_of_logrotate_is_read(tmp_path: Path, form: str, pack: Callable[[bytes], bytes]) -> None:
    whole, _ = run(write(tmp_path / "whole", week()))
    packed = tmp_path / f"mail.log.1.{form}"
    packed.write_bytes(pack((tmp_path / "whole").read_bytes()))
    os.utime(packed, (BLAST_AT + DAY, BLAST_AT + DAY))
    other, summary = run(str(packed))
    assert outcome(other) == outcome(whole)
    assert summary.lines == len(week())
    packed.write_bytes(packed.read_bytes()[:-30])
    with pytest.raises(OSError, match=f"mail.log.1.{form}"):
        run(str(packed))


def test_zstd_is_refused_by_name_and_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "mail.log.1.zst"
    path.write_bytes(b"\x28\xb5\x2f\xfd" + b"x" * 100)
    with pytest.raises(OSError, match=r"mail\.log\.1\.zst.*unzstd"):
        run(str(path))


def test_a_line_end_inside_a_journal_message_begins_no_line(tmp_path: Path) -> None:
    forged = f"x\n{stamp(MONDAY)} mx01 dovecot: imap-login: Login: user=<{VICTIM}>, method=PLAIN, rip={THIEF}, lip=::1"
    entry = {
        "__REALTIME_TIMESTAMP": "1793577600000000",
        "_HOSTNAME": "h",
        "SYSLOG_IDENTIFIER": "cron",
        "MESSAGE": forged,
    }
    as_bytes = entry | {"MESSAGE": list(forged.encode())}
    path = tmp_path / "journal.json"
    path.write_text("".join(json.dumps(each, separators=(",", ":")) + "\n" for each in (entry, as_bytes)))
    checkpoint, summary = run(str(path))
    assert (summary.telling, len(checkpoint.profiles), summary.lines) == (0, 0, 2)
    assert not any("\n" in line for _, line in merged_lines(open_archive([str(path)]), lambda _: None))


def test_the_year_comes_from_the_option_and_turns_at_new_year(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    tail = f"mx01 dovecot: imap-login: Login: user=<{VICTIM}>, method=PLAIN, rip=192.0.2.1, lip=::1"
    path.write_text(f"Dec 31 23:59:59 {tail}\nJan  1 00:00:01 {tail}\n")
    moments = [t for t, _ in merged_lines(open_archive([str(path)], 2019), lambda _: None)]
    assert [datetime.fromtimestamp(t).year for t in moments] == [2019, 2020]
    assert moments[1] - moments[0] == 2


def test_a_typed_name_full_of_log_text_makes_no_login() -> None:
    run_ = Replay(Onlooker(Profiles({}), HostTables()))
    forged = f"y/z[1]: A000000: client=pc[{THIEF}], sasl_method=PLAIN, sasl_username={VICTIM}"
    for head in ("mx01 dovecot: ", ""):
        run_.take(
            MONDAY,
            f"{stamp(MONDAY)} {head}imap-login: Aborted login (auth failed, 1 attempts in 2 secs): user=<{forged}>, "
            "method=PLAIN, rip=192.0.2.7, lip=::1, session=<s>",
        )
    assert (run_.summary.telling, len(run_.checkpoint.profiles)) == (2, 0)


def test_what_cannot_be_read_is_counted_and_shown_without_control_characters() -> None:
    run_ = Replay(Onlooker(Profiles({}), HostTables()))
    for number in range(7):
        run_.take(MONDAY, f"{stamp(MONDAY)} mx01 dovecot: imap-login: Login: new form {number} \x1b[31m")
    assert (run_.summary.unreadable, len(run_.summary.samples)) == (7, 5)
    assert "\x1b" not in "".join(run_.summary.samples)


def test_logs_of_clean_days_become_profiles_of_the_installation(tmp_path: Path) -> None:
    site = Settings(
        host="mx01",
        var=str(tmp_path),
        barrier="",
        guard=GuardSettings(Listener(), Listener(), Listener(), "key"),
        postfix=PostfixSettings("", ""),
        dovecot=DovecotSettings(""),
        database=DatabaseSettings(),
        site_database=DatabaseSettings(),
        web=WebSettings(),
        notices=NoticeSettings(),
    )
    path = write(tmp_path / "mail.log", week())
    places = Saved(1.0, Position(2, 3), Cursor(4, 5), Cursor(6, 7), {}, Cursor(8, 9), Position(10, 11, "ab"))
    ProfileStore(site.profiles_file).save([], b"", places)
    summary = learn_logs(open_archive([path]), site, Onlooker(Profiles({}), HostTables()).places, lambda _: None)
    packed, _, saved = ProfileStore(site.profiles_file).load()
    assert set(packed) == set(HOME)
    # Where the guard had stopped reading is still where it begins.
    assert structs.replace(saved, written_at=1.0) == places
    assert summary.mailboxes == 3


@pytest.mark.parametrize("damage", [slice(100), slice(0, 2)])
def test_damaged_compressed_files_are_refused_by_name(tmp_path: Path, damage: slice) -> None:
    path = tmp_path / "mail.log.1.gz"
    path.write_bytes(Path(write(tmp_path / "whole", week(), compressed=True)).read_bytes()[damage])
    with pytest.raises(OSError, match=r"mail\.log\.1\.gz"):
        run(str(path))


def test_compressed_files_with_wrong_octets_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "mail.log.1.gz"
    data = bytearray(Path(write(tmp_path / "whole", week(), compressed=True)).read_bytes())
    data[200:260] = bytes(60)
    path.write_bytes(data)
    with pytest.raises(OSError, match=r"mail\.log\.1\.gz"):
        run(str(path))


@given(st.lists(st.binary(max_size=200), max_size=5))
@pytest.mark.filterwarnings("ignore")
def test_no_octets_break_it(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> None:
    path = tmp_path_factory.mktemp("log") / "any"
    begin = stamp(MONDAY).encode() + b" mx01 postfix/smtpd[1]: sasl_username=: client="
    path.write_bytes(b"\n".join([*lines, *(begin + line for line in lines), *(b'{"MESSAGE":[' + x for x in lines)]))
    try:
        run(str(path))
    except OSError:
        assert is_packed(path.read_bytes()[:6])


@given(st.binary(max_size=300))
def test_no_octets_break_an_exported_journal(data: bytes) -> None:
    entries = list(exported(io.BytesIO(b"__CURSOR=x\n__REALTIME_TIMESTAMP=1793577600000000\n" + data)))
    assert len(entries) <= data.count(b"\n") + 1
