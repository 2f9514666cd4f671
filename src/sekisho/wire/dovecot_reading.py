"""What was done in an IMAP or POP3 session, out of Dovecot's events: folders, fetched messages, searches, deletions.

`mail_opened` is told for each message that is opened, with why (`reason_code`): `imap:fetch_body` for a text or a part
of it, `pop3:cmd_retr`, `pop3:cmd_top`. Its UID tells messages apart where a command names "1:*". Headers, flags and
previews have other reasons. `mail_expunge_requested` belongs to the session that asked for it; `mail_expunged` may come
from whoever looks into the folder next. `imap_command_finished` counts only when its reply is OK. The words of a search
and a folder's name are the client's text.
"""

from __future__ import annotations

import re
from binascii import Error as Base64Error
from binascii import a2b_base64

import msgspec

# A search that somebody types is a few words; a program may send thousands of UIDs with it.
MAX_WORDS = 200
# Dovecot's own bound of a folder's name is 255 octets (mailbox_list_max_length 4096 for its whole path).
MAX_FOLDER = 255

_FETCHED = frozenset({"imap:fetch_body", "pop3:cmd_retr", "pop3:cmd_top"})
# Dovecot's own housekeeping at the end of a session: nobody asked for it.
_HOUSEKEEPING = "storage:autoexpunge"
_OPENING = frozenset({"SELECT", "EXAMINE"})
_SEARCHING = frozenset({"SEARCH", "UID SEARCH", "SORT", "UID SORT", "THREAD", "UID THREAD"})
_COPYING = frozenset({"COPY", "UID COPY"})
# Keys of a search that say what somebody is after (RFC 3501, 6.4.4); programs search by flags and numbers all day.
_asks_for_words = re.compile(r"(?:^|[ (])(?:BODY|TEXT|SUBJECT|FROM|TO|CC|BCC|HEADER [^ ]+) ", re.IGNORECASE).search
# RFC 4315: "[APPENDUID 38505 3955:3957]", "[COPYUID 38505 304,319:320 3956:3958]".
_stored_uids = re.compile(r"\[(?:APPENDUID|COPYUID) [0-9]{1,10} ([0-9:,]{1,4096})[ \]]").search
_last_argument = re.compile(r'.* (?:"((?:[^"\\]|\\.)*)"|([^ "]+))', re.DOTALL).fullmatch
_shifted = re.compile(r"&([A-Za-z0-9+,]*)-")


class Who(msgspec.Struct, frozen=True):
    """The session in which something was done; `t` in epoch seconds, 0 when the event names no time."""

    t: float
    user: str
    session: str
    # imap, pop3.
    protocol: str
    # "" in POP3's events of 2.3: join them with the login by `session`.
    ip: str


class FolderOpened(msgspec.Struct, frozen=True):
    """A folder was selected or examined."""

    who: Who
    folder: str


class MessageOpened(msgspec.Struct, frozen=True):
    """A message's text, or a part of it, was fetched."""

    who: Who
    folder: str
    uid: int


class FolderSearched(msgspec.Struct, frozen=True):
    """A search for words, as the client asked it."""

    who: Who
    folder: str
    words: str


class MessageRemoved(msgspec.Struct, frozen=True):
    """A message was deleted for good, or moved to another folder."""

    who: Who
    folder: str
    uid: int
    moved: bool


class MessagesStored(msgspec.Struct, frozen=True):
    """Messages were put into a folder: new ones, or copies of messages that were there."""

    who: Who
    folder: str
    count: int
    copied: bool


class FolderRemoved(msgspec.Struct, frozen=True):
    """A folder was deleted with all that was in it; nobody says how much that was."""

    who: Who
    folder: str


def is_fetched(reasons: list[str]) -> bool:
    """Whether a message was opened because somebody fetched its text."""
    return not _FETCHED.isdisjoint(reasons)


def removal(who: Who, folder: str, uid: int, name: str, reasons: list[str]) -> MessageRemoved | None:
    """What an expunge says that a person asked for; None for Dovecot's own housekeeping."""
    if _HOUSEKEEPING in reasons:
        return None
    return MessageRemoved(who, folder[:MAX_FOLDER], uid, name.endswith("MOVE"))


def command(
    who: Who, name: str, arguments: str, folder: str, reply: str
) -> FolderOpened | FolderSearched | MessagesStored | FolderRemoved | None:
    """What an IMAP command did that succeeded; None for all that says nothing about reading."""
    if not reply.startswith("OK"):
        return None
    folder = folder[:MAX_FOLDER]
    if name in _OPENING:
        return FolderOpened(who, folder)
    if name in _SEARCHING:
        # "(SUBJECT DATE) UTF-8 ALL": by what to sort is no search.
        criteria = arguments.partition(")")[2] if name.endswith("SORT") else arguments
        return FolderSearched(who, folder, arguments[:MAX_WORDS]) if _asks_for_words(criteria) else None
    if name == "APPEND":
        return MessagesStored(who, folder, stored_count(reply), False)
    if name in _COPYING:
        return MessagesStored(who, target_of(arguments)[:MAX_FOLDER], stored_count(reply), True)
    return FolderRemoved(who, folder) if name == "DELETE" else None


def stored_count(reply: str) -> int:
    """How many messages an APPEND or COPY reply names; 1 where it names none (a storage without UIDPLUS)."""
    found = _stored_uids(reply)
    if found is None:
        return 0 if reply.startswith("OK No messages") else 1
    count = 0
    for one in found[1].split(","):
        first, _, last = one.partition(":")
        if first.isdigit() and len(first) <= 10:
            count += abs(int(last) - int(first)) + 1 if last.isdigit() and len(last) <= 10 else 1
    return count


def target_of(arguments: str) -> str:
    """The folder that a COPY went to, its last argument, as text; "" where it cannot be told."""
    found = _last_argument(arguments)
    if found is None:
        return ""
    return _shifted.sub(_unshifted, found[2] or re.sub(r"\\(.)", r"\1", found[1] or ""))


def _unshifted(found: re.Match[str]) -> str:
    """A run of modified UTF-7 (RFC 3501, 5.1.3); as it stands where it is none."""
    run = found[1].replace(",", "/")
    if not run:
        return "&"
    try:
        return a2b_base64(run + "=" * (-len(run) % 4)).decode("utf-16-be")
    except (Base64Error, UnicodeDecodeError):
        return found[0]
