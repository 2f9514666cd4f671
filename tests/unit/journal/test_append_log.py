"""The append log: what was promised is read, once, whatever was cut off or altered."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sekisho.journal import AppendLog, Cursor, Follower, files, read_cursor, replace_file, write_cursor

# Hypothesis gives each example a directory of its own below tmp_path.
in_own_directories = hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
records_of = st.lists(st.binary(min_size=1, max_size=40).filter(lambda record: b"\n" not in record), max_size=8)


def written(directory: Path, *records: bytes) -> Path:
    log = AppendLog(directory, fsync=False, max_total_bytes=2**20)
    for record in records:
        log.append(record)
    log.close()
    return directory / f"{len(list(directory.glob('*.log'))):010d}.log"


def fresh(tmp_path: Path) -> Path:
    return tmp_path / f"log-{len(list(tmp_path.iterdir()))}"


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "SEGMENT_BYTES", 100)


def test_it_reads_what_was_appended_in_order_and_once(tmp_path: Path) -> None:
    log = AppendLog(tmp_path, fsync=True, max_total_bytes=2**20)
    follower = Follower(tmp_path)
    assert follower.read() == []
    log.append(b"1", b"2")
    log.append(b"3")
    assert follower.read() == [b"1", b"2", b"3"]
    assert follower.read() == []
    log.append(b"4")
    assert follower.read() == [b"4"]
    assert (follower.bad_lines, follower.lost_segments) == (0, 0)


def test_a_follower_without_a_directory_waits(tmp_path: Path) -> None:
    follower = Follower(tmp_path / "later")
    assert follower.read() == []
    written(tmp_path / "later", b"1")
    assert follower.read() == [b"1"]


def test_replay_from_the_start_gives_the_same_records(tmp_path: Path) -> None:
    written(tmp_path, b"1", b"2", b"3")
    assert Follower(tmp_path).read() == Follower(tmp_path).read() == [b"1", b"2", b"3"]


def test_a_follower_goes_on_at_its_cursor_also_in_small_bites(tmp_path: Path, small_segments: None) -> None:
    records = [b"%d" % number for number in range(40)]
    written(tmp_path, *records)
    seen: list[bytes] = []
    cursor_file = tmp_path / "cursor"
    for _ in range(50):
        follower = Follower(tmp_path, read_cursor(cursor_file))
        seen += follower.read(limit=3)
        write_cursor(cursor_file, follower.cursor)
    assert seen == records


@in_own_directories
@given(records=records_of, after=records_of, cut=st.integers(0, 10_000))
def test_a_cut_anywhere_loses_only_what_was_cut(
    tmp_path: Path, records: list[bytes], after: list[bytes], cut: int
) -> None:
    directory = fresh(tmp_path)
    path = written(directory, *records)
    data = path.read_bytes()
    cut = min(cut, len(data))
    os.truncate(path, cut)
    # A record whose line end alone was cut becomes whole again by the next writer; that is allowed, never demanded.
    whole = data[:cut].count(b"\n")
    follower = Follower(directory)
    assert follower.read() == records[:whole]
    written(directory, *after)
    assert Follower(directory).read() in (records[:whole] + after, records[: whole + 1] + after)


@in_own_directories
@given(records=records_of.filter(bool), data=st.data())
def test_an_altered_line_is_skipped_and_counted(tmp_path: Path, records: list[bytes], data: st.DataObject) -> None:
    directory = fresh(tmp_path)
    path = written(directory, *records)
    content = bytearray(path.read_bytes())
    position = data.draw(st.integers(0, len(content) - 1).filter(lambda place: content[place] != 10))
    value = data.draw(st.integers(0, 255).filter(lambda new: new not in (10, content[position])))
    number = content[:position].count(10)
    content[position] = value
    path.write_bytes(content)
    follower = Follower(directory)
    assert follower.read() == records[:number] + records[number + 1 :]
    assert follower.bad_lines == 1


def test_half_a_line_is_not_read_before_it_is_whole(tmp_path: Path) -> None:
    path = written(tmp_path, b"first", b"second")
    data = path.read_bytes()
    path.write_bytes(data[:-4])
    follower = Follower(tmp_path)
    assert follower.read() == [b"first"]
    path.write_bytes(data)
    assert follower.read() == [b"second"]
    assert follower.bad_lines == 0


def test_a_record_after_a_refused_write_is_not_lost_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = AppendLog(tmp_path, fsync=False, max_total_bytes=2**20)
    log.append(b"first")
    real_write = os.write
    room = [5]

    def full_disk(fd: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(28, "No space left on device")
        taken = real_write(fd, bytes(data)[: room[0]])
        room[0] -= taken
        return taken

    monkeypatch.setattr(os, "write", full_disk)
    with pytest.raises(OSError, match="No space"):
        log.append(b"second")
    monkeypatch.setattr(os, "write", real_write)
    log.append(b"third")
    follower = Follower(tmp_path)
    assert follower.read() == [b"first", b"third"]
    assert follower.bad_lines == 1


def test_a_refused_sync_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = AppendLog(tmp_path, fsync=True, max_total_bytes=2**20)

    def broken_disk(_fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken_disk)
    with pytest.raises(OSError, match="Input/output"):
        log.append(b"first")


def test_a_new_writer_goes_on_after_the_old_one(tmp_path: Path) -> None:
    written(tmp_path, b"1")
    written(tmp_path, b"2")
    assert Follower(tmp_path).read() == [b"1", b"2"]


def test_segments_rotate_and_a_follower_walks_over_them(tmp_path: Path, small_segments: None) -> None:
    records = [b"record %03d" % number for number in range(60)]
    log = AppendLog(tmp_path, fsync=True, max_total_bytes=10_000)
    for record in records:
        log.append(record)
    assert len(list(tmp_path.glob("*.log"))) > 5
    assert Follower(tmp_path).read() == records


def test_the_log_stays_within_its_bound_and_says_what_was_lost(tmp_path: Path, small_segments: None) -> None:
    log = AppendLog(tmp_path, fsync=False, max_total_bytes=300)
    follower = Follower(tmp_path)
    log.append(b"seen")
    assert follower.read() == [b"seen"]
    for number in range(100):
        log.append(b"record %03d" % number)
    assert sum(path.stat().st_size for path in tmp_path.glob("*.log")) <= 3 * (100 + 20)
    rest = follower.read()
    assert rest[-1] == b"record 099"
    assert len(rest) < 100
    assert follower.lost_segments == int(min(tmp_path.glob("*.log")).stem) - 1


def test_a_failed_rotation_leaves_the_old_segment_usable(
    tmp_path: Path, small_segments: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = AppendLog(tmp_path, fsync=False, max_total_bytes=10_000)
    log.append(b"x" * 100)
    real_open = os.open

    def no_descriptors(*_arguments: object, **_more: object) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "open", no_descriptors)
    with pytest.raises(OSError, match="Too many"):
        log.append(b"refused")
    monkeypatch.setattr(os, "open", real_open)
    log.append(b"taken")
    assert Follower(tmp_path).read() == [b"x" * 100, b"taken"]


def test_records_written_between_two_looks_are_not_passed_over(
    tmp_path: Path, small_segments: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = AppendLog(tmp_path, fsync=False, max_total_bytes=10_000)
    log.append(b"1")
    follower = Follower(tmp_path)
    assert follower.read() == [b"1"]
    real_read = Follower._read_segment

    def read_and_be_overtaken(self: Follower, limit: int) -> list[bytes]:
        found = real_read(self, limit)
        monkeypatch.setattr(Follower, "_read_segment", real_read)
        log.append(b"2" * 100)
        log.append(b"3")
        return found

    monkeypatch.setattr(Follower, "_read_segment", read_and_be_overtaken)
    assert follower.read() + follower.read() == [b"2" * 100, b"3"]


def test_a_log_begun_anew_is_read_from_its_start(tmp_path: Path) -> None:
    written(tmp_path, b"1")
    assert Follower(tmp_path, Cursor(7, 500)).read() == [b"1"]


def test_a_segment_shorter_than_the_cursor_is_read_again(tmp_path: Path) -> None:
    written(tmp_path, b"1", b"2")
    assert Follower(tmp_path, Cursor(1, 5000)).read() == [b"1", b"2"]


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state"
    replace_file(path, b"old", mode=0o600)
    assert path.stat().st_mode & 0o777 == 0o600

    def full_disk(_fd: int, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full_disk)
    with pytest.raises(OSError, match="No space"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["state"]


@pytest.mark.parametrize("content", ["", "x y", "1", "1 2 3", "\udcff"])
def test_an_unreadable_cursor_is_the_start(tmp_path: Path, content: str) -> None:
    path = tmp_path / "cursor"
    path.write_bytes(content.encode(errors="surrogateescape"))
    assert read_cursor(path) == Cursor(0, 0)


@in_own_directories
@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_cursor_is_read_back(tmp_path: Path, segment: int, offset: int) -> None:
    path = tmp_path / "cursor"
    write_cursor(path, Cursor(segment, offset))
    assert read_cursor(path) == Cursor(segment, offset)


@pytest.mark.parametrize("removed", ["segment", "directory"])
def test_a_record_is_read_after_the_log_was_removed_under_its_writer(tmp_path: Path, removed: str) -> None:
    directory = tmp_path / "log"
    log = AppendLog(directory, fsync=True, max_total_bytes=2**20)
    log.append(b"1")
    follower = Follower(directory)
    assert follower.read() == [b"1"]
    if removed == "segment":
        next(directory.glob("*.log")).unlink()
    else:
        shutil.rmtree(directory)
    log.append(b"2")
    assert follower.read() == [b"2"]
    assert Follower(directory).read() == [b"2"]
