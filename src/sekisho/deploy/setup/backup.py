"""What a site's files were before setup wrote them: byte copies with a manifest, kept until they are taken back.

A manifest is written before the first file is changed and says what each will be. So a setup that was killed in between
is taken back like one that came to its end.
"""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Literal

import msgspec

from sekisho.deploy.setup import edits
from sekisho.deploy.setup.plan import FileEdit

MANIFEST = "manifest.json"


class Kept(msgspec.Struct, frozen=True):
    """One file of a manifest; sums are SHA-256 in hex, "" for a file that was not there."""

    path: str
    before: str
    after: str
    # Rights of the file as it was.
    mode: int = 0
    uid: int = 0
    gid: int = 0


class Manifest(msgspec.Struct):
    """One run of setup."""

    made_at: str
    postfix_config: str
    dovecot_config: str
    files: tuple[Kept, ...]
    state: Literal["begun", "applied", "reverted"] = "begun"


def checksum(content: bytes | None) -> str:
    """SHA-256 in hex; "" for a file that is not there."""
    return "" if content is None else hashlib.sha256(content).hexdigest()


def read(path: Path) -> bytes | None:
    """The file's content; None when it is not there."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def write(path: Path, content: bytes, mode: int, uid: int, gid: int) -> None:
    """Replaces a file at once; a symbolic link stays one and its target is replaced."""
    target = path.resolve()
    draft = target.with_name(f".{target.name}.sekisho")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.chown(draft, uid, gid)
    draft.chmod(mode)
    draft.replace(target)


class Backup:
    """One directory: manifest and the copies `NUMBER.before`, `NUMBER.after` of each file."""

    def __init__(self, directory: Path, manifest: Manifest) -> None:
        self.directory = directory
        self.manifest = manifest

    @classmethod
    def begin(cls, base: Path, changed: tuple[FileEdit, ...], postfix_config: str, dovecot_config: str) -> Backup:
        """Copies what will be changed; base is root's alone."""
        base.mkdir(parents=True, exist_ok=True)
        base.chmod(0o700)
        made_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        number = 1 + max((int(path.name) for path in base.iterdir() if path.name.isdecimal()), default=0)
        directory = base / f"{number:04}"
        directory.mkdir(mode=0o700)
        kept = []
        for place, edit in enumerate(changed):
            path = Path(edit.path)
            content, new = read(path), edits.exact_bytes(edit.new)
            found = path.stat() if content is not None else None
            if content is not None:
                write(directory / f"{place}.before", content, 0o600, 0, 0)
            write(directory / f"{place}.after", new, 0o600, 0, 0)
            rights = (found.st_mode & 0o7777, found.st_uid, found.st_gid) if found else (0, 0, 0)
            kept.append(Kept(edit.path, checksum(content), checksum(new), *rights))
        made = cls(directory, Manifest(made_at, postfix_config, dovecot_config, tuple(kept)))
        made.save("begun")
        return made

    def save(self, state: Literal["begun", "applied", "reverted"]) -> None:
        """Writes the manifest with this state."""
        self.manifest.state = state
        write(self.directory / MANIFEST, msgspec.json.format(msgspec.json.encode(self.manifest)), 0o600, 0, 0)

    def before(self, kept: Kept) -> bytes | None:
        """The file as it was; None when it was not there. Raises OSError, and ValueError for a damaged copy."""
        if not kept.before:
            return None
        content = (self.directory / f"{self.manifest.files.index(kept)}.before").read_bytes()
        if checksum(content) != kept.before:
            raise ValueError(f"{self.directory}: the copy of {kept.path} is damaged")
        return content

    def after(self, kept: Kept) -> bytes:
        """The file as setup wrote it."""
        return (self.directory / f"{self.manifest.files.index(kept)}.after").read_bytes()


def standing(base: Path) -> list[Backup]:
    """Backups that were not taken back yet, the newest first."""
    found = []
    for path in sorted(base.glob("[0-9]*/" + MANIFEST), reverse=True):
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
        if manifest.state != "reverted":
            found.append(Backup(path.parent, manifest))
    return found
