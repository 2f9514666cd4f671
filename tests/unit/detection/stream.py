"""A small world for the scenarios: a mailbox with a month of habits, strangers' places, and the guard's way to judge.

Networks are made up (10/8); country and owner follow from the second number, so any number of either can be played.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sekisho.detection import (
    DEFAULT_LIMITS,
    Assessment,
    Decision,
    Delivery,
    Event,
    Fuse,
    HostTables,
    Limits,
    Login,
    MailboxProfile,
    Place,
    Recipient,
    ScriptChange,
    Submission,
    assess,
    decide,
    observe,
)
from sekisho.detection.breaker import Mode, Status

DAY = 86_400.0
HOUR = 3600.0
# Midday of a day in the middle of 2026, in UTC.
START = 20_600 * DAY + 12 * HOUR
MAILBOX = "hanako@shop.example"
COUNTRIES = "AE AR AU BR CA CI CN DE EG FR GB ID IN IT KE KR MX MY NG NL PH PL RO RU SG TH TR TW UA US VN ZA".split()


def home(host: int = 10, network: int = 1, owner: int = 1) -> tuple[str, Place]:
    """An address in Japan and its place."""
    return f"10.0.{network}.{host}", Place("JP", 64_500 + owner, f"Home {owner}", f"10.0.{network}.0/24")


def abroad(number: int, network: int = 1, host: int = 10) -> tuple[str, Place]:
    """An address in country `number` and its place."""
    prefix = f"10.{100 + number}.{network}"
    return f"{prefix}.{host}", Place(COUNTRIES[number], 65_000 + number, f"Abroad {number}", f"{prefix}.0/24")


def grown_up(limits: Limits = DEFAULT_LIMITS) -> HostTables:
    """A host that has seen a month of days: it no longer only learns."""
    host = HostTables(limits)
    for day in range(30):
        host.note_day(int(START // DAY) - 60 + day)
    return host


@dataclass
class World:
    """One mailbox on one host, judged as the guard does; `decisions` in order, `status` in force at once."""

    mailbox: str = MAILBOX
    now: float = START
    mode: Mode = "enforce"
    protected: bool = False
    host: HostTables = field(default_factory=grown_up)
    profile: MailboxProfile = field(default_factory=MailboxProfile)
    fuse: Fuse = field(default_factory=Fuse)
    status: Status = "active"
    limit: int | None = None
    decisions: list[Decision] = field(default_factory=list)
    # Recipients asked for before the suspension.
    out: int = 0
    last: Assessment | None = None
    peak: float = 0.0

    def happen(self, event: Event) -> Assessment:
        observe(self.profile, self.host, event, self.now)
        if isinstance(event, Recipient) and self.status != "suspended":
            self.out += 1
        self.last = found = assess(self.profile, self.host, event, self.now)
        self.peak = max(self.peak, found.score)
        decision = decide(
            self.status, found, "detection", self.mode, self.fuse, protected=self.protected, limit=self.limit
        )
        if decision is not None:
            self.decisions.append(decision)
            self.profile.announce(decision.action)
            if decision.enforced:
                self.status, self.limit = decision.after, decision.limit
        return found

    @property
    def actions(self) -> list[str]:
        return [decision.action for decision in self.decisions]

    def login(self, source: tuple[str, Place], protocol: str = "imap", success: bool = True) -> Assessment:
        ip, place = source
        return self.happen(Login(self.now, self.mailbox, ip, place, protocol, success))

    def recipient(self, source: tuple[str, Place], recipient: str) -> Assessment:
        ip, place = source
        return self.happen(Recipient(self.now, self.mailbox, ip, place, recipient, f"i{self.now}"))

    def submit(self, source: tuple[str, Place], recipients: int = 1) -> Assessment:
        ip, place = source
        return self.happen(Submission(self.now, self.mailbox, ip, place, "Q1", recipients))

    def delivered(self, recipient: str, status: str = "sent", dsn: str = "2.0.0") -> Assessment:
        return self.happen(Delivery(self.now, self.mailbox, recipient, status, dsn))

    def script(self, source: tuple[str, Place], change: str, target: str = "") -> Assessment:
        ip, place = source
        return self.happen(ScriptChange(self.now, self.mailbox, ip, place, change, target))  # type: ignore[arg-type]

    def send(self, source: tuple[str, Place], recipients: list[str], bounce_every: int = 0, gap: float = 1.0) -> None:
        """One message to each recipient, its result coming back a moment later; stops at the suspension."""
        self.login(source, "smtp")
        for number, recipient in enumerate(recipients, start=1):
            self.recipient(source, recipient)
            if self.status == "suspended":
                return
            self.submit(source)
            bounced = bounce_every and number % bounce_every == 0
            self.delivered(recipient, *(("bounced", "5.1.1") if bounced else ("sent", "2.0.0")))
            self.now += gap

    def live(self, days: int = 30) -> World:
        """Ordinary days from home: mail read, five messages to customers, somebody new every other day."""
        self.now -= days * DAY
        for day in range(days):
            self.login(home())
            self.login(home(host=77, network=2 + day % 3, owner=2))
            customers = [f"customer{(day * 3 + n) % 40}@elsewhere.test" for n in range(5)]
            self.send(home(), customers + ([f"new{day}@elsewhere.test"] if day % 2 else []), gap=60.0)
            self.now += DAY - 60.0 * (5 + day % 2)
        return self


def strangers(count: int, name: str = "stranger") -> list[str]:
    return [f"{name}{number}@target{number % 37}.test" for number in range(count)]
