"""A Dovecot of another Debian for the local stack: SEKISHO_DOVECOT_ROOT names a directory tree that holds it.

`setup/trixie.sh` makes such a tree of Debian 13, with Dovecot 2.4. Our side's Dovecot then runs inside it (chroot), in
a mount namespace of its own in which it sees `var` under its usual path and the machine's users. Small scripts with
Dovecot's own names, first in the PATH of all parts, do the same for `doveadm` and its siblings, so that nothing else of
Sekisho knows. The third party keeps the machine's Dovecot: two versions write to each other.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import MutableMapping
from pathlib import Path

from sekisho.deploy.ground import COMMAND_DEADLINE, GroundError
from sekisho.deploy.layout import Layout

# What the agent, the doctor and people call, and where Debian has it.
PROGRAMS = {
    "dovecot": "/usr/sbin/dovecot",
    "doveadm": "/usr/bin/doveadm",
    "doveconf": "/usr/bin/doveconf",
    "sievec": "/usr/bin/sievec",
}
# exec at every step: signals and the supervisor's process id reach the program itself. As little as can be: the agent
# runs dozens of them for one suspension.
_SCRIPT = """#!/bin/sh
exec unshare --mount --propagation private -- /bin/sh -c '
root=$1 var=$2; shift 2
mount --bind "$var" "$root$var" && exec chroot "$root" "$@"' {name} {root} {var} {program} "$@"
"""
# The mail's owner, Postfix' and our own user must have the same numbers inside.
_USERS = ("etc/passwd", "etc/group")
# A mount namespace and a root of its own: the agent, which calls these programs, needs them in this stack only.
CAPABILITIES = ("sys_admin", "sys_chroot")
_VERSION = re.compile(r"(\d+)\.(\d+)\.")


def programs_directory(layout: Layout) -> Path:
    """Where the scripts of this stack are."""
    return layout.var / "ours" / "dovecot" / "bin"


def install(layout: Layout) -> None:
    """Writes the scripts for the tree that the layout names, and the machine's users into it; none: takes them away.

    Raises GroundError for a tree without Dovecot.
    """
    directory, root = programs_directory(layout), layout.dovecot_root
    if root is None:
        for name in PROGRAMS:
            (directory / name).unlink(missing_ok=True)
        return
    missing = [path for path in PROGRAMS.values() if not (root / path.lstrip("/")).exists()]
    if missing:
        raise GroundError(f"{root} has no {missing[0]}; make it by setup/trixie.sh {root}")
    (root / str(layout.var).lstrip("/")).mkdir(parents=True, exist_ok=True)
    for path in _USERS:
        draft = root / f"{path}.sekisho"
        draft.write_bytes(Path("/", path).read_bytes())
        draft.replace(root / path)
    directory.mkdir(parents=True, exist_ok=True)
    for name, program in PROGRAMS.items():
        words = {"name": name, "root": root, "var": layout.var, "program": program}
        draft = directory / f"{name}.new"
        draft.write_text(_SCRIPT.format(**{key: shlex.quote(str(word)) for key, word in words.items()}))
        draft.chmod(0o755)
        draft.replace(directory / name)


def use(layout: Layout, environment: MutableMapping[str, str]) -> None:
    """Puts the scripts first in this environment's PATH, where the layout names a tree."""
    if layout.dovecot_root is not None:
        rest = environment.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        first = str(programs_directory(layout))
        if rest.split(":")[0] != first:
            environment["PATH"] = f"{first}:{rest}"


def dovecot_of(layout: Layout, side: str) -> str:
    """The program that runs as the Dovecot of "ours" or "theirs"."""
    if layout.dovecot_root is None:
        return "dovecot"
    return str(programs_directory(layout) / "dovecot") if side == "ours" else PROGRAMS["dovecot"]


def capabilities(layout: Layout) -> tuple[str, ...]:
    """What the agent needs beside its own capabilities to call these programs."""
    return CAPABILITIES if layout.dovecot_root is not None else ()


def version(layout: Layout) -> tuple[int, int]:
    """Our side's Dovecot, as (2, 4); raises GroundError when it does not say."""
    root = layout.dovecot_root
    command = ["dovecot", "--version"] if root is None else ["chroot", str(root), PROGRAMS["dovecot"], "--version"]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=COMMAND_DEADLINE, check=True,
            env={"PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), "LC_ALL": "C"},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise GroundError(f"{' '.join(command)}: {error}; run setup/prepare.sh as root") from error
    if (found := _VERSION.match(done.stdout)) is None:
        raise GroundError(f"{' '.join(command)} names no version: {done.stdout[:80]!r}")
    return int(found[1]), int(found[2])
