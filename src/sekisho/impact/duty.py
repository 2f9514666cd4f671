"""The clocks of 個人情報保護法 26条 for one incident, and whether a domain wants them. Facts, not legal advice.

Days as the guideline of the Personal Information Protection Commission counts them (通則編 3-5-3-3, 3-5-3-4): the
day of knowing is day 1; the preliminary report is due within about 3 to 5 days; the final one on day 30, or on day 60
where somebody may have acted with a wrongful purpose (施行規則 7条3号), moved to the next day that is no Saturday,
Sunday or day from 29 December to 3 January. National holidays move it as well; they are not counted here, so our date
is never later than the true one. Dates are Japan's.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from sekisho.directory.models import SiteDomain
from sekisho.impact.paper_models import DutySwitch, KnownSince
from sekisho.incidents import audit
from sekisho.incidents.changes import NotAllowed
from sekisho.incidents.models import Incident

TOKYO = ZoneInfo("Asia/Tokyo")
# "概ね3~5日以内" (通則編 3-5-3-3).
SOON, LATEST = 3, 5
# 施行規則 8条2項, and its brackets for 7条3号.
FINAL, FINAL_WRONGFUL = 30, 60
# 行政機関の休日に関する法律 1条1項3号 leaves these to the year's turn.
_NEW_YEAR = ((12, 29), (12, 30), (12, 31), (1, 1), (1, 2), (1, 3))


class Clocks(NamedTuple):
    """The days on which reports are due, in Japan. `knew_set`: a person has set the time of knowing."""

    knew_at: datetime
    knew_set: bool
    set_by: str
    # Of the preliminary report: from the one to the other.
    soon: date
    latest: date
    # Of the final report, without and with a wrongful purpose.
    final: date
    final_wrongful: date

    def day(self, now: datetime) -> int:
        """Which day it is now; the day of knowing is 1."""
        return (now.astimezone(TOKYO).date() - self.knew_at.astimezone(TOKYO).date()).days + 1


def nth_day(knew_at: datetime, n: int) -> date:
    """The n-th day in Japan, the day of knowing being the first."""
    return knew_at.astimezone(TOKYO).date() + timedelta(days=n - 1)


def opening_day(day: date) -> date:
    """The day itself, or the next on which the authority is open (national holidays are not counted here)."""
    while day.weekday() >= 5 or (day.month, day.day) in _NEW_YEAR:
        day += timedelta(days=1)
    return day


def clocks(incident: Incident) -> Clocks:
    """The incident's clocks: from the time that a person has set, else from its detection."""
    known = KnownSince.objects.filter(incident=incident).first()
    knew_at = known.knew_at if known else incident.detected_at
    return Clocks(
        knew_at, known is not None, known.set_by if known else "",
        nth_day(knew_at, SOON), nth_day(knew_at, LATEST),
        opening_day(nth_day(knew_at, FINAL)), opening_day(nth_day(knew_at, FINAL_WRONGFUL)),
    )  # fmt: skip


def set_known(
    incident: Incident, knew_at: datetime, actor: str, now: datetime, account: AbstractBaseUser | None = None
) -> None:
    """A person's word on when it became known; raises NotAllowed for a time to come, or before the first sign."""
    if knew_at > now:
        raise NotAllowed("nobody has known since a time to come")
    if knew_at < incident.first_risk_at - timedelta(days=1):
        raise NotAllowed("nobody knew of it before it began")
    with transaction.atomic(using="default"):
        before = KnownSince.objects.filter(incident=incident).values_list("knew_at", flat=True).first()
        KnownSince.objects.update_or_create(
            incident=incident, defaults={"knew_at": knew_at, "set_by": actor, "set_at": now}
        )
        details = {
            "incident": incident.pk, "before": before.isoformat() if before else None, "after": knew_at.isoformat()
        }  # fmt: skip
        audit.record(actor, "duty_known_since", incident.mailbox, details=details, at=now, account=account)


def is_on(domain: str) -> bool:
    """Whether this domain has fact sheets and clocks.

    On without anybody's act: the sheet tells nobody anything, and the days run whether somebody knows of them or not; a
    switch that was never turned on would hide them from just those who do not know the law. Off for private people, to
    whom it does not apply, and for customers who use a form of their own.
    """
    row = DutySwitch.objects.filter(domain=domain).first()
    return row is None or row.on


def switch(domain: str, on: bool, actor: str, now: datetime, account: AbstractBaseUser | None = None) -> bool:
    """Switches a domain's fact sheets; whether that is news. Raises NotAllowed for a domain that is not hosted here."""
    if not SiteDomain.objects.filter(domain=domain).exists():
        raise NotAllowed(f"domain {domain} is not hosted here")
    with transaction.atomic(using="default"):
        if is_on(domain) == on:
            return False
        DutySwitch.objects.update_or_create(domain=domain, defaults={"on": on, "changed_at": now, "changed_by": actor})
        audit.record(actor, "duty_switched", domain, domain=domain, details={"on": on}, at=now, account=account)
    return True
