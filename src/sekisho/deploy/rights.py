"""Guard, worker and panel run as the system user `sekisho` in the local stack too, as they do on a real host.

Only where that user can read the program (a clone below a home directory of mode 0700 cannot be read) everything runs
as root, and the terminal says so: a first try must not fail because of where somebody cloned to.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from sekisho.deploy.layout import Layout

USER = "sekisho"
# Importing the program takes well under a second; a hanging network home directory must not hang the start.
TRIAL_DEADLINE = 10.0
# What the agent's unit leaves it of root (packaging/systemd, docs/privileges.md with a reason for each): here too, so
# that every story shows that they are enough.
AGENT_CAPABILITIES = ("chown", "dac_override", "fowner", "kill", "setgid", "setuid")


def prefix_for(user: str, capabilities: Sequence[str] | None = None) -> list[str]:
    """The words before a command that make it die with us and run as `user` (empty: as we are).

    With `capabilities` it never has others, whatever it starts, as with CapabilityBoundingSet= and NoNewPrivileges=.
    """
    words = ["setpriv", "--pdeathsig", "TERM"]
    if capabilities is not None:
        words += [f"--bounding-set={','.join(['-all', *(f'+{name}' for name in capabilities)])}", "--no-new-privs"]
    if user:
        words += ["--reuid", user, "--regid", user, "--init-groups"]
    return [*words, "--"]


def unprivileged_user(layout: Layout, environment: Mapping[str, str]) -> str:
    """`sekisho` when that user can run the program and read the configuration, else "" (stay root)."""
    try:
        pwd.getpwnam(USER)
    except KeyError:
        return ""
    trial = [sys.executable, "-c", "import sekisho.config; sekisho.config.settings()"]
    try:
        subprocess.run(
            [*prefix_for(USER), *trial],
            cwd=layout.var,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TRIAL_DEADLINE,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return USER


def share_state(var: Path, user: str, failpoints: str = "") -> None:
    """Directories of guard and worker belong to `user`; the agent's is readable for it.

    Repairs what an earlier start as root, or a `sekisho learn` by root, left behind.
    """
    owner = pwd.getpwnam(user) if user else pwd.getpwuid(0)
    group = pwd.getpwnam(USER).pw_gid
    ours = owner.pw_uid
    for name, uid, mode in (
        ("guard", ours, 0o2770),
        ("worker", ours, 0o2770),
        # Postfix' pipe runs as USER whatever our parts run as.
        ("complaints", pwd.getpwnam(USER).pw_uid, 0o2770),
        ("agent", 0, 0o2750),
    ):
        directory = var / name
        directory.mkdir(exist_ok=True)
        for path in (directory, *directory.rglob("*")):
            os.chown(path, uid, group, follow_symlinks=False)
        directory.chmod(mode)
    if failpoints and Path(failpoints).is_dir():
        # A failpoint is a file that the process removes before it dies.
        os.chown(failpoints, owner.pw_uid, group)
