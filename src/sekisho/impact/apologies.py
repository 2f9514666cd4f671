"""The owner's apology to those who really got a third party's mail: his own letter, chosen one by one, never automatic.

It leaves from his own address through the outbox (incidents.letters), only after the recovery, to recipients whose copy
was delivered, each once. It must not look like what it apologises for: a fixed text without links, attachments, or
anything to do in a hurry.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from sekisho.directory.models import SiteMailbox
from sekisho.impact.apology_texts import BODIES, SUBJECTS
from sekisho.impact.model import EvidenceRow, Outcome
from sekisho.incidents import audit, letters
from sekisho.incidents.changes import current_status
from sekisho.incidents.models import Incident, Notice

KIND = "apology"
# A person who writes by hand manages no more; and receivers have just seen this address send in bulk, so a second
# burst would shut it out again. It leaves time to stop what was begun by mistake, too.
AN_HOUR = 20
# A day's worth of that. More people than this are told in public, not one by one.
MOST = 480
# Later than this nobody remembers the mail it is about, and the letter itself is the strange one.
WITHIN = timedelta(days=60)
_TOKYO = ZoneInfo("Asia/Tokyo")
# A name that is a link or an address would make the letter look like one of theirs.
_STRANGE_NAME = re.compile(r"://|www\.|@|[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]", re.I)


class NotNow(Exception):
    """Nothing is sent; `why` is "shut" (not recovered), "late" (more than WITHIN ago), "many" (beyond MOST), "nobody"
    (none of those chosen got that mail, or all have been written to)."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Recipient(NamedTuple):
    """Somebody whose mailbox took a copy; `relation` as in impact.model, `letter` our letter to him, or None."""

    address: str
    relation: str
    letter: Notice | None


def why_not(incident: Incident, now: datetime) -> str:
    """Why no apology may be sent now ("shut", "late"), or ""."""
    status = current_status(incident.mailbox)
    if incident.recovered_at is None or status.status not in ("active", "probation"):
        return "shut"
    return "late" if now - incident.recovered_at > WITHIN else ""


def letters_of(incident: Incident) -> dict[str, Notice]:
    """The letters of this incident by recipient."""
    rows = Notice.objects.filter(incident=None, kind=KIND, about=_about(incident), mailbox=incident.mailbox)
    return {row.recipient: row for row in rows}


# Outcomes of a copy that was really delivered; the second although it was being put on hold.
GOT_IT: tuple[Outcome, ...] = ("delivered", "escaped")


def recipients(incident: Incident, delivered: Iterable[EvidenceRow]) -> Iterator[Recipient]:
    """Those behind the figure of delivered copies, each address once, with what has been written to them."""
    written, seen = letters_of(incident), {incident.mailbox}
    for row in delivered:
        address = str(row.facts.get("recipient", "")).lower()
        if "@" in address and address not in seen:
            seen.add(address)
            yield Recipient(address, str(row.facts.get("relation", "stranger")), written.get(address))


def send(
    incident: Incident, delivered: Iterable[EvidenceRow], chosen: Collection[str], language: str, actor: str,
    now: datetime, account: AbstractBaseUser | None = None,
) -> int:  # fmt: skip
    """Writes the letters to the chosen ones of `delivered` into the outbox; how many. Raises NotNow."""
    if why := why_not(incident, now):
        raise NotNow(why)
    wanted = {address.lower() for address in chosen}
    new = [one.address for one in recipients(incident, delivered) if one.address in wanted and one.letter is None]
    if not new:
        raise NotNow("nobody")
    with transaction.atomic(using="default"):
        # Locked: two windows at once must not get past the bound together.
        Incident.objects.select_for_update().get(pk=incident.pk)
        if len(letters_of(incident)) + len(new) > MOST:
            raise NotNow("many")
        for address in new:
            letters.enqueue(incident.mailbox, KIND, _about(incident), address, language, now)
        details = {"incident": incident.pk, "recipients": len(new), "language": language}
        audit.record(actor, "apology_asked", incident.mailbox, details=details, at=now, account=account)
    return len(new)


def stop(incident: Incident, actor: str, now: datetime) -> int:
    """Takes back what has not left yet; how many. Those can be chosen again."""
    with transaction.atomic(using="default"):
        waiting = Notice.objects.filter(
            incident=None, kind=KIND, about=_about(incident), mailbox=incident.mailbox, state="open"
        )
        stopped, _ = waiting.delete()
        if stopped:
            details = {"incident": incident.pk, "recipients": stopped}
            audit.record(actor, "apology_stopped", incident.mailbox, details=details, at=now)
    return stopped


def compose(letter: Notice) -> tuple[str, str]:
    """Subject and text for the outbox; raises Stale when the mailbox has been stopped again meanwhile."""
    incident = Incident.objects.filter(pk=int(letter.about.rpartition(" ")[2])).first()
    if incident is None or why_not(incident, letter.created_at):
        raise letters.Stale("the mailbox is not in its owner's hands now")
    return text(incident, letter.language, letter.recipient)


def text(incident: Incident, language: str, recipient: str = "") -> tuple[str, str]:
    """Subject and body of the letter; the owner reads exactly this before he sends it."""
    language = "en" if language == "en" else "ja"
    until = incident.contained_at or incident.detected_at
    words = {
        "mailbox": incident.mailbox,
        "name": _name(incident.mailbox),
        "since": _day_and_time(incident.first_risk_at, language),
        "until": _day_and_time(until, language),
        "recipient": recipient,
    }
    greeting = {"ja": f"{recipient} 様\n\n", "en": f"To {recipient}\n\n"}[language] if recipient else ""
    return SUBJECTS[language].format(**words), greeting + BODIES[language].format(**words)


def _about(incident: Incident) -> str:
    return f"apology {incident.pk}"


def _name(mailbox: str) -> str:
    name = SiteMailbox.objects.filter(username=mailbox).values_list("name", flat=True).first() or ""
    return mailbox if not name.strip() or _STRANGE_NAME.search(name) else f"{name.strip()} ({mailbox})"


def _day_and_time(moment: datetime, language: str) -> str:
    local = moment.astimezone(_TOKYO)
    if language == "ja":
        return f"{local.year}年{local.month}月{local.day}日 {local:%H:%M}"
    return f"{local:%Y-%m-%d %H:%M} (Japan time)"
