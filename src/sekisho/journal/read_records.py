"""What the guard tells of reading: one session that may be a third party's (guard.session_reads)."""

from __future__ import annotations

import msgspec


class FolderRead(msgspec.Struct, frozen=True):
    """What was done with one folder in a session. UIDs as IMAP writes them: "1:3,7"."""

    name: str
    opened: int = 0
    # Messages whose text was fetched; `fetches` counts a message as often as it was fetched.
    uids: str = ""
    fetches: int = 0
    # Fetches that found no room in `uids`.
    beyond: int = 0
    # Messages deleted or moved away, how many of them moved, and messages put in, how many of them as copies.
    removed: str = ""
    moved: int = 0
    stored: int = 0
    copied: int = 0
    # The folder itself was deleted, with whatever was in it.
    dropped: bool = False


class SearchMade(msgspec.Struct, frozen=True):
    """A search for words in a session, as the client asked it."""

    t: float
    folder: str
    words: str


class SessionRead(msgspec.Struct, frozen=True, tag="session_read"):
    """What was read in one session so far, from a source that is not the owner's usual one, or that a decision named.

    A later record of the same id says all of it again, with what came since: the newest counts.
    """

    # Random: a session that was under way when the guard was started again has two, each with its own part.
    id: str
    t: float
    mailbox: str
    session: str
    # imap, pop3.
    protocol: str
    ip: str
    country: str
    asn: int
    since: float
    until: float
    ended: bool
    folders: tuple[FolderRead, ...] = ()
    searches: tuple[SearchMade, ...] = ()
    # From the line that Dovecot logs at the end: octets of the texts it sent, and fetches. None: no such line (yet).
    octets: int | None = None
    logged_fetches: int | None = None
    # There was more than is kept of one session.
    more: bool = False
