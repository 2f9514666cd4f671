"""A small process that outlives a supervisor killed by -9 just long enough to take its parts along.

The kernel's own means (PR_SET_PDEATHSIG, see rights.prefix_for) is forgotten when a process changes its effective user
(prctl(2)), and Postfix' master does that. So this one waits for the end of the pipe that the supervisor holds, and then
ends whatever `pids.json` still names. After an orderly stop there is no such file and nothing to do.

Usage: python -m sekisho.deploy.watcher PIDS.json  (standard input: the pipe)
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path


def main(pids: Path) -> None:
    """Waits for the end of standard input, then sends SIGTERM to every process in `pids`."""
    # Our own orders come through the pipe alone: a terminal's or a careless operator's signals must not end us first.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    try:
        running: dict[str, int] = json.loads(pids.read_bytes())
    except (OSError, ValueError):
        return
    for process in running.values():
        try:
            os.kill(process, signal.SIGTERM)
        except ProcessLookupError:
            continue
    pids.unlink(missing_ok=True)
    # Nobody may take the dead stack for a running one.
    pids.with_name("ready").unlink(missing_ok=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
