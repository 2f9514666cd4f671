"""Following a log over rotation, truncation and restarts."""

from __future__ import annotations

from pathlib import Path

from sekisho.guard.log_file import MAX_LINE_BYTES, LogFile, Position


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
