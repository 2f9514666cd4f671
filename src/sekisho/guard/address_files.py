"""Reading the operator's address data: only files that nobody else could have written, and only so much of them.

Whoever can write such a file can make every hijacker look like a neighbour. So it must belong to root or to the guard's
own user and must not be writable by everybody; the check is made on the open file, not on its name.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from sekisho.detection import AddressDataError

# The largest country or ASN database published has some 100 MB; more is a wrong file and would fill the memory.
MAX_BYTES = 512 << 20


def read_trusted(path: Path) -> tuple[bytes, float]:
    """What is in a file, and when it was last changed (epoch seconds).

    Raises OSError when it cannot be read, AddressDataError when it must not be.
    """
    # A pipe of that name must not hold the guard up; for a plain file the flag means nothing.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
        status = os.fstat(file.fileno())
        _check(status)
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise AddressDataError(f"more than {MAX_BYTES >> 20} MB")
    return content, status.st_mtime


def _check(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise AddressDataError("not a plain file")
    if status.st_uid not in (0, os.geteuid()):
        raise AddressDataError(f"belongs to uid {status.st_uid}; it must be root's or the guard's own")
    if status.st_mode & stat.S_IWOTH:
        raise AddressDataError("everybody may write it; chmod o-w it")


def clean_country(code: object) -> str:
    """A country code of two letters in upper case; "" for anything else."""
    if isinstance(code, str) and len(code) == 2 and code.isascii() and code.isalpha():
        return code.upper()
    return ""
