"""Is the host's name as good again as before an incident? Yes or no, with the reasons, from counts and listings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, Literal

import msgspec

from sekisho.config import settings
from sekisho.impact.listings import open_listings
from sekisho.incidents import receivers
from sekisho.incidents.containing import OPEN_PHASES
from sekisho.incidents.models import Incident
from sekisho.incidents.receivers import Count

# "Now" is today and the two days before: a weekend has few results, and a list's effect lasts for days.
NOW_DAYS = 3
# "Before" is four weeks: weekdays weigh as they do now.
BEFORE_DAYS = 28
# Fewer results than this say nothing: one refusal in five is chance.
FEWEST = 20
# Refusals may be twice the median, or two in a hundred, whichever is more: ordinary days vary so much.
TOLERATED_FACTOR, TOLERATED_SHARE = 2.0, 0.02

Reason = Literal["open", "listed", "refused_more", "too_few", "no_history", "lists_not_asked"]


class Normality(msgspec.Struct, frozen=True):
    """`is_normal` None: it cannot be told yet. Shares are parts of all results, 0 to 1; `before` None: no history."""

    is_normal: bool | None
    reasons: tuple[Reason, ...]
    now: float
    before: float | None
    results_now: int
    listings: int


def back_to_normal(incident: Incident, now: datetime) -> Normality:
    """Whether receivers and lists treat the host as they did before this incident.

    No: it is still open, a listing that came with it stands, or the share of refusals (5.7.x and 4.7.x of all results,
    host-wide) is above what is tolerated over the median of the days before. Lists that are not asked are named as a
    reason and decide nothing.
    """
    first, recently = incident.first_risk_at.astimezone(UTC).date(), lately(now)
    days = receivers.by_day(first - timedelta(days=BEFORE_DAYS), first - timedelta(days=1)).values()
    shares = [day.share for day in days if day.results >= FEWEST]
    before = median(shares) if shares else None
    listed = open_listings().filter(incidents=incident).count()
    reasons: list[Reason] = []
    if incident.phase in OPEN_PHASES:
        reasons.append("open")
    if listed:
        reasons.append("listed")
    enough = recently.results >= FEWEST
    if enough and recently.share > max((before or 0.0) * TOLERATED_FACTOR, TOLERATED_SHARE):
        reasons.append("refused_more")
    is_normal: bool | None = not reasons
    if is_normal and not enough:
        is_normal = None
        reasons.append("too_few")
    if before is None:
        reasons.append("no_history")
    if not settings().harm_watch.blocklists:
        reasons.append("lists_not_asked")
    return Normality(is_normal, tuple(reasons), recently.share, before, recently.results, listed)


def lately(now: datetime) -> Count:
    """The host's results of the last NOW_DAYS days, all receivers together."""
    today = now.astimezone(UTC).date()
    return _sum(receivers.by_day(today - timedelta(days=NOW_DAYS - 1), today).values())


def _sum(counts: Any) -> Count:
    found = Count()
    for one in counts:
        found = Count(*(a + b for a, b in zip(found, one, strict=True)))
    return found


def normality_facts(found: Normality) -> dict[str, Any]:
    """As plain data for `--json` and the API."""
    return msgspec.to_builtins(found)  # type: ignore[no-any-return]
