"""Mails about a mailbox that belong to no incident: a room above this one says what is in them.

They go through the same outbox as notices (incidents.notices) and are sent once. The row holds what the text is made
of, never a secret: a composer makes a link or a code when the mail leaves. Letters that an owner has us send to others
(impact.apologies) leave from his own address, so many an hour.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from email.errors import HeaderParseError
from email.headerregistry import Address

from sekisho.config import settings
from sekisho.directory.models import SiteMailbox
from sekisho.incidents.models import Notice

HOUR = timedelta(hours=1)
# The worker comes round four times a second: whoever is beyond these is served at the next turn.
MAILBOXES_A_TURN = 50


class Stale(Exception):
    """What the letter was about is over; it is not sent. The text says why, for the log."""


# Subject and text of a letter; raises Stale.
Composer = Callable[[Notice], tuple[str, str]]

_composers: dict[str, Composer] = {}
# Kinds in an owner's name, and how many of one mailbox leave within an hour.
_from_owners: dict[str, int] = {}


def compose_by(kinds: Iterable[str], composer: Composer, *, from_owner_an_hour: int | None = None) -> None:
    """Names the composer of these kinds of letters; a room does this when Django starts.

    `from_owner_an_hour`: they leave from the mailbox's own address, at most so many of a mailbox within an hour.
    """
    _composers.update(dict.fromkeys(kinds, composer))
    if from_owner_an_hour is not None:
        _from_owners.update(dict.fromkeys(kinds, from_owner_an_hour))


def kinds_from_owners() -> list[str]:
    """The kinds that leave in an owner's name, by `due_from_owners` only."""
    return list(_from_owners)


def due_from_owners(now: datetime) -> Iterator[Notice]:
    """Open letters in owners' names that may leave now, the oldest first, within each mailbox's number an hour."""
    if not _from_owners:
        return
    waiting = Notice.objects.filter(kind__in=_from_owners, state="open", incident=None)
    pairs = waiting.order_by("kind", "mailbox").values_list("kind", "mailbox").distinct()
    for kind, mailbox in list(pairs[:MAILBOXES_A_TURN]):
        of_mailbox = Notice.objects.filter(kind=kind, mailbox=mailbox, incident=None)
        left = _from_owners[kind] - of_mailbox.filter(claimed_at__gt=now - HOUR).count()
        if left > 0:
            yield from of_mailbox.filter(state="open").order_by("id")[:left]


def sender_of(letter: Notice) -> Address | None:
    """The mailbox's own address with its owner's name for a letter in his name; None for one of ours."""
    if letter.kind not in _from_owners:
        return None
    name = SiteMailbox.objects.filter(username=letter.mailbox).values_list("name", flat=True).first() or ""
    try:
        return Address(display_name=name if name.isprintable() else "", addr_spec=letter.mailbox)
    except (HeaderParseError, ValueError) as error:
        raise Stale(f"{letter.mailbox} cannot stand in a From line") from error


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
