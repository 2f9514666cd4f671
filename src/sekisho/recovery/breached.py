"""Passwords known from breaches: a filter on this host that is asked without telling anybody the password.

NIST SP 800-63B-4 §3.1.1.2 wants new passwords compared with those of earlier breaches. "Have I Been Pwned" publishes
them as SHA-1 sums, some 40 GB of text; `sekisho pwned build` makes a Bloom filter of it (B. Bloom, CACM 13, 1970) in
the blocked form of Putze, Sanders and Singler ("Cache-, Hash- and Space-Efficient Bloom Filters", 2007): the first 64
bits of the sum choose a block, the next 64 bits ten places in it. A block is one page of memory, so a question reads
4 KiB of the file, and the ordered text of Have I Been Pwned writes the file from its beginning to its end.

What it answers: "no" is certain, "yes" is wrong once in a thousand times (who meets that chooses another password).
It knows sums, not passwords: nothing can be read out of it.

The file: one page of header (MAGIC, a JSON object, its CRC-32), then the blocks. Each block ends with the CRC-32 of its
bits, checked at each look. A new file replaces the old one by rename; who has the old one open goes on with it.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

MAGIC = b"sekisho breached passwords\n"
VERSION = 1
# One page of memory, header and blocks alike.
PAGE = 4096
_BITS = (PAGE - 4) * 8
# A thousandth of honest passwords refused by mistake is little, and costs 14.4 bits a sum: 1.7 GB for 936 million.
PLACES = 10
BITS_PER_SUM = 14.4
# Blocks fill unevenly, by about the root of 2,273 sums: one block in a thousand holds 6 % more than its share. Without
# this room their rate would be 1.5 in a thousand.
ROOM = 1.02
# A line longer than this is no password and no sum; a file without line ends is not read into memory.
MOST_LINE_BYTES = 1024
_SUM = re.compile(rb"([0-9A-Fa-f]{40})(?::\d+)?")
_NTLM = re.compile(rb"[0-9A-Fa-f]{32}:\d+")
_CHECKSUM = struct.Struct("<I")
# How much is read at a time.
_CHUNK = 1 << 20


class BreachedError(Exception):
    """The filter cannot be made or read; the text says what to do."""


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a filter says about itself; `made_at` in seconds since 1970, `sums` as many lines as were taken."""

    version: int
    blocks: int
    places: int
    sums: int
    made_at: float


def _spots(digest: bytes, blocks: int) -> tuple[int, int, int]:
    """Block, first bit and distance to the next bit. The block grows with the sum: ordered text is written in order."""
    return (
        int.from_bytes(digest[:8], "big") * blocks >> 64,
        int.from_bytes(digest[8:12], "big") % _BITS,
        int.from_bytes(digest[12:16], "big") % (_BITS - 1) + 1,
    )


def sum_of(password: str) -> bytes:
    """The SHA-1 sum under which Have I Been Pwned lists a password."""
    # Not for secrecy: it is the published lists' own key.
    return hashlib.sha1(password.encode(errors="surrogatepass"), usedforsecurity=False).digest()


# --- building


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines without their ends; those too long are left out whole."""
    whole = True
    while line := file.readline(MOST_LINE_BYTES):
        ended = line.endswith(b"\n")
        if whole and (ended or len(line) < MOST_LINE_BYTES):
            yield line.rstrip(b"\r\n")
        whole = ended


def _digests(path: Path) -> Iterator[bytes]:
    """The sums of a file: `HASH:COUNT` or `HASH` lines as they are, any other line is a password of its own."""
    with path.open("rb") as file:
        for line in _lines(file):
            if match := _SUM.fullmatch(line):
                yield bytes.fromhex(match[1].decode())
            elif _NTLM.fullmatch(line):
                raise BreachedError(f"{path} holds NTLM sums; take the SHA-1 list")
            elif line:
                yield hashlib.sha1(line, usedforsecurity=False).digest()


def _count_lines(path: Path) -> int:
    with path.open("rb") as file:
        return 1 + sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(_CHUNK), b""))


def build(
    sources: Iterable[Path], target: Path, now: float, progress: Callable[[int, int], None] = lambda done, most: None
) -> Header:
    """Makes the filter of these files and puts it in place of the old one; `progress` hears (lines taken, at most).

    Reads every file twice (to size the filter, to fill it) and keeps nothing in memory but the mapped file, whose
    pages the kernel writes back as it likes. Raises BreachedError and OSError; the old filter then stays.
    """
    paths = list(sources)
    most = sum(_count_lines(path) for path in paths)
    blocks = max(1, round(most * BITS_PER_SUM * ROOM / _BITS))
    temporary = target.with_name(f".{target.name}.{os.getpid()}.new")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with temporary.open("wb+") as file:
            file.truncate(PAGE * (1 + blocks))
            with mmap.mmap(file.fileno(), 0) as pages:
                sums = _fill(pages, paths, blocks, lambda done: progress(done, most))
                if not sums:
                    raise BreachedError("no line of these files holds a password or a sum")
                header = Header(VERSION, blocks, PLACES, sums, now)
                _seal(pages, header)
                pages.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return header


def _fill(pages: mmap.mmap, paths: list[Path], blocks: int, progress: Callable[[int], None]) -> int:
    sums = 0
    for path in paths:
        for digest in _digests(path):
            block, bit, distance = _spots(digest, blocks)
            start = PAGE * (1 + block)
            for _ in range(PLACES):
                pages[start + (bit >> 3)] |= 1 << (bit & 7)
                bit = (bit + distance) % _BITS
            sums += 1
            if not sums % 1_000_000:
                progress(sums)
    return sums


def _seal(pages: mmap.mmap, header: Header) -> None:
    text = MAGIC + msgspec.json.encode(header)
    pages[:PAGE] = text.ljust(PAGE - 4, b"\0") + _CHECKSUM.pack(zlib.crc32(text.ljust(PAGE - 4, b"\0")))
    for start in range(PAGE, len(pages), PAGE):
        end = start + PAGE - 4
        pages[end : end + 4] = _CHECKSUM.pack(zlib.crc32(pages[start:end]))


# --- asking


def _checked_page(file: BinaryIO, number: int, path: Path) -> bytes:
    file.seek(PAGE * number)
    page = file.read(PAGE)
    if len(page) != PAGE or _CHECKSUM.unpack(page[-4:])[0] != zlib.crc32(page[:-4]):
        raise BreachedError(f"{path} is damaged; make it again with `sekisho pwned build`")
    return page


def _header(file: BinaryIO, path: Path) -> Header:
    if file.read(len(MAGIC)) != MAGIC:
        raise BreachedError(f"{path} is no filter of `sekisho pwned build`")
    text = _checked_page(file, 0, path)[len(MAGIC) : -4].rstrip(b"\0")
    try:
        header = msgspec.json.decode(text, type=Header)
    except msgspec.MsgspecError as error:
        raise BreachedError(f"{path} is of another version of Sekisho; make it again") from error
    if header.version != VERSION or os.fstat(file.fileno()).st_size != PAGE * (1 + header.blocks):
        raise BreachedError(f"{path} is incomplete or of another version; make it again with `sekisho pwned build`")
    return header


def read_header(path: Path) -> Header:
    """What the filter says about itself; raises BreachedError, and OSError (FileNotFoundError: there is none)."""
    with path.open("rb") as file:
        return _header(file, path)


def verify(path: Path) -> Header:
    """Reads the whole filter and checks every block; raises as `read_header` does."""
    with path.open("rb") as file:
        header = _header(file, path)
        for number in range(1, header.blocks + 1):
            _checked_page(file, number, path)
        return header


def is_breached(path: Path, password: str) -> bool:
    """Whether the filter holds the password: reads two pages. Raises BreachedError and OSError as `read_header`."""
    with path.open("rb") as file:
        header = _header(file, path)
        block, bit, distance = _spots(sum_of(password), header.blocks)
        page = _checked_page(file, 1 + block, path)
        for _ in range(header.places):
            if not page[bit >> 3] & 1 << (bit & 7):
                return False
            bit = (bit + distance) % _BITS
    return True
