"""Where the local stack's doors are (DESIGN §8): ports on loopback, both Postfix configurations, the command."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple, Self

from sekisho.config import Settings
from sekisho.deploy.layout import Ports


class Places(NamedTuple):
    """The doors of one running local stack. All ports are on 127.0.0.1."""

    mx: int
    reinjection: int
    submission: int
    imap: int
    pop3: int
    sieve: int
    outside_smtp: int
    outside_imap: int
    policy: int
    auth_policy: int
    events: int
    panel: int
    var: Path

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The doors of the stack these settings were written for."""
        return cls.with_base(settings.web.port - Ports().panel, Path(settings.var))

    @classmethod
    def with_base(cls, base: int, var: Path) -> Self:
        """The doors of a stack whose ports lie `base` above DESIGN §8's and whose state is below `var`."""
        ports = Ports().shifted(base)
        return cls(
            mx=ports.mx,
            reinjection=ports.reinject,
            submission=ports.submission,
            imap=ports.imap,
            pop3=ports.pop3,
            sieve=ports.sieve,
            outside_smtp=ports.theirs_smtp,
            outside_imap=ports.theirs_imap,
            policy=ports.policy,
            auth_policy=ports.auth_policy,
            events=ports.events,
            panel=ports.panel,
            var=var,
        )

    @property
    def our_postfix(self) -> Path:
        """The provider's Postfix configuration directory (absolute: `postfix -c` fails silently on a relative one)."""
        return self.var / "ours" / "postfix"

    @property
    def their_postfix(self) -> Path:
        """The third party's Postfix configuration directory."""
        return self.var / "theirs" / "postfix"

    @property
    def credentials_file(self) -> Path:
        return self.var / "credentials.json"


def demo_directory() -> Path:
    """Where the demo's data is: $SEKISHO_DEMO, else ./demo, else beside the source tree; raises FileNotFoundError."""
    named = os.environ.get("SEKISHO_DEMO", "")
    candidates = [Path(named)] if named else [Path("demo"), Path(__file__).resolve().parents[3] / "demo"]
    for path in candidates:
        if (path / "scenarios.toml").exists():
            return path
    raise FileNotFoundError(f"no scenarios.toml in {' or '.join(map(str, candidates))}")


def sekisho_command() -> str:
    """The `sekisho` program that belongs to the running interpreter."""
    return str(Path(sys.executable).with_name("sekisho"))
