"""Healthy people and what they do with mail; every benign trait that simple rules trip over is one function here.

The rates of ordinary use are assumed (a small office's mailbox); what has a published basis names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from evals import network
from evals.mail import Delivery, Event, event, login, message, session, stranger
from evals.network import Place

DAY, HOUR = 86400.0, 3600.0
# The stream begins at midnight in Japan (UTC+9) on a Monday: 2026-06-01 00:00 JST.
EPOCH = 1780239600.0

# Share of mailboxes per trait, all assumed, chosen so that each rare one is met in a run of some hundred mailboxes.
# The rest is "office". A mailbox has one trait.
SHARES = {
    "phone": 0.20, "dynamic_home": 0.12, "traveller": 0.05, "vpn": 0.05, "mail_app_cloud": 0.08,
    "newsletter": 0.01, "first_newsletter": 0.02, "notice": 0.03, "club": 0.03, "web_form": 0.02,
    "password_storm": 0.03, "new_provider": 0.03, "new_phone": 0.03, "forward_home": 0.02, "forward_travelling": 0.01,
    "new_mailbox": 0.03, "low_use": 0.05,
}  # fmt: skip
ACTIVE_WORKDAY, ACTIVE_WEEKEND = 0.95, 0.3
LOGINS_A_DAY, MESSAGES_A_DAY = (1, 4), (0, 4)
# One in ten recipients is new to the writer (assumed).
NEW_RECIPIENT = 0.1
# Owners mistype or write to those who left: 1 % of recipients (assumed; DETECTION D7 starts from a mean of 3 %).
ORDINARY = Delivery(bounced=0.01)
STALE_BOUNCES = (0.10, 0.15)
TRIP_DAYS, TRIP_EVERY_DAYS = (3, 8), 45


@dataclass(slots=True)
class Person:
    """One mailbox and its owner's habits. `days` is the length of the stream; `born` the day of its creation."""

    account: str
    domain: str
    tenant: str
    trait: str
    rng: Random
    days: int
    travellers: float = 1.0
    contacts: list[str] = field(default_factory=list)
    office: Place = field(init=False)
    home: Place = field(init=False)
    carrier_asn: int = field(init=False)
    cloud_asn: int = field(init=False)
    vpn_country: str = field(init=False)
    # Days from the start of the stream: the trait's own moment, and journeys by day with their country.
    moment: int = field(init=False)
    trips: dict[int, str] = field(default_factory=dict)
    born: int = 0
    password: str = "a01"  # noqa: S105 (a hash's stand-in)

    def __post_init__(self) -> None:
        rng = self.rng
        self.office, self.home = network.fixed_line(rng), network.fixed_line(rng)
        self.carrier_asn = rng.choice(network.CARRIER_ASNS)
        self.cloud_asn = rng.choice(network.CLOUD_ASNS)
        self.vpn_country = rng.choice(network.TRAVEL)
        self.moment = rng.randrange(min(8, self.days - 1), self.days)
        if self.trait == "new_mailbox":
            self.born = self.moment
        self.contacts += [stranger(rng) for _ in range(rng.randint(40, 200))]
        if self.trait in ("traveller", "forward_travelling"):
            self._plan_trips()

    def _plan_trips(self) -> None:
        day = self.rng.randrange(8, TRIP_EVERY_DAYS)
        while day < self.days:
            country, length = self.rng.choice(network.TRAVEL), self.rng.randint(*TRIP_DAYS)
            self.trips.update({d: country for d in range(day, min(day + length, self.days))})
            if self.trait == "forward_travelling" and len(self.trips) <= length:
                self.moment = min(day + 1, self.days - 1)
            day += length + self.rng.randrange(15, 2 * TRIP_EVERY_DAYS - 15)

    def place(self, day: int) -> Place:
        """Where the owner is right now, as the server sees it."""
        rng, dice = self.rng, self.rng.random()
        if day in self.trips:
            # Half of it from the hotel's country, the rest by the own carrier's roaming, which shows as home (assumed).
            return network.abroad(rng, self.trips[day]) if dice < 0.6 else network.carrier(rng, self.carrier_asn)
        if self.trait == "web_form":
            return self.office
        if self.trait == "phone" and dice < 0.6:
            return network.carrier(rng, self.carrier_asn)
        if self.trait == "mail_app_cloud" and dice < 0.7:
            return network.mail_app_cloud(rng, self.cloud_asn)
        if self.trait == "vpn" and dice < 0.3:
            # Mostly the favourite exit, sometimes another country (assumed).
            country = self.vpn_country if rng.random() < 0.8 else rng.choice(network.TRAVEL)
            return network.server(rng, country)
        if dice > 0.93:
            return network.carrier(rng, self.carrier_asn)
        return self.home if rng.random() < 0.4 else self.office

    def recipient(self) -> str:
        """A contact, the first ones more often; now and then somebody new."""
        if self.rng.random() < NEW_RECIPIENT:
            new = stranger(self.rng)
            self.contacts.append(new)
            return new
        return self.contacts[int(len(self.contacts) * self.rng.random() ** 2)]


def start_of(day: int) -> float:
    """Midnight (Japan) of a day of the stream, epoch seconds."""
    return EPOCH + day * DAY


def life(person: Person) -> Iterator[Event]:
    """All events of a healthy mailbox, in order of time; at most some days of events are in memory."""
    pending: list[Event] = []
    if person.born:
        pending.append(event(start_of(person.born) + 8.5 * HOUR, "account", person.account, change="created"))
    for day in range(person.born, person.days):
        pending += _ordinary_day(person, day)
        special = _SPECIAL.get(person.trait)
        if special:
            pending += special(person, day)
        pending.sort()
        limit = start_of(day + 1)
        ready = [found for found in pending if found[0] < limit]
        pending = pending[len(ready) :]
        yield from ready
    yield from pending


def _ordinary_day(person: Person, day: int) -> list[Event]:
    rng, account = person.rng, person.account
    active = ACTIVE_WORKDAY if day % 7 < 5 else ACTIVE_WEEKEND
    if person.trait == "low_use":
        active = 0.1
    if rng.random() >= active:
        return []
    if person.trait == "dynamic_home":
        person.home = network.redial(rng, person.home)
    if person.trait == "new_provider" and day == person.moment:
        person.home = person.office = network.fixed_line(rng)
    events: list[Event] = []
    for _ in range(rng.randint(*LOGINS_A_DAY)):
        t, place = start_of(day) + rng.uniform(9, 19.5) * HOUR, person.place(day)
        events.append(login(t, account, place, "imap", person.password))
        events.append(session(t + rng.uniform(30, 3000), account, place, rng.randint(0, 12), 60_000))
    for _ in range(rng.randint(*MESSAGES_A_DAY)):
        t, place = start_of(day) + rng.uniform(9, 19.5) * HOUR, person.place(day)
        to = [person.recipient() for _ in range(rng.choice((1, 1, 1, 2, 4)))]
        events.append(login(t - 1, account, place, "smtp", person.password))
        events += message(rng, t, account, place, list(dict.fromkeys(to)), ORDINARY)
    return events


def _mailing(person: Person, t: float, recipients: list[str], delivery: Delivery, pause: float) -> list[Event]:
    """One message per recipient from the office, `pause` seconds apart on average."""
    events = [login(t - 1, person.account, person.office, "smtp", person.password)]
    for recipient in recipients:
        events += message(person.rng, t, person.account, person.office, [recipient], delivery)
        t += person.rng.uniform(0.5, 1.5) * pause
    return events


def _newsletter(person: Person, day: int) -> list[Event]:
    if day % 7 != 2:
        return []
    if len(person.contacts) < 500:
        person.contacts += [stranger(person.rng) for _ in range(person.rng.randint(500, 900))]
    # A kept list: 1.5 % bounces; one message a second (assumed).
    return _mailing(person, start_of(day) + 10 * HOUR, list(person.contacts), Delivery(0.015), 1.0)


def _first_newsletter(person: Person, day: int) -> list[Event]:
    if day != person.moment:
        return []
    size = person.rng.randint(200, 800)
    stale = Delivery(person.rng.uniform(*STALE_BOUNCES))
    return _mailing(person, start_of(day) + 13 * HOUR, [stranger(person.rng) for _ in range(size)], stale, 1.0)


def _notice(person: Person, day: int) -> list[Event]:
    if day != person.moment:
        return []
    # "Our telephone number changed", to everybody ever written to or by: 4 % no longer exist (assumed).
    return _mailing(person, start_of(day) + 11 * HOUR, list(person.contacts), Delivery(0.04), 3.0)


def _club(person: Person, day: int) -> list[Event]:
    if day % 14 != 4:
        return []
    # 40-80 members in one message (assumed).
    t, members = start_of(day) + 20 * HOUR, person.contacts[: 40 + len(person.account) * 7 % 40]
    start = login(t - 1, person.account, person.home, "smtp", person.password)
    return [start, *message(person.rng, t, person.account, person.home, members, ORDINARY)]


def _web_form(person: Person, day: int) -> list[Event]:
    rng = person.rng
    if day == 0:
        person.office = person.home = network.address(rng, network.HOME_SERVER_ASN, network.HOME)
    events: list[Event] = []
    # 5-30 visitors a day around the clock, one in twenty mistypes the own address (assumed).
    for _ in range(rng.randint(5, 30)):
        events += _mailing(person, start_of(day) + rng.uniform(0, 24) * HOUR, [stranger(rng)], Delivery(0.05), 1.0)
    return events


def _password_storm(person: Person, day: int) -> list[Event]:
    if day != person.moment:
        return []
    rng, t = person.rng, start_of(day) + 10 * HOUR
    old, person.password = person.password, "b02"
    events = [event(t, "account", person.account, change="pwchange")]
    # The telephone tries the old password every 2-10 minutes for 6-30 hours (assumed).
    end = t + rng.uniform(6, 30) * HOUR
    while (t := t + rng.uniform(120, 600)) < end:
        events.append(login(t, person.account, network.carrier(rng, person.carrier_asn), "imap", old, success=False))
    return events


def _new_phone(person: Person, day: int) -> list[Event]:
    if day != person.moment:
        return []
    rng, t = person.rng, start_of(day) + 18 * HOUR
    place = network.carrier(rng, person.carrier_asn) if rng.random() < 0.5 else person.home
    whole = session(t + 2400, person.account, place, rng.randint(3_000, 20_000), 75_000)
    return [login(t, person.account, place, "imap", person.password), whole]


def _forward(person: Person, day: int) -> list[Event]:
    if day != person.moment:
        return []
    t, place = start_of(day) + 21 * HOUR, person.home
    if day in person.trips:
        place = network.abroad(person.rng, person.trips[day])
    target = stranger(person.rng)
    return [
        login(t, person.account, place, "webmail", person.password),
        event(t + 60, "sieve", person.account, place, change="forward", target=target),
    ]


_SPECIAL: dict[str, Callable[[Person, int], list[Event]]] = {
    "newsletter": _newsletter,
    "first_newsletter": _first_newsletter,
    "notice": _notice,
    "club": _club,
    "web_form": _web_form,
    "password_storm": _password_storm,
    "new_phone": _new_phone,
    "forward_home": _forward,
    "forward_travelling": _forward,
}
