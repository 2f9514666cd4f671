"""Compressed logs: what a file is packed with is told by its first octets, never by its name."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from io import BufferedReader
from typing import BinaryIO, cast

# What the libraries raise at damaged or cut data, beside OSError.
DAMAGE = (EOFError, zlib.error, lzma.LZMAError)
_GZIP, _BZIP2, _XZ, _ZSTD = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"


def is_packed(begin: bytes) -> bool:
    """Whether a file that begins with these octets (six are enough) is compressed."""
    return begin.startswith((_GZIP, _BZIP2, _XZ, _ZSTD))


def unpacked(raw: BufferedReader) -> BinaryIO:
    """The octets of a file as they were before it was compressed (gzip, bzip2, xz), or `raw` itself.

    Reading raises OSError or one of DAMAGE. Not supported: zstd, which Python 3.11 has no library for (OSError).
    """
    begin = raw.peek(6)
    if begin.startswith(_GZIP):
        return cast(BinaryIO, gzip.GzipFile(fileobj=raw))
    if begin.startswith(_XZ):
        return cast(BinaryIO, lzma.LZMAFile(raw))
    if begin.startswith(_BZIP2):
        return cast(BinaryIO, bz2.BZ2File(raw))
    if begin.startswith(_ZSTD):
        raise OSError("compressed with zstd, which is not read here; unpack it first (unzstd FILE)")
    return raw
