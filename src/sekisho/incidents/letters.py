"""Mails about a mailbox that belong to no incident: a room above this one says what is in them.

They go through the same outbox as notices (incidents.notices) and are sent once. The row holds what the text is made
of, never a secret: a composer makes a link or a code when the mail leaves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime

from sekisho.config import settings
from sekisho.incidents.models import Notice


class Stale(Exception):
    """What the letter was about is over; it is not sent. The text says why, for the log."""


# Subject and text of a letter; raises Stale.
Composer = Callable[[Notice], tuple[str, str]]

_composers: dict[str, Composer] = {}


def compose_by(kinds: Iterable[str], composer: Composer) -> None:
    """Names the composer of these kinds of letters; a room does this when Django starts."""
    _composers.update(dict.fromkeys(kinds, composer))


def compose(letter: Notice) -> tuple[str, str]:
    """Subject and text; raises Stale, also for a kind that nobody composes any more."""
    composer = _composers.get(letter.kind)
    if composer is None:
        raise Stale(f"nobody writes letters of kind {letter.kind}")
    return composer(letter)


def mark_arrived(message_id: str, mailbox: str, at: datetime) -> None:
    """The mail log shows that this letter was put into this mailbox, the one it was written to."""
    rows = Notice.objects.filter(message_id=message_id, recipient=mailbox, arrived_at=None)
    rows.update(arrived_at=at)


def enqueue(mailbox: str, kind: str, about: str, recipient: str, language: str, now: datetime) -> None:
    """Writes a letter into the outbox, in the caller's transaction; once for each kind, recipient and `about`."""
    key = f"{mailbox}\0{kind}\0{about}\0{recipient}\0{now.timestamp():.6f}"
    identifier = hashlib.sha256(key.encode()).hexdigest()[:32]
    Notice.objects.get_or_create(
        incident=None,
        kind=kind,
        about=about,
        recipient=recipient,
        defaults={
            "mailbox": mailbox,
            "language": language,
            "message_id": f"<sekisho.notice.{identifier}@{settings().host}>",
            "created_at": now,
        },
    )
