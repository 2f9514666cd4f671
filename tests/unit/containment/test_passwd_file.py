from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

from sekisho.containment.passwd_file import PasswdFile


def test_every_replacement_has_a_higher_whole_second_mtime(tmp_path: Path) -> None:
    # Dovecot compares whole-second mtime and size only: four changes of equal length within a second.
    file = PasswdFile(tmp_path / "deny")
    seen = []
    for name in ("alice@a.example:", "robby@a.example:", "alice@a.example:", "carol@a.example:"):
        file.replace([name])
        assert file.lines() == [name]
        seen.append(file.path.stat().st_mtime_ns)
    assert all(later - earlier >= 1_000_000_000 for earlier, later in pairwise(seen))
    assert all(ns % 1_000_000_000 == 0 for ns in seen)


def test_the_mtime_rises_above_one_from_the_future_and_above_a_deleted_file(tmp_path: Path) -> None:
    file = PasswdFile(tmp_path / "deny")
    file.replace([])
    os.utime(file.path, (4_000_000_000, 4_000_000_000))
    file.replace([])
    assert file.path.stat().st_mtime == 4_000_000_001
    file.path.unlink()
    file.replace([])
    assert file.path.stat().st_mtime == 4_000_000_002


def test_a_secret_file_is_never_readable_for_others(tmp_path: Path) -> None:
    file = PasswdFile(tmp_path / "probe", mode=0o640)
    file.replace(["x:{PLAIN}y"])
    assert file.path.stat().st_mode & 0o777 == 0o640
    assert not list(tmp_path.glob(".probe*"))
