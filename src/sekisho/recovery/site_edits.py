"""A new password set in PostfixAdmin while the mailbox is suspended: a recovery, or a question.

It counts as a recovery when PostfixAdmin's log shows that an administrator edited the mailbox between the same two
looks between which the stored password changed (and `password_expiry` with it, where there is such a column:
PostfixAdmin writes it with every password and with nothing else), and that nobody changed it as its owner between
them: a hijacker at PostfixAdmin's page for owners waits for the very click that makes his password good there. Then
the mailbox goes on probation as after any recovery. A password that came any other way opens nothing, and the panel
asks whose it is: a webmail's form or a program with the site's own access can write it, too. アクティブ set to yes
there changes nothing for us.

A change is judged at the look after the one that found it: PostfixAdmin writes the mailbox before its log, and our own
recovery the hash before the status.

No clock is compared: PostfixAdmin writes its server's local time, and a log of nine hours ahead would make every old
edit a new one. What a plain text would be checked for (rules, breaches) cannot be; the burned ones still trip
(incidents.burned).

Editing the mailbox there also writes `alias.active`, as false where the form showed our アクティブ: いいえ; without the
mailbox' own alias a catch-all would take its mail. So that column is put back when the suspension is over.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.contrib.auth.models import AbstractBaseUser
from django.db import DatabaseError, transaction
from django.utils import timezone

from sekisho.directory.mapping import is_mapped
from sekisho.directory.models import SiteAlias, SiteMailbox
from sekisho.directory.site_log import AT_ONCE, NO_EDITS, Edits, edits_by_admins
from sekisho.directory.site_rows import missing_fields
from sekisho.incidents import burned, decisions
from sekisho.incidents.changes import write_audit
from sekisho.incidents.models import Incident, MailboxStatus, Order
from sekisho.incidents.timeline import add_entry
from sekisho.recovery.models import SiteWatch

log = logging.getLogger(__name__)

# A person who has saved the form in PostfixAdmin waits for it; a look is two indexed reads for all suspended mailboxes.
EVERY = timedelta(seconds=3)
# Without `password_expiry` a switched "Active" and somebody else's new password look like one edit when they fall
# between two looks. Only looks that follow each other closely are believed then.
CLOSE = timedelta(seconds=15)


class _Seen(NamedTuple):
    """One mailbox's row at a look."""

    stored: str
    password_mark: str
    edit_mark: str
    expiry_mark: str


def _mark(value: object) -> str:
    return hashlib.sha256(str(value).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _read(mailboxes: Collection[str]) -> dict[str, _Seen]:
    found: dict[str, _Seen] = {}
    names = sorted(mailboxes)
    has_expiry = "password_expiry" not in missing_fields(SiteMailbox)
    columns = ("username", "password", "modified", "active", *(("password_expiry",) if has_expiry else ()))
    for start in range(0, len(names), AT_ONCE):
        rows = SiteMailbox.objects.filter(username__in=names[start : start + AT_ONCE]).values_list(*columns)
        for name, stored, modified, active, *expiry in rows:
            marks = (_mark(stored), _mark((modified, active)), _mark(expiry[0]) if has_expiry else "")
            found[name.lower()] = _Seen(stored, *marks)
    return found


def _aliases(mailboxes: Collection[str]) -> dict[str, bool]:
    found: dict[str, bool] = {}
    names = sorted(mailboxes)
    for start in range(0, len(names), AT_ONCE):
        rows = SiteAlias.objects.filter(address__in=names[start : start + AT_ONCE])
        found |= {address.lower(): active for address, active in rows.values_list("address", "active")}
    return found


class SiteEdits:
    """Called by the worker with the time; looks when it is due."""

    def __init__(self) -> None:
        self._next: datetime | None = None
        self._failing = False

    def __call__(self, now: datetime) -> None:
        """Looks at every suspended mailbox; raises OperationalError while our database is away.

        Not where the site's tables are its own: there are no aliases and no log of PostfixAdmin's to look at.
        """
        if is_mapped() or (self._next is not None and now < self._next):
            return
        self._next = now + EVERY
        shut = dict(MailboxStatus.objects.filter(status="suspended").values_list("mailbox", "generation"))
        watched = {row.mailbox: row for row in SiteWatch.objects.all()}
        if not shut and not watched:
            return
        try:
            self._end([row for row in watched.values() if shut.get(row.mailbox) != row.generation])
            self._look(shut, watched, now)
            self._failing = False
        except (DatabaseError, decisions.NotAllowed, decisions.Overtaken) as error:
            # Ours or the site's is away, or somebody else was faster: what is shut stays shut, and the next look comes.
            if not self._failing:
                log.warning("PostfixAdmin's edits are not looked at: %s", error)
            self._failing = True

    def _end(self, ended: Iterable[SiteWatch]) -> None:
        for row in ended:
            if row.alias_active:
                SiteAlias.objects.filter(address=row.mailbox, active=False).update(active=True)
            row.delete()

    def _look(self, shut: dict[str, int], watched: dict[str, SiteWatch], now: datetime) -> None:
        seen = _read(shut)
        rows = {mailbox: row for mailbox, row in watched.items() if shut.get(mailbox) == row.generation}
        fresh = seen.keys() - rows.keys()
        edited = {m for m, one in seen.items() if m in rows and _is_edited(rows[m], one)}
        counts = edits_by_admins(fresh | edited, suspects=shut)
        aliases = _aliases(fresh)
        for mailbox, one in seen.items():
            edits = counts.get(mailbox, NO_EDITS)
            if mailbox in fresh:
                _begin(mailbox, shut[mailbox], one, edits, aliases.get(mailbox), now)
            elif mailbox in edited:
                _take(rows[mailbox], one, edits, now)
        SiteWatch.objects.filter(mailbox__in=rows.keys() - edited).update(seen_at=now)


def _is_edited(row: SiteWatch, one: _Seen) -> bool:
    return (row.password_mark, row.edit_mark) != (one.password_mark, one.edit_mark)


def _begin(mailbox: str, generation: int, one: _Seen, edits: Edits, alias: bool | None, now: datetime) -> None:
    fresh: dict[str, Any] = {**_marks(one), "edits": edits.number, "own_changes": edits.own_changes}
    SiteWatch.objects.update_or_create(
        mailbox=mailbox,
        defaults={**fresh, "alias_active": alias, "seen_at": now, "generation": generation, "state": "watching"},
    )


def _marks(one: _Seen) -> dict[str, str]:
    return {"password_mark": one.password_mark, "edit_mark": one.edit_mark, "expiry_mark": one.expiry_mark}


def _take(row: SiteWatch, one: _Seen, edits: Edits, now: datetime) -> None:
    """Something was edited: counts it, or asks about it, and remembers it."""
    is_new = one.password_mark != row.password_mark
    if is_new and row.state != "noticed":
        # What it is compared with stays: the log's row may come a moment later.
        row.state = "noticed"
        row.save(update_fields=["state"])
        return
    by_admin = is_new and _belong_together(row, one, edits, now)
    if by_admin and _recover(row.mailbox, one.stored, "PostfixAdmin: " + ", ".join(sorted(edits.editors)), now):
        # The next look ends the watch, and puts the alias back.
        return
    for name, value in _marks(one).items():
        setattr(row, name, value)
    row.edits, row.own_changes, row.seen_at = edits.number, edits.own_changes, now
    if is_new:
        row.state = "asked"
        _tell(row, now)
    row.save()


def _belong_together(row: SiteWatch, one: _Seen, edits: Edits, now: datetime) -> bool:
    """Whether it was an administrator's edit that brought the new password."""
    if edits.number <= row.edits or edits.own_changes > row.own_changes:
        return False
    if row.expiry_mark and one.expiry_mark:
        return row.expiry_mark != one.expiry_mark
    return now - row.seen_at <= CLOSE


def _tell(row: SiteWatch, now: datetime) -> None:
    log.warning("%s is suspended, and the site has another password for it: the panel asks whose", row.mailbox)
    incident = Incident.objects.filter(mailbox=row.mailbox, generation=row.generation).first()
    if incident is not None:
        add_entry(incident, now, "site_password", f"site-password-{row.password_mark}", {})


def _recover(
    mailbox: str, stored: str, actor: str, now: datetime, account: AbstractBaseUser | None = None
) -> list[Order]:
    """Opens a mailbox with the password that the site has; the orders, none when that one is burned."""
    with transaction.atomic(using="default"):
        if burned.is_burned_hash(mailbox, stored):
            return []
        burned.burn_seen(mailbox, now)
        placed = decisions.reinstate(mailbox, actor[:255], account=account)
        write_audit(actor[:255], "site_password", mailbox, {}, account=account)
    log.info("%s is recovered by a new password in the site's tables: %s", mailbox, actor)
    return placed


# What the panel asks


def open_question(incident: Incident) -> SiteWatch | None:
    """What to ask about the incident's mailbox, if there is something to ask."""
    return SiteWatch.objects.filter(mailbox=incident.mailbox, generation=incident.generation, state="asked").first()


def answer(
    incident: Incident, mark: str, ours: bool, actor: str, *, account: AbstractBaseUser | None = None
) -> list[Order]:
    """A person says whether the password is theirs: then the mailbox opens with it, else it stays shut.

    `mark`: which password the person was asked about. Raises decisions.NotAllowed when that is not the question any
    more, or the password is burned, and DatabaseError while a database is away.
    """
    now = timezone.now()
    with transaction.atomic(using="default"):
        asked = SiteWatch.objects.select_for_update().filter(pk=incident.mailbox, password_mark=mark, state="asked")
        row = asked.filter(generation=incident.generation).first()
        one = _read([incident.mailbox]).get(incident.mailbox)
        if row is None or one is None or one.password_mark != mark:
            raise decisions.NotAllowed(f"{incident.mailbox}: another password stands there now")
        if not ours:
            row.state = "kept_shut"
            row.save(update_fields=["state"])
            write_audit(actor, "site_password_refused", incident.mailbox, {}, account=account)
            return []
        placed = _recover(incident.mailbox, one.stored, actor, now, account)
        if not placed:
            raise decisions.NotAllowed(f"{incident.mailbox}: the old password stands there again")
        return placed
