"""A backup is whole or refused: every octet is checked, no name leads out of its directory, no half of one is left."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path

import msgspec
import pytest

from sekisho.keeping.archive import (
    FORMAT,
    MANIFEST,
    ArchiveError,
    Manifest,
    Member,
    ShutMailbox,
    is_safe_name,
    members_of,
    unpacked,
    write_archive,
)


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    directory = tmp_path / "staging"
    (directory / "agent" / "ledger").mkdir(parents=True)
    (directory / "agent" / "ledger" / "a-0.json").write_text("{}")
    (directory / "guard").mkdir()
    (directory / "guard" / "profiles").write_bytes(os.urandom(200_000))
    return directory


def manifest_of(staging: Path) -> Manifest:
    shut = {"alice@ours.test": ShutMailbox("suspended", 2)}
    return Manifest(FORMAT, "0.1.0", "mx01", 1_800_000_000.0, "sqlite", ("a.0001",), False, shut, members_of(staging))


def refused(file: Path) -> str:
    with pytest.raises(ArchiveError) as refusal, unpacked(file):
        pass
    return str(refusal.value)


def test_what_goes_in_comes_out_and_the_file_is_its_owners(staging: Path, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar.gz"
    write_archive(staging, manifest_of(staging), file)
    assert file.stat().st_mode & 0o777 == 0o600
    with unpacked(file) as (directory, manifest):
        assert directory.stat().st_mode & 0o777 == 0o700
        assert manifest == manifest_of(staging)
        assert members_of(directory) == manifest.members
    assert not directory.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup.tar.gz", "staging"]


def test_a_failed_one_leaves_the_former_and_nothing_else(staging: Path, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar.gz"
    file.write_text("the former one")
    manifest = manifest_of(staging)
    (staging / "guard" / "profiles").unlink()
    with pytest.raises(FileNotFoundError):
        write_archive(staging, manifest, file)
    assert file.read_text() == "the former one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup.tar.gz", "staging"]


@pytest.mark.parametrize("place", [0.02, 0.3, 0.6, 0.97])
def test_one_changed_octet_is_noticed(staging: Path, tmp_path: Path, place: float) -> None:
    file = tmp_path / "backup.tar.gz"
    write_archive(staging, manifest_of(staging), file)
    data = bytearray(file.read_bytes())
    data[int(len(data) * place)] ^= 0x10
    file.write_bytes(data)
    assert refused(file)


@pytest.mark.parametrize("kept", [0, 10, 0.5, 0.999])
def test_one_that_was_cut_off_is_noticed(staging: Path, tmp_path: Path, kept: float) -> None:
    file = tmp_path / "backup.tar.gz"
    write_archive(staging, manifest_of(staging), file)
    data = file.read_bytes()
    file.write_bytes(data[: kept if isinstance(kept, int) else int(len(data) * kept)])
    assert refused(file)


def test_a_file_that_is_missing_is_named(staging: Path, tmp_path: Path) -> None:
    manifest = manifest_of(staging)
    members = manifest.members | {"guard/journal/0000000001.log": Member(3, "0" * 64)}
    file = tmp_path / "short.tar.gz"
    pack(file, msgspec.structs.replace(manifest, members=members), staging)
    assert "guard/journal" in refused(file)


def pack(file: Path, manifest: Manifest, staging: Path, *more: tarfile.TarInfo) -> None:
    """A tar as somebody else would make it."""
    content = msgspec.json.encode(manifest)
    with gzip.open(file, "wb") as packed, tarfile.open(fileobj=packed, mode="w|") as tar:
        first = tarfile.TarInfo(MANIFEST)
        first.size = len(content)
        tar.addfile(first, io.BytesIO(content))
        for path in sorted(staging.rglob("*")):
            if path.is_file():
                tar.add(path, str(path.relative_to(staging)))
        for entry in more:
            tar.addfile(entry)


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "a/../../b", "", ".hidden", "a//b", "a b", "x" * 300])
def test_a_name_that_leads_out_is_refused(staging: Path, tmp_path: Path, name: str) -> None:
    assert not is_safe_name(name)
    manifest = manifest_of(staging)
    members = manifest.members | {name: Member(0, "e3b0")}
    file = tmp_path / "evil.tar.gz"
    pack(file, msgspec.structs.replace(manifest, members=members), staging)
    assert "no name" in refused(file)


def test_a_link_and_a_file_nobody_named_are_refused(staging: Path, tmp_path: Path) -> None:
    manifest = manifest_of(staging)
    link = tarfile.TarInfo("agent/ledger/a-0.json")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    file = tmp_path / "link.tar.gz"
    (staging / "agent" / "ledger" / "a-0.json").unlink()
    pack(file, manifest, staging, link)
    assert "not in its manifest" in refused(file)
    pack(file, manifest, staging, tarfile.TarInfo("more"))
    assert refused(file)


def test_what_is_no_backup_is_told_as_such(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("a letter")
    assert refused(other)
    with tarfile.open(other, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("letter"))
    assert "no backup" in refused(other)


def test_a_later_format_is_not_guessed_at(staging: Path, tmp_path: Path) -> None:
    file = tmp_path / "later.tar.gz"
    pack(file, msgspec.structs.replace(manifest_of(staging), format="sekisho-backup/9"), staging)
    assert "sekisho-backup/9" in refused(file)
