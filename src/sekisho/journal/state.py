"""The state file: what the guard must know of the record, written by the agent, replaced by rename.

The guard reads it within 0.5 s of a change and before it opens a socket. A mailbox missing here is active in
generation 0. Losing the file never opens a mailbox: the barrier stands on its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from sekisho.journal.files import replace_file
from sekisho.journal.records import RecordError, Status


class MailboxState(msgspec.Struct, frozen=True):
    """One mailbox that is not simply active in generation 0."""

    status: Status
    # Evidence of an older generation never counts again (DESIGN §4).
    generation: int
    # New recipients an hour (restricted) or a day (probation); None: no such limit.
    limit: int | None = None
    since: float = 0.0
    # This generation began because a person said that what was open before was the owner's (dismissal, answer).
    confirmed: bool = False
    # Client addresses that a person called the owner's; only their places become familiar. None: all of that day.
    vouched: tuple[str, ...] | None = None
    # A mailing somebody has answered for: so many new recipients pass uncounted until then (epoch seconds).
    allowed_until: float = 0.0
    allowed_recipients: int = 0
    # The case number of its incident, where the client of a suspended mailbox is told one (guard.reason_text).
    case: str = ""
    # Dovecot's hashes (12 bits) of passwords from before its suspensions, where nobody vouches for the present one: a
    # login with one of these trips (incidents.burned). At most eight.
    burned: tuple[str, ...] = ()


class OpenCountry(msgspec.Struct, frozen=True):
    """A travel pass: the country (ISO 3166-1) counts as known between two times (epoch seconds)."""

    country: str
    since: float
    until: float


class SendingRule(msgspec.Struct, frozen=True):
    """From which countries a mailbox may send by SMTP AUTH; "observe" lets everything pass and tells of it."""

    mode: Literal["off", "observe", "enforce"]
    # ISO 3166-1. None at all: every country.
    countries: tuple[str, ...] = ()
    # Networks that count as there wherever the address data put them.
    exceptions: tuple[str, ...] = ()


class StateFile(msgspec.Struct, frozen=True):
    written_at: float
    mailboxes: dict[str, MailboxState] = {}
    # alias domain -> target domain, for canonical names.
    alias_domains: dict[str, str] = {}
    # Domains whose mode differs from the host's.
    modes: dict[str, Literal["observe", "enforce"]] = {}
    # Never suspended automatically, only restricted: contacts of admins.
    protected: tuple[str, ...] = ()
    # Mailboxes whose arriving mail is to be reported (somebody waits to be marked arrived).
    watched: tuple[str, ...] = ()
    # Mailboxes of this host, and of each domain: the fuse's 1 %.
    mailbox_count: int = 0
    domain_mailbox_counts: dict[str, int] = {}
    # Mailboxes whose owners travel, and the only countries some mailboxes may be used from (now in force).
    travel: dict[str, tuple[OpenCountry, ...]] = {}
    countries: dict[str, tuple[str, ...]] = {}
    # From where mail is sent, by domain and by mailbox (whole address), where it differs from the host's rule.
    sending: dict[str, SendingRule] = {}
    # On close watch after a takeover: mailboxes, and domains for their other mailboxes; until then (epoch seconds).
    close_watch: dict[str, float] = {}
    close_watch_domains: dict[str, float] = {}
    # Mailboxes whose password renewal is overdue: their new recipients wait (incidents.renewal).
    renewals: tuple[str, ...] = ()
    # Mailboxes whose login attempts somebody watches just now, and the addresses (or /64) of the browsers he uses.
    settings_tests: dict[str, tuple[str, ...]] = {}


def read_state(path: Path) -> StateFile | None:
    """The state, or None when there is no file yet; raises RecordError when it cannot be read as one."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=StateFile)
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(f"{path}: {error}") from error


def write_state(path: Path, state: StateFile) -> None:
    """Replaces the state file; a reader sees the old or the new one, never a mixture."""
    replace_file(path, msgspec.json.encode(state))
