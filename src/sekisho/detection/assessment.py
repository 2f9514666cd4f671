"""observe and assess: an event is learnt, then the mailbox is judged."""

from __future__ import annotations

import msgspec

from sekisho.detection.events import Event
from sekisho.detection.host import HostTables
from sekisho.detection.profile import MailboxProfile


class Indicator(msgspec.Struct, frozen=True):
    """One finding: name, weight in nats (> 0), one sentence of evidence in both languages."""

    name: str
    value: float
    evidence_ja: str
    evidence_en: str


class Assessment(msgspec.Struct, frozen=True):
    """The judgement of one mailbox at one event."""

    mailbox: str
    t: float
    score: float
    # Empty below the alert threshold unless asked for: sentences cost time on the answer path.
    indicators: tuple[Indicator, ...] = ()
    # Time of the first event that counts in the open window; 0.0: none.
    first_risk_at: float = 0.0
    source_familiar: bool = True
    has_sending_evidence: bool = False
    # An authenticated event happened in this generation; without one nothing is ever decided.
    authenticated: bool = False
    # Highest action already recorded in this generation: "", "alert", "restrict", "suspend".
    announced: str = ""


def observe(profile: MailboxProfile | None, host: HostTables, event: Event, now: float) -> None:
    """Learns one event. `profile` may be None for a failed login of a name nobody has."""
    raise NotImplementedError


def assess(profile: MailboxProfile, host: HostTables, event: Event, now: float, *, explain: bool = False) -> Assessment:
    """Judges the mailbox after `observe` of the same event."""
    raise NotImplementedError
