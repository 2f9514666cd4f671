"""Following a log over rotation, truncation and restarts."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
from pathlib import Path

import pytest

from sekisho.guard.log_file import MAX_LINE_BYTES, SKIP_BYTES, LogFile, Position


def write(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def rest(log: LogFile) -> list[bytes]:
    lines: list[bytes] = []
    while read := log.read_lines():
        lines += read
    return lines


def test_the_first_start_begins_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    write(path, "old\n")
    log = LogFile(path, Position())
    assert rest(log) == []
    write(path, "new\n")
    assert rest(log) == [b"new"]


def test_a_log_that_appears_later_is_read_from_its_beginning(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "mail.log", Position())
    assert rest(log) == []
    write(tmp_path / "mail.log", "one\n")
    assert rest(log) == [b"one"]


def test_half_a_line_waits_for_its_end(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    path.touch()
    log = LogFile(path, Position())
    rest(log)
    write(path, "ha")
    assert rest(log) == []
    assert log.position.offset == 0
    write(path, "lf\nnext\n")
    assert rest(log) == [b"half", b"next"]
    assert log.position.offset == path.stat().st_size


def test_a_restart_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    path.touch()
    first = LogFile(path, Position())
    rest(first)
    write(path, "one\nhalf")
    rest(first)
    write(path, " two\nthree\n")
    assert rest(LogFile(path, first.position)) == [b"half two", b"three"]


def test_a_renamed_log_is_read_to_its_end_before_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    path.touch()
    log = LogFile(path, Position())
    rest(log)
    write(path, "one\n")
    path.rename(tmp_path / "mail.log.1")
    write(path, "two\n")
    assert rest(log) == [b"one", b"two"]


def test_a_log_rotated_while_we_were_away_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    path.touch()
    first = LogFile(path, Position())
    rest(first)
    write(path, "one\n")
    rest(first)
    write(path, "two\n")
    path.rename(tmp_path / "mail.log.1")
    write(path, "three\n")
    log = LogFile(path, first.position)
    assert rest(log) == [b"two", b"three"]
    assert log.lost == 0


def test_a_remembered_log_that_is_gone_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    write(path, "one\n")
    log = LogFile(path, Position(inode=1, offset=5))
    assert rest(log) == [b"one"]
    assert log.lost == 1


def test_truncation_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    write(path, "a long first line\n")
    log = LogFile(path, Position(path.stat().st_ino, 0))
    rest(log)
    path.write_text("two\n")
    assert rest(log) == [b"two"]


def test_a_line_without_an_end_takes_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    path.touch()
    log = LogFile(path, Position())
    rest(log)
    write(path, "x" * (3 * MAX_LINE_BYTES))
    for _ in range(10):
        log.read_lines()
    assert len(log._partial) <= MAX_LINE_BYTES + 32 * 1024


PACKERS = {"gz": gzip.compress, "xz": lzma.compress, "bz2": bz2.compress}


def pack(path: Path, number: int, form: str = "gz") -> None:
    """As logrotate compresses: another file of the same time, the first one is gone."""
    status = path.stat()
    packed = path.with_name(f"mail.log.{number}.{form}")
    packed.write_bytes(PACKERS[form](path.read_bytes()))
    os.utime(packed, ns=(status.st_atime_ns, status.st_mtime_ns))
    path.unlink()


def day(path: Path, number: int, lines: int = 3) -> None:
    """A day's log, later than that of smaller numbers."""
    write(path, "".join(f"day {number} line {line}\n" for line in range(lines)))
    os.utime(path, (number * 86_400, number * 86_400))


@pytest.mark.parametrize("form", PACKERS)
def test_a_log_compressed_while_we_were_away_is_read_on_and_then_all_that_followed(tmp_path: Path, form: str) -> None:
    path = tmp_path / "mail.log"
    day(path, 1, 2)
    first = LogFile(path, Position(path.stat().st_ino, 0))
    assert len(rest(first)) == 2
    write(path, "day 1 unread\n")
    os.utime(path, (86_400, 86_400))
    pack(path, 3, form)
    for number, place in ((2, 2), (3, 1)):
        day(path, number)
        path.rename(tmp_path / f"mail.log.{place}")
    pack(tmp_path / "mail.log.2", 2, form)
    day(path, 4)
    log = LogFile(path, first.position)
    expected = [b"day 1 unread", *(f"day {d} line {n}".encode() for d in (2, 3, 4) for n in range(3))]
    assert read_all(log) == expected
    assert (log.lost, log.trouble, log.position.inode) == (0, "", path.stat().st_ino)


def read_all(log: LogFile) -> list[bytes]:
    """As the guard does: it goes on while the file is on its way to the place."""
    lines: list[bytes] = []
    while (read := log.read_lines()) or log.is_skipping:
        lines += read
    return lines


def test_the_way_to_a_place_in_a_compressed_log_is_made_in_steps(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    write(path, "".join(f"{number:07d} {'x' * 90}\n" for number in range(30_000)))
    first = LogFile(path, Position(path.stat().st_ino, 0))
    read_all(first)
    write(path, "unread\n")
    pack(path, 1)
    day(path, 2)
    log = LogFile(path, first.position)
    steps = 0
    while not (lines := log.read_lines()):
        steps += 1
    assert lines == [b"unread"]
    assert steps >= first.position.offset // SKIP_BYTES > 1


def test_a_place_within_a_compressed_log_survives_another_restart(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    write(path, "".join(f"{number:07d} {'x' * 90}\n" for number in range(2_000)))
    place = Position(path.stat().st_ino, 0, LogFile(path, Position(path.stat().st_ino, 0)).position.head)
    log = LogFile(path, place)
    read = log.read_lines()
    pack(path, 1)
    day(path, 2)
    while log.position.offset < 100_000:
        log = LogFile(path, log.position)
        while not (lines := log.read_lines()):
            pass
        read += lines
        log.close()
    read += read_all(LogFile(path, log.position))
    assert len(read) == 2_003
    assert len(set(read)) == 2_003


def test_an_inode_that_belongs_to_the_new_log_by_now_is_not_taken_for_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    day(path, 1)
    first = LogFile(path, Position(path.stat().st_ino, 0))
    rest(first)
    pack(path, 1)
    day(path, 2, 9)
    reused = first.position._replace(inode=path.stat().st_ino)
    assert read_all(LogFile(path, reused)) == [f"day 2 line {line}".encode() for line in range(9)]


def test_the_copy_of_a_log_truncated_while_we_were_away_is_read_on(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    day(path, 1)
    first = LogFile(path, Position(path.stat().st_ino, 0))
    rest(first)
    write(path, "unread\n")
    (tmp_path / "mail.log.1").write_bytes(path.read_bytes())
    os.utime(tmp_path / "mail.log.1", (86_400, 86_400))
    path.write_text("")
    write(path, "day 2 new\n")
    log = LogFile(path, first.position)
    assert read_all(log) == [b"unread", b"day 2 new"]
    assert log.lost == 0


def test_the_end_of_a_damaged_log_is_lost_and_the_next_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    write(path, "".join(f"{number:07d} {os.urandom(40).hex()}\n" for number in range(3_000)))
    first = LogFile(path, Position(path.stat().st_ino, 0))
    first.read_lines()
    pack(path, 1)
    packed = tmp_path / "mail.log.1.gz"
    status = packed.stat()
    packed.write_bytes(packed.read_bytes()[: status.st_size // 2])
    os.utime(packed, ns=(status.st_atime_ns, status.st_mtime_ns))
    day(path, 99_999)
    log = LogFile(path, first.position)
    lines = read_all(log)
    assert lines[-3:] == [f"day 99999 line {line}".encode() for line in range(3)]
    assert 500 < len(lines) < 2_700
    assert log.lost == 1


def test_two_rotations_between_two_looks_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    day(path, 1)
    log = LogFile(path, Position(path.stat().st_ino, 0))
    assert len(rest(log)) == 3
    path.rename(tmp_path / "mail.log.2")
    day(path, 2)
    path.rename(tmp_path / "mail.log.1")
    day(path, 3)
    assert rest(log) == [f"day {d} line {n}".encode() for d in (2, 3) for n in range(3)]


def test_a_log_that_may_not_be_read_says_so_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mail.log"
    write(path, "history\n")
    log = LogFile(path, Position())
    opened = Path.open

    # Tests run as root, whom no mode keeps out.
    def refuse(self: Path, mode: str = "r", **named: object) -> object:
        if mode == "rb":
            raise PermissionError(13, "Permission denied", str(self))
        return opened(self, mode)

    monkeypatch.setattr(Path, "open", refuse)
    assert rest(log) == []
    assert "Permission denied" in log.trouble
    write(path, "written meanwhile\n")
    monkeypatch.setattr(Path, "open", opened)
    assert rest(log) == [b"written meanwhile"]
    assert (log.trouble, log.lost) == ("", 0)
    # A rotation that makes the new file with another mode.
    path.rename(tmp_path / "mail.log.1")
    write(path, "new\n")
    monkeypatch.setattr(Path, "open", refuse)
    assert rest(log) == []
    assert "Permission denied" in log.trouble
    monkeypatch.setattr(Path, "open", opened)
    assert rest(log) == [b"new"]
    assert log.trouble == ""


def test_a_missing_log_is_a_trouble_until_it_appears(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "mail.log", Position())
    assert rest(log) == []
    assert "No such file" in log.trouble
    write(tmp_path / "mail.log", "one\n")
    assert rest(log) == [b"one"]
    assert log.trouble == ""


def test_what_is_lost_is_told_once_and_only_when_reading_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mail.log"
    day(path, 1)
    log = LogFile(path, Position(path.stat().st_ino, 0))
    rest(log)
    path.rename(tmp_path / "mail.log.2")
    day(path, 2)
    path.rename(tmp_path / "mail.log.1")
    day(path, 3)
    opened, denied = Path.open, {"mail.log", "mail.log.1"}

    def refuse(self: Path, mode: str = "r", **named: object) -> object:
        if mode == "rb" and self.name in denied:
            raise PermissionError(13, "Permission denied", str(self))
        return opened(self, mode)

    monkeypatch.setattr(Path, "open", refuse)
    for _ in range(5):
        assert rest(log) == []
    assert (log.lost, log.trouble != "") == (0, True)
    denied.remove("mail.log")
    assert rest(log) == [f"day 3 line {line}".encode() for line in range(3)]
    assert (log.lost, log.trouble) == (1, "")


def test_a_log_that_is_being_compressed_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    day(path, 1)
    log = LogFile(path, Position(path.stat().st_ino, 0))
    rest(log)
    path.rename(tmp_path / "mail.log.2")
    day(path, 2)
    path.rename(tmp_path / "mail.log.1")
    day(path, 3)
    # gzip sets the time, and removes the original, when it is done.
    for name in ("mail.log.1", "mail.log.2"):
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress((tmp_path / name).read_bytes()))
    assert rest(log) == [f"day {d} line {n}".encode() for d in (2, 3) for n in range(3)]
    assert log.lost == 0


def test_a_log_half_compressed_at_the_start_is_read_from_the_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    write(path, "".join(f"{number:07d} {os.urandom(40).hex()}\n" for number in range(3_000)))
    first = LogFile(path, Position(path.stat().st_ino, 0))
    first.read_lines()
    data = path.read_bytes()
    # Made first, so that the directory may well list it first.
    (tmp_path / "mail.log.1.gz").write_bytes(gzip.compress(data)[:60_000])
    path.rename(tmp_path / "mail.log.1")
    day(path, 99_999)
    log = LogFile(path, first.position)
    lines = read_all(log)
    assert len(lines) == 3_003 - data[: first.position.offset].count(b"\n")
    assert log.lost == 0
