"""Who still has an old password, and campaigns that ask for a new one: what is known, who is in, who is overdue.

Neither a stored hash nor Dovecot's 12 bits of a login tell whether a password is in a list of breached ones; that is
looked at when one is set (recovery.flow). What can be told is the scheme of the stored hash, and since when the
password has stood there where somebody wrote that down: our own audit log, or PostfixAdmin's log.

After the day of a campaign nobody is locked out. The mailbox reads and receives as ever and writes to everybody it has
written to before; only *new* recipients are told 450 until the password is new (docs/passwords.md says why).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec
from django.contrib.auth.models import AbstractBaseUser
from django.db import DatabaseError, transaction
from django.db.models import Q, QuerySet

from sekisho.directory.models import SiteLog, SiteMailbox
from sekisho.directory.passwords import KEPT_SCHEMES, scheme_of
from sekisho.directory.site_rows import columns_of
from sekisho.incidents.audit import record
from sekisho.incidents.changes import NotAllowed, write_audit
from sekisho.incidents.models import Audit, Notice, RenewalCampaign, RenewalMailbox

# Days before the day of the campaign on which owners are reminded: a holiday, a week, the evening before.
REMIND_DAYS = (14, 7, 1)
# One day more than the first reminder needs, and far enough for somebody who is away for a month.
LEAST_DAYS, MOST_DAYS = 15, 180
# Between two reminders, also where a worker that was away has to catch up, and from the last one to the day it counts.
APART = timedelta(hours=23)
# An exception is a promise to look again: at most a year.
LONGEST_EXCEPTION = timedelta(days=366)
CRITERIA = ("old_scheme", "age", "chosen")
KIND = "renewal_asked"
# Verbs of the audit log after which a password is new.
_SET_BY_US = ("set_password", "site_password", "recovered_by_owner", "mailbox_add")
_AT_ONCE = 500


class PasswordFact(msgspec.Struct, frozen=True):
    """What is known of a mailbox's password. `since`: the latest time somebody wrote down that it was set, None where
    nobody did; `source`: ours, site, or ""; `created`: it is no older than the mailbox."""

    mailbox: str
    scheme: str
    is_old: bool
    since: datetime | None
    source: str
    created: datetime


def mark_of(stored: str) -> str:
    """What a stored hash is remembered by."""
    return hashlib.sha256(stored.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def password_facts(domain: str) -> list[PasswordFact]:
    """The facts of every mailbox of a domain, by address. Raises django.db.Error."""
    ours = _latest(Audit.objects.filter(domain=domain, verb__in=_SET_BY_US).values_list("subject", "at"))
    theirs = _site_log(domain)
    facts = []
    rows = SiteMailbox.objects.filter(domain=domain).order_by("username")
    for address, stored, created in rows.values_list("username", "password", "created"):
        name, scheme = address.lower(), scheme_of(stored)
        known = max(((at, source) for source, at in (("ours", ours.get(name)), ("site", theirs.get(name))) if at),
                    default=(None, ""))  # fmt: skip
        facts.append(PasswordFact(name, scheme, scheme not in KEPT_SCHEMES, known[0], known[1], created))
    return facts


def _latest(rows: Iterable[tuple[str, datetime]]) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    for name, at in rows:
        found[name.lower()] = max(at, found.get(name.lower(), at))
    return found


def _site_log(domain: str) -> dict[str, datetime]:
    """Owners' own changes in PostfixAdmin. An administrator's row there may be any edit, and says nothing of it."""
    if not columns_of("log") >= {"timestamp", "domain", "action", "data"}:
        return {}
    return _latest(SiteLog.objects.filter(domain=domain, action="edit_password").values_list("data", "timestamp"))


def schemes_in(facts: Iterable[PasswordFact]) -> list[tuple[str, bool, int]]:
    """(scheme, whether it is an old one, how many), the old ones first."""
    counts = Counter((fact.scheme, fact.is_old) for fact in facts)
    return sorted(((s, old, n) for (s, old), n in counts.items()), key=lambda row: (not row[1], -row[2], row[0]))


def meeting(
    facts: Iterable[PasswordFact], criterion: str, days: int, chosen: Iterable[str], now: datetime
) -> list[str]:
    """The mailboxes a campaign would ask. "age": known to be older than so many days, or not known and the mailbox is
    older; raises NotAllowed for addresses that are not among the domain's."""
    facts = list(facts)
    if criterion == "chosen":
        wanted = {address.strip().lower() for address in chosen if address.strip()}
        if unknown := sorted(wanted - {fact.mailbox for fact in facts}):
            raise NotAllowed(", ".join(unknown[:5]))
        return sorted(wanted)
    if criterion == "age":
        before = now - timedelta(days=days)
        return [fact.mailbox for fact in facts if (fact.since or fact.created) < before]
    return [fact.mailbox for fact in facts if fact.is_old]


def start(
    domain: str, mailboxes: Iterable[str], criterion: str, due: datetime, actor: str, now: datetime,
    *, account: AbstractBaseUser | None = None,
) -> RenewalCampaign:  # fmt: skip
    """Begins a campaign. Raises NotAllowed for a day too near or too far, for nobody, and while another one is open."""
    names = sorted(set(mailboxes))
    if criterion not in CRITERIA or not now + timedelta(days=LEAST_DAYS) <= due <= now + timedelta(days=MOST_DAYS):
        raise NotAllowed("day")
    if not names:
        raise NotAllowed("nobody")
    with transaction.atomic(using="default"):
        if open_campaign(domain) is not None:
            raise NotAllowed("open")
        campaign = RenewalCampaign.objects.create(
            domain=domain, due=due, criterion=criterion, started_at=now, started_by=actor[:255]
        )
        marks = _marks(names)
        rows = [RenewalMailbox(campaign=campaign, mailbox=name, mark=marks[name]) for name in names if name in marks]
        RenewalMailbox.objects.bulk_create(rows, batch_size=_AT_ONCE)
        record(actor, "renewal_started", domain, details={"campaign": campaign.pk, "mailboxes": len(rows),
               "due": due.isoformat(), "criterion": criterion}, at=now, account=account)  # fmt: skip
    return campaign


def _marks(names: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for start_at in range(0, len(names), _AT_ONCE):
        rows = SiteMailbox.objects.filter(username__in=names[start_at : start_at + _AT_ONCE])
        found |= {name.lower(): mark_of(stored) for name, stored in rows.values_list("username", "password")}
    return found


def open_campaign(domain: str) -> RenewalCampaign | None:
    """The domain's open campaign; there is at most one."""
    return RenewalCampaign.objects.filter(domain=domain, ended_at=None).order_by("-id").first()


def end(campaign: RenewalCampaign, actor: str, now: datetime, *, account: AbstractBaseUser | None = None) -> None:
    """Ends a campaign: nobody waits any more, no reminder goes out. Ending it again does nothing."""
    changed = RenewalCampaign.objects.filter(pk=campaign.pk, ended_at=None).update(ended_at=now, ended_by=actor[:255])
    if changed:
        record(actor, "renewal_ended", campaign.domain, details={"campaign": campaign.pk}, at=now, account=account)


def except_until(
    row: RenewalMailbox, until: datetime | None, reason: str, actor: str, now: datetime,
    *, account: AbstractBaseUser | None = None,
) -> None:  # fmt: skip
    """Leaves a mailbox alone until then, for a reason; None takes the exception back. Raises NotAllowed."""
    reason = reason.strip()[:200]
    if until is not None and (not reason or not now < until <= now + LONGEST_EXCEPTION):
        raise NotAllowed("exception")
    RenewalMailbox.objects.filter(pk=row.pk).update(excepted_until=until, reason=reason if until else "")
    details: dict[str, object] = {"until": until.isoformat() if until else "", "reason": reason}
    write_audit(actor, "renewal_excepted", row.mailbox, details, at=now, account=account)


def _left(now: datetime) -> QuerySet[RenewalMailbox]:
    """Those of open campaigns who have not renewed and are not excepted now."""
    rows = RenewalMailbox.objects.filter(campaign__ended_at=None, renewed_at=None)
    return rows.filter(Q(excepted_until=None) | Q(excepted_until__lte=now))


def overdue(now: datetime) -> tuple[str, ...]:
    """The mailboxes whose new recipients wait now, for the guard."""
    return tuple(sorted(set(_left(now).filter(enforced_at__isnull=False).values_list("mailbox", flat=True))))


def of_mailbox(mailbox: str) -> RenewalMailbox | None:
    """What is still asked of this mailbox's owner, None for nothing."""
    rows = RenewalMailbox.objects.filter(mailbox=mailbox, campaign__ended_at=None, renewed_at=None)
    return rows.select_related("campaign").order_by("campaign__due").first()


def notice_renewed(now: datetime) -> int:
    """Marks those whose stored hash is another one than at the start; ends campaigns in which nobody is left."""
    rows = list(RenewalMailbox.objects.filter(campaign__ended_at=None, renewed_at=None))
    marks = _marks(sorted({row.mailbox for row in rows}))
    # A mailbox that is gone asks nobody any more.
    done = [row.pk for row in rows if marks.get(row.mailbox) != row.mark]
    for start_at in range(0, len(done), _AT_ONCE):
        RenewalMailbox.objects.filter(pk__in=done[start_at : start_at + _AT_ONCE]).update(renewed_at=now)
    left = RenewalMailbox.objects.filter(renewed_at=None).values("campaign_id")
    for campaign in RenewalCampaign.objects.filter(ended_at=None).exclude(pk__in=left):
        end(campaign, "sekisho", now)
    return len(done)


def about(row: RenewalMailbox, stage: int) -> str:
    """What a reminder's row says of itself; stages are counted from 1."""
    return f"renewal {row.pk} {stage}"


def reminders_of(row: RenewalMailbox) -> list[Notice]:
    """The reminders that were written to the mailbox itself, oldest first."""
    wanted = [about(row, stage) for stage in range(1, len(REMIND_DAYS) + 1)]
    return list(Notice.objects.filter(kind=KIND, about__in=wanted, recipient=row.mailbox).order_by("about"))


def stage_due(row: RenewalMailbox, written: list[Notice], now: datetime) -> int | None:
    """Which reminder is to be written now, None for none: each on its day, and never two within a day."""
    if len(written) >= len(REMIND_DAYS):
        return None
    if written and now < written[-1].created_at + APART:
        return None
    return len(written) + 1 if now >= row.campaign.due - timedelta(days=REMIND_DAYS[len(written)]) else None


def may_enforce(row: RenewalMailbox, written: list[Notice], now: datetime) -> bool:
    """Whether the day has come and every reminder has really left, the last one a day ago."""
    sent = [notice.sent_at for notice in written if notice.state == "sent" and notice.sent_at is not None]
    return now >= row.campaign.due and len(sent) == len(REMIND_DAYS) and now >= max(sent) + APART


def enforce(row: RenewalMailbox, now: datetime) -> None:
    """From now on the mailbox's new recipients wait; once."""
    if RenewalMailbox.objects.filter(pk=row.pk, enforced_at=None).update(enforced_at=now):
        write_audit("sekisho", "renewal_enforced", row.mailbox, {"campaign": row.campaign_id}, at=now)


def left_by_campaign(now: datetime) -> list[RenewalMailbox]:
    """Those of whom something is still to be asked, with their campaigns; [] while the site's database is away."""
    try:
        notice_renewed(now)
    except DatabaseError:
        return []
    return list(_left(now).select_related("campaign").order_by("id"))


def progress(campaign: RenewalCampaign, now: datetime) -> dict[str, int]:
    """How many have renewed, are excepted, wait, and are left, of how many."""
    rows = list(campaign.mailboxes.all())
    excepted = [row for row in rows if not row.renewed_at and row.excepted_until and row.excepted_until > now]
    renewed = sum(row.renewed_at is not None for row in rows)
    waiting = sum(bool(row.enforced_at) and not row.renewed_at for row in rows if row not in excepted)
    return {"all": len(rows), "renewed": renewed, "excepted": len(excepted), "waiting": waiting,
            "left": len(rows) - renewed - len(excepted)}  # fmt: skip
