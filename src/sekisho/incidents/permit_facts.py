"""What a mailbox is permitted or kept to at the moment, as plain data: probation, allowance, journeys, countries."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sekisho.incidents import allowances, close_watch, travel
from sekisho.incidents.lifting import PROBATION_CLEAN_DAYS
from sekisho.incidents.models import MailboxStatus


def probation_facts(status: MailboxStatus, now: datetime) -> dict[str, Any] | None:
    """How far a probation is ("day 3 of 7, 12 of 20 new recipients"); None for a mailbox that is on none.

    `new_recipients` were let through within 24 hours, as the budget counts; `told_to_wait` says how often others were.
    """
    if status.status != "probation":
        return None
    passed, refused = allowances.asked_within(status.mailbox, status.generation, now)
    day = min((now - status.since).days + 1, PROBATION_CLEAN_DAYS)
    return {
        "day": max(day, 1),
        "days": PROBATION_CLEAN_DAYS,
        "ends_at": status.since + timedelta(days=PROBATION_CLEAN_DAYS),
        "new_recipients": passed,
        "limit": status.limit,
        "told_to_wait": refused,
    }


def permit_facts(status: MailboxStatus, now: datetime) -> dict[str, Any]:
    """Probation, allowance, travel passes and country pin of one mailbox; None or empty where there is none."""
    allowed, pin = allowances.present(status, now), travel.pin_of(status.mailbox)
    return {
        "probation": probation_facts(status, now),
        "allowance": {"until": allowed.until, "recipients": allowed.recipients, "by": allowed.actor}
        if allowed
        else None,
        "travel": [
            {"country": row.country, "since": row.since, "until": row.until}
            for row in travel.passes_of(status.mailbox, now)
        ],
        "close_watch": close_watch.facts_of(status.mailbox, now),
        "countries": {"countries": pin.countries, "only_on_probation": pin.only_on_probation} if pin else None,
    }
