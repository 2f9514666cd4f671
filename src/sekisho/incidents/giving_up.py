"""When a sender's server gives up: judged from its tries, always the earliest time that is possible.

At RCPT a retry cannot be told from a new message, so tries of one pair may belong to several messages. New messages
only make gaps shorter: while any message waits, its server's interval is at least the gap. Short gaps therefore prove
little, and only a rhythm that was seen twice raises the cautious default.

Sources (defaults): Postfix qmgr(8) doubles 300 s up to maximal_backoff_time 4000 s, queue runs every 300 s, lifetime
5 d; Exim's retry rule `F,2h,15m; G,16h,1h,1.5; F,4d,6h`; Exchange's MessageRetryInterval 15 min and
MessageExpirationTimeout 2 d. Who changed them is judged by what he does, or by the cautious default.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

Style = Literal["", "exchange", "exim", "postfix"]

# Nobody's default is shorter than Exchange's (RELIABILITY F15).
CAUTIOUS = timedelta(days=2)
LIFETIMES: dict[Style, timedelta] = {
    "": CAUTIOUS,
    "exchange": CAUTIOUS,
    "exim": timedelta(days=4),
    "postfix": timedelta(days=5),
}
LATEST = timedelta(days=5)
# Gaps remembered of a pair, the newest: two are judged, the others are for people.
MOST_GAPS = 12
# One message is often offered to several of our hosts, or with several recipients, at once: no retry.
SAME_TRY_S = 60
# Postfix at its longest: 4000 s, taken up at the next queue run (300 s) or two on a busy host.
_POSTFIX_S = (3900, 4700)
# Exchange: 15 min with a minute to either side; Exim does so too, but only for its first 2 h (8 tries).
_EXCHANGE_S = (840, 960)
_EXCHANGE_TRIES = 10
# Exim after 2 h: from 1 h on, half longer each time; queue runs, commonly every 30 min, blur that. Later every 6 h.
_EXIM_S = (3500, 8 * 3600)
_EXIM_GROWS = 1.2
_EXIM_LATE_S = 5 * 3600


def add_gap(gaps: Sequence[int], last_at: datetime, at: datetime) -> list[int]:
    """The gaps between tries in seconds, the newest last, with one more try at `at`."""
    gap = int((at - last_at).total_seconds())
    if gap < SAME_TRY_S:
        return list(gaps)
    return [*gaps, gap][-MOST_GAPS:]


def style_of(gaps: Sequence[int]) -> Style:
    """Whose rhythm the newest gaps are; "" when that is not sure."""
    if len(gaps) >= _EXCHANGE_TRIES and all(_within(gap, _EXCHANGE_S) for gap in gaps[-_EXCHANGE_TRIES:]):
        return "exchange"
    if len(gaps) < 3:
        return ""
    before, last = gaps[-2:]
    if _within(before, _POSTFIX_S) and _within(last, _POSTFIX_S):
        return "postfix"
    if _within(before, _EXIM_S) and _within(last, _EXIM_S):
        grows = last >= before * _EXIM_GROWS
        late = before >= _EXIM_LATE_S and last >= _EXIM_LATE_S
        return "exim" if grows or late else ""
    return ""


def _within(gap: int, bounds: tuple[int, int]) -> bool:
    return bounds[0] <= gap <= bounds[1]


def earliest(first_at: datetime, last_at: datetime, gaps: Sequence[int]) -> datetime:
    """The earliest time at which the server may return the oldest message of a pair.

    A server that still tries after a lifetime has a longer one: then the next longer default counts, and after five
    days every try may be the last.
    """
    lifetime = LIFETIMES[style_of(gaps)]
    age = last_at - first_at
    for longer in (LIFETIMES["exim"], LIFETIMES["postfix"]):
        if age > lifetime:
            lifetime = max(lifetime, longer)
    return first_at + max(lifetime, age)
