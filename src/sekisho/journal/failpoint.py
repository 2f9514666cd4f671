"""Places where the stories kill a process for good (RELIABILITY §4.4): `kill -9` at a named point, once.

Without `SEKISHO_FAILPOINTS` in the environment a failpoint is one dictionary look-up and nothing else.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

_directory = os.environ.get("SEKISHO_FAILPOINTS", "")


def failpoint(name: str) -> None:
    """Kills this process if the file `$SEKISHO_FAILPOINTS/name` exists, and removes the file first (fires once)."""
    if not _directory:
        return
    try:
        (Path(_directory) / name).unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
