"""Where the local stack keeps everything and which ports it uses: one frozen value made from the environment.

Directory names and ports are public (DESIGN §8): people and black-box checks rely on them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path

# What SEKISHO_DATABASE may name.
DATABASES = ("sqlite", "postgresql", "mariadb")


class LayoutError(Exception):
    """SEKISHO_VAR, SEKISHO_PORT_BASE or SEKISHO_DATABASE cannot be used; the text says why."""


@dataclass(frozen=True)
class Ports:
    """TCP ports on 127.0.0.1, without the base."""

    mx: int = 2525
    reinject: int = 2526
    submission: int = 2587
    imap: int = 2143
    pop3: int = 2110
    sieve: int = 24190
    theirs_smtp: int = 3525
    theirs_imap: int = 2144
    policy: int = 10031
    auth_policy: int = 10040
    events: int = 10041
    panel: int = 8080

    def shifted(self, base: int) -> Ports:
        """The same ports with `base` added to each."""
        return Ports(**{field.name: getattr(self, field.name) + base for field in fields(self)})


@dataclass(frozen=True)
class Layout:
    """`var` and the ports of one stack."""

    var: Path
    ports: Ports
    # Directory tree of another Debian whose Dovecot is ours (deploy.dovecot_root); None: the machine's own.
    dovecot_root: Path | None = None
    # Of DATABASES: what both databases are kept in.
    database: str = "sqlite"

    @property
    def barrier(self) -> Path:
        return self.var / "barrier"

    @property
    def log(self) -> Path:
        return self.var / "log"

    @property
    def run(self) -> Path:
        return self.var / "run"

    @property
    def ready(self) -> Path:
        """Exists while every part answers."""
        return self.run / "ready"

    @property
    def pids(self) -> Path:
        """JSON object: part's name -> process id."""
        return self.run / "pids.json"

    @property
    def secrets(self) -> Path:
        return self.var / "secrets"

    @property
    def credentials(self) -> Path:
        return self.var / "credentials.json"

    @property
    def our_database(self) -> Path:
        return self.var / "db" / "sekisho.sqlite3"

    @property
    def site_database(self) -> Path:
        return self.var / "db" / "site.sqlite3"


def layout_from_environment() -> Layout:
    """The layout named by SEKISHO_VAR (default ./var), SEKISHO_PORT_BASE (0), SEKISHO_DATABASE (sqlite) and
    SEKISHO_DOVECOT_ROOT (none).

    Raises LayoutError.
    """
    var = Path(os.environ.get("SEKISHO_VAR") or "var").absolute()
    text = os.environ.get("SEKISHO_PORT_BASE") or "0"
    if not text.isdecimal() or Ports().sieve + int(text) > 65535:
        raise LayoutError(f"SEKISHO_PORT_BASE {text!r} must be a number from 0 to {65535 - Ports().sieve}")
    database = os.environ.get("SEKISHO_DATABASE") or DATABASES[0]
    if database not in DATABASES:
        raise LayoutError(f"SEKISHO_DATABASE {database!r} is none of {', '.join(DATABASES)}")
    root = os.environ.get("SEKISHO_DOVECOT_ROOT") or ""
    if root and database != DATABASES[0]:
        raise LayoutError("SEKISHO_DOVECOT_ROOT goes with SQLite only")
    return Layout(var, Ports().shifted(int(text)), Path(root).absolute() if root else None, database)
