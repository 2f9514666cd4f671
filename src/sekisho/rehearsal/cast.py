"""Who plays: victims, sources and letter writers from the demo's scenarios.toml, passwords from credentials.json."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from pathlib import Path

import msgspec

from sekisho.journal import replace_file


class CastError(Exception):
    """A rehearsal cannot be cast: no file, no victim left, no password; the text says which."""


class Victim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A demo mailbox that may be taken over: its alias, and the address its owner is known to come from."""

    mailbox: str
    alias: str
    home: str
    # People outside he corresponds with, who go on writing to him meanwhile.
    writers: tuple[str, ...]


class Play(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One scenario's data: the client addresses it is played from, and where its mail goes."""

    # One address a source; for `botnet` one per country, for `flood` a hundred; none: the owner's own place.
    sources: tuple[str, ...] = ()
    # Domain of the recipients of played spam, or the target of a planted forward.
    target: str = ""
    subject: str = ""
    text: str = ""


class Scenarios(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """demo/scenarios.toml, whole."""

    victims: tuple[Victim, ...]
    botnet: Play
    blast: Play
    intruder: Play
    flood: Play
    home_botnet: Play
    drip: Play
    forward: Play
    own_pc: Play
    newsletter: Play
    traveller: Play

    def play(self, name: str) -> Play:
        """The data of one scenario by its name; raises CastError."""
        if name not in SCENARIOS:
            raise CastError(f"no scenario {name!r}; there are: {', '.join(SCENARIOS)}")
        play: Play = getattr(self, name)
        return play


class Credentials(msgspec.Struct):
    """The part of credentials.json that a rehearsal needs; the rest is kept as it is."""

    mailboxes: dict[str, str]


# Each name is a field of Scenarios.
SCENARIOS = (
    "botnet", "blast", "intruder", "flood", "home_botnet", "drip", "forward", "own_pc", "newsletter", "traveller",
)  # fmt: skip


def read_scenarios(path: Path) -> Scenarios:
    """The scenarios of a file; raises CastError naming the file and the field."""
    try:
        return msgspec.toml.decode(path.read_bytes(), type=Scenarios)
    except (OSError, msgspec.DecodeError) as error:
        raise CastError(f"{path}: {error}") from error


def read_password(path: Path, mailbox: str) -> str:
    """The present password of a demo mailbox; raises CastError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Credentials).mailboxes[mailbox]
    except (OSError, msgspec.DecodeError, KeyError) as error:
        raise CastError(f"{path}: no password for {mailbox}") from error


def keep_password(path: Path, mailbox: str, password: str) -> None:
    """Writes a mailbox's new password into credentials.json (0600), so that the next rehearsal can log in."""
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        content = msgspec.json.decode(path.read_bytes())
        content["mailboxes"][mailbox] = password
        replace_file(path, msgspec.json.format(msgspec.json.encode(content)), mode=0o600)


def choose_victim(victims: tuple[Victim, ...], used_file: Path, is_active: Callable[[str], bool]) -> Victim:
    """The next victim no rehearsal has used yet and whose mailbox is active; raises CastError when there is none.

    When all were used, the round begins again: a mailbox out of probation can be played once more.
    """
    used = msgspec.json.decode(used_file.read_bytes(), type=list[str]) if used_file.exists() else []
    order = [victim for victim in victims if victim.mailbox not in used]
    order += sorted((v for v in victims if v.mailbox in used), key=lambda victim: used.index(victim.mailbox))
    for victim in order:
        if is_active(victim.mailbox):
            fresh = [mailbox for mailbox in used if mailbox != victim.mailbox]
            replace_file(used_file, msgspec.json.encode([*fresh, victim.mailbox]))
            return victim
    raise CastError("every victim of scenarios.toml is suspended, restricted or on probation; reinstate or dismiss one")
