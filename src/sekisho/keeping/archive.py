"""The form of a backup: a gzipped tar with a manifest first that names size and SHA-256 of everything behind it.

Reading trusts nothing: a name that leads out of the directory, a member that the manifest does not name, or one octet
more than it says ends it. Writing leaves the old file or the whole new one, never half of it.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import os
import re
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec

FORMAT = "sekisho-backup/1"
MANIFEST = "manifest.json"
# A manifest names each ledger file (10,000 at most, containment.ledger) in some 150 octets.
MOST_MANIFEST_BYTES = 16 * 1024 * 1024
CHUNK = 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")


class ArchiveError(Exception):
    """The file is no backup of ours, or not as it was written; the text says why."""


class Member(msgspec.Struct, frozen=True):
    """One file of a backup."""

    size: int
    sha256: str


class ShutMailbox(msgspec.Struct, frozen=True):
    """A mailbox that was not simply active when the backup was made."""

    status: str
    generation: int
    limit: int | None = None
    # Epoch seconds.
    since: float = 0.0


class Manifest(msgspec.Struct, frozen=True):
    """What a backup says about itself."""

    format: str
    # Version of the program that wrote it.
    program: str
    host: str
    # Epoch seconds at which it was begun: nothing in it is older, some of it a moment younger.
    taken_at: float
    # sqlite, postgresql, mysql: what can read its database.
    engine: str
    # Applied migrations, "app.name": the schema of its database.
    migrations: tuple[str, ...]
    with_secrets: bool
    # Every mailbox that was not simply active, by record, ledger and state file together.
    mailboxes: dict[str, ShutMailbox]
    members: dict[str, Member]


def is_safe_name(name: str) -> bool:
    """Whether a member's name stays below the directory it is unpacked into."""
    return len(name) <= 200 and _NAME.fullmatch(name) is not None


def digest_of(path: Path) -> Member:
    """Size and SHA-256 of a file."""
    found, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
            size += len(chunk)
    return Member(size, found.hexdigest())


def members_of(staging: Path) -> dict[str, Member]:
    """Everything below a directory, by its name relative to it."""
    files = sorted(path for path in staging.rglob("*") if path.is_file())
    return {str(path.relative_to(staging)): digest_of(path) for path in files}


# --- writing


def write_archive(staging: Path, manifest: Manifest, target: Path | None) -> None:
    """Packs what is in `staging` into a file of mode 0600 that replaces `target` as a whole; None: standard output.

    Raises OSError; then the former file stands.
    """
    if target is None:
        _pack(staging, manifest, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            _pack(staging, manifest, file)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_directory(target.parent)


def sync_directory(directory: Path) -> None:
    """Makes a new name in a directory last."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _pack(staging: Path, manifest: Manifest, out: IO[bytes]) -> None:
    # Level 6 packs a database of 100 MB in some 3 s; no name or time in gzip's own header.
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=out, compresslevel=6, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|") as tar,
    ):
        content = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
        tar.addfile(_entry(MANIFEST, len(content), manifest.taken_at), io.BytesIO(content))
        for name, member in manifest.members.items():
            with (staging / name).open("rb") as file:
                tar.addfile(_entry(name, member.size, manifest.taken_at), file)


def _entry(name: str, size: int, at: float) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = size, int(at), 0o600
    return entry


# --- reading


@contextlib.contextmanager
def unpacked(file: Path, beside: Path | None = None) -> Iterator[tuple[Path, Manifest]]:
    """The backup's content in a directory of mode 0700 that goes with the block, every octet of it checked.

    `beside`: where the directory is made; without it among the temporary files. Raises ArchiveError or OSError.
    """
    directory = Path(tempfile.mkdtemp(prefix=".sekisho-restore-", dir=beside))
    try:
        yield directory, _unpack(file, directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _unpack(file: Path, directory: Path) -> Manifest:
    try:
        with tarfile.open(file, "r|gz") as tar:
            entries = iter(tar)
            manifest = _read_manifest(tar, next(entries, None))
            left = dict(manifest.members)
            for entry in entries:
                if entry.name not in left or not entry.isreg():
                    raise ArchiveError(f"{entry.name[:80]!r} is not in its manifest")
                _extract(tar, entry, directory / entry.name, left.pop(entry.name))
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, OSError) as error:
        if isinstance(error, OSError) and not isinstance(error, gzip.BadGzipFile) and error.errno is not None:
            raise
        raise ArchiveError(f"damaged or cut off: {error}") from error
    except Exception as error:
        # zlib.error is no OSError.
        if type(error).__module__ == "zlib":
            raise ArchiveError(f"damaged: {error}") from error
        raise
    if left:
        raise ArchiveError(f"{len(left)} files are missing, {min(left)!r} first")
    return manifest


def _read_manifest(tar: tarfile.TarFile, entry: tarfile.TarInfo | None) -> Manifest:
    if entry is None or entry.name != MANIFEST or not entry.isreg() or entry.size > MOST_MANIFEST_BYTES:
        raise ArchiveError("this is no backup of Sekisho")
    content = tar.extractfile(entry)
    try:
        manifest = msgspec.json.decode(content.read() if content else b"", type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ArchiveError(f"its manifest cannot be read: {error}") from error
    if manifest.format != FORMAT:
        raise ArchiveError(f"its format is {manifest.format[:40]!r}, this program reads {FORMAT!r}")
    if bad := [name for name in manifest.members if not is_safe_name(name)]:
        raise ArchiveError(f"{bad[0][:80]!r} is no name of a file in a backup")
    return manifest


def _extract(tar: tarfile.TarFile, entry: tarfile.TarInfo, path: Path, member: Member) -> None:
    if entry.size != member.size:
        raise ArchiveError(f"{entry.name}: {entry.size} octets instead of {member.size}")
    source = tar.extractfile(entry)
    if source is None:
        raise ArchiveError(f"{entry.name} has no content")
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        shutil.copyfileobj(source, file, CHUNK)
    if digest_of(path) != member:
        raise ArchiveError(f"{entry.name} is not as it was written (SHA-256)")
