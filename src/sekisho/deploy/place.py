"""Finds a place for `var` where Postfix and Dovecot, which do not run as root, can reach it.

Whoever clones into root's home directory (mode 0700), or far down a deep path, could start neither: Postfix' daemons
open their maps as `postfix`, Dovecot reads the barrier as `dovecot`, and a unix socket's path holds 108 bytes. Instead
of changing the mode of somebody's home, `var` then becomes a symbolic link to a directory under /var/lib.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

from sekisho.deploy.layout import Layout, LayoutError

ELSEWHERE = Path("/var/lib/sekisho-stack")
# unix(7): 108 bytes with the final NUL; our longest below `var` is Dovecot's "/theirs/dovecot/run/srv.…-login/login".
LONGEST_VAR = 55


def settle(layout: Layout, elsewhere: Path = ELSEWHERE) -> Layout:
    """The layout with a `var` that exists and is reachable; raises LayoutError when that needs a person's decision.

    A `var` that was removed by hand means a fresh start: what an earlier link led to is removed, too.
    """
    var = layout.var
    if _is_reachable(var):
        var.mkdir(parents=True, exist_ok=True)
        # Ours alone: what is secret in it has modes of its own.
        var.chmod(0o755)
        return layout
    real = elsewhere / hashlib.sha256(bytes(var)).hexdigest()[:12]
    if not var.is_symlink():
        _make_link(var, real)
    elif var.readlink() != real:
        raise LayoutError(f"{var} leads to {var.readlink()}, which is not ours; remove it or set SEKISHO_VAR")
    real.mkdir(parents=True, exist_ok=True)
    return replace(layout, var=real)


def _is_reachable(var: Path) -> bool:
    """Whether every directory above lets everybody pass and the path is short enough for sockets."""
    if var.is_symlink() or len(bytes(var)) > LONGEST_VAR:
        return False
    existing = [parent for parent in var.parents if parent.exists()]
    return all(parent.stat().st_mode & 0o001 for parent in existing)


def _make_link(var: Path, real: Path) -> None:
    if var.exists():
        if not var.is_dir() or any(var.iterdir()):
            raise LayoutError(
                f"Postfix and Dovecot cannot reach {var} (a directory above it is closed, or its path is too long) "
                "and it is not empty; set SEKISHO_VAR to another directory, or move it away"
            )
        var.rmdir()
    if real.exists():
        shutil.rmtree(real)
    var.parent.mkdir(parents=True, exist_ok=True)
    var.symlink_to(real)
