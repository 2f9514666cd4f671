"""What hijackers do with a mailbox: each kind is one function that returns the attack's events.

An attack does not know what the host answers; it goes on as if nobody stopped it (open loop).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from evals import network
from evals.mail import Delivery, Event, event, login, message, session, stranger
from evals.network import Place
from evals.people import DAY, HOUR, Person, start_of

# Attacks begin after this many days: a host has its history by then.
HISTORY_DAYS = 30
# Every kind equally often (assumed): the tables speak of kinds, not of how frequent they are in the wild.
KINDS = (
    "blast", "foreign_botnet", "home_botnet", "drip", "manual", "forward", "contact_worm", "own_pc", "spray_hit",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spammers:
    """What differs between worlds: bounce rates of spam lists, and hijackers behind addresses of the home country."""

    bounces: tuple[float, float]
    at_home: float


# Base: 10-30 % of an old list does not exist; one hijacker in five buys a home-country proxy (both assumed; 82 % of
# phishing kits record the victim's place, so that he can: Thomas et al., CCS 2017).
BASE = Spammers(bounces=(0.10, 0.30), at_home=0.2)
# Hard: bought, verified lists, and 60 % behind home-country addresses (the world DETECTION's figures were made in).
HARD = Spammers(bounces=(0.01, 0.04), at_home=0.6)
# Remote servers refuse some spam as spam: 3 % at first sight (assumed).
REFUSED = 0.03


@dataclass(slots=True)
class Attack:
    """An attack on one mailbox; `spam` are the times of the recipients it wrote to, in epoch seconds."""

    kind: str
    person: Person
    rng: Random
    spammers: Spammers
    others: list[str]
    start: float = 0.0
    spam: list[float] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        first = max(HISTORY_DAYS, self.person.born + 3)
        day = self.rng.randrange(first, max(first + 1, self.person.days - 4))
        self.start = start_of(day) + self.rng.uniform(0, 24) * HOUR
        _KINDS[self.kind](self)
        self.events.sort()
        self.spam.sort()
        own = [
            t
            for t, line in self.events
            if f'"account":"{self.person.account}"' in line and '"success":false' not in line
        ]
        self.start = own[0]

    def delivery(self) -> Delivery:
        """How remote servers take this hijacker's list."""
        return Delivery(self.rng.uniform(*self.spammers.bounces), REFUSED)

    def somewhere(self) -> Place:
        """The hijacker's one address: a proxy in the home country, or a machine elsewhere."""
        if self.rng.random() < self.spammers.at_home:
            return network.fixed_line(self.rng)
        country = self.rng.choice(network.WORLD)
        return network.server(self.rng, country) if self.rng.random() < 0.5 else network.abroad(self.rng, country)

    def enter(self, t: float, place: Place, protocol: str) -> None:
        """A successful login."""
        self.events.append(login(t, self.person.account, place, protocol, self.person.password))

    def send(self, t: float, place: Place, recipients: list[str], delivery: Delivery) -> None:
        """One spam message."""
        self.events += message(self.rng, t, self.person.account, place, recipients, delivery)
        self.spam += [round(t + 0.01 * n, 3) for n in range(len(recipients))]

    def strangers(self, number: int) -> list[str]:
        """Addresses from the spam list."""
        return [stranger(self.rng) for _ in range(number)]


def _blast(attack: Attack) -> None:
    rng, t, place, delivery = attack.rng, attack.start, attack.somewhere(), attack.delivery()
    attack.enter(t, place, "smtp")
    # 300-3,000 recipients, one to ten a message, a message every half to three seconds (assumed).
    left, pause, each = rng.randint(300, 3000), rng.uniform(0.5, 3), rng.choice((1, 1, 5, 10))
    while left > 0:
        t += rng.uniform(0.5, 1.5) * pause
        attack.send(t, place, attack.strangers(min(each, left)), delivery)
        left -= each


def _botnet(attack: Attack, places: Callable[[], Place]) -> None:
    rng, t, delivery = attack.rng, attack.start, attack.delivery()
    # 200-1,500 messages; a new bot logs in for every 5-40 (22 logins per address were seen: Vnet's incident, Medium).
    left, pause = rng.randint(200, 1500), rng.uniform(5, 60)
    while left > 0:
        bot = places()
        attack.enter(t, bot, "smtp")
        for _ in range(min(left, rng.randint(5, 40))):
            t += rng.uniform(0.5, 1.5) * pause
            attack.send(t, bot, attack.strangers(1), delivery)
            left -= 1


def _foreign_botnet(attack: Attack) -> None:
    # Any country at every turn: 41 countries and 342 addresses in the same incident.
    _botnet(attack, lambda: network.abroad(attack.rng, attack.rng.choice(network.WORLD)))


def _home_botnet(attack: Attack) -> None:
    _botnet(attack, lambda: network.fixed_line(attack.rng))


def _drip(attack: Attack) -> None:
    rng, t, place, delivery = attack.rng, attack.start, attack.somewhere(), attack.delivery()
    # 5-30 an hour for two to four days stays under every published hourly limit (DETECTION 1.4).
    pace, end = rng.uniform(5, 30), t + rng.uniform(2, 4) * DAY
    attack.enter(t, place, "smtp")
    while (t := t + rng.expovariate(pace / HOUR)) < end:
        if rng.random() < 0.1:
            attack.enter(t - 1, place, "smtp")
        attack.send(t, place, attack.strangers(1), delivery)


def _manual(attack: Attack) -> None:
    rng = attack.rng
    at_home = rng.random() < attack.spammers.at_home
    # Office hours of another country, no weekends (Bursztein 2014): 17-25 h in Japan is 9-17 h in western Africa.
    day = int((attack.start - start_of(0)) // DAY)
    day += (7 - day % 7) if day % 7 >= 5 else 0
    t = start_of(day) + rng.uniform(17, 22) * HOUR
    place = network.fixed_line(rng) if at_home else network.abroad(rng, rng.choice(network.HIJACKERS))
    attack.enter(t, place, rng.choice(("webmail", "imap")))
    # Three minutes of looking, then work (Bursztein 2014); it reads 20-150 messages (assumed).
    attack.events.append(session(t + 180, attack.person.account, place, rng.randint(20, 150), 60_000))
    t += 180
    for recipient in rng.sample(attack.person.contacts[:40], rng.randint(10, 40)):
        t += rng.uniform(20, 240)
        attack.send(t, place, [recipient], Delivery(0.01))


def _forward(attack: Attack) -> None:
    rng, t, place, account = attack.rng, attack.start, attack.somewhere(), attack.person.account
    attack.enter(t, place, rng.choice(("imap", "webmail")))
    # Everything is fetched at once: some thousand messages (assumed).
    attack.events.append(session(t + rng.uniform(120, 1200), account, place, rng.randint(500, 8000), 75_000))
    t += rng.uniform(1300, 3600)
    target = stranger(rng)
    attack.events.append(event(t, "sieve", account, place, change="forward", target=target))
    # Half of them also hide what comes in (assumed).
    if rng.random() < 0.5:
        attack.events.append(event(t + 30, "sieve", account, place, change="discard", target=""))


def _contact_worm(attack: Attack) -> None:
    rng, t, place = attack.rng, attack.start, attack.somewhere()
    attack.enter(t, place, "imap")
    attack.events.append(session(t + 60, attack.person.account, place, rng.randint(20, 200), 60_000))
    attack.enter(t + 65, place, "smtp")
    # Everybody in the address book within an hour, some of them gone (contacts: Bursztein 2014; pace assumed).
    t, pause = t + 70, rng.uniform(2, 20)
    for contact in attack.person.contacts[:300]:
        t += rng.uniform(0.5, 1.5) * pause
        attack.send(t, place, [contact], Delivery(0.04, REFUSED))


def _own_pc(attack: Attack) -> None:
    rng, t, place = attack.rng, attack.start, attack.person.office
    # 20-30 % bounces in the base world and 5.7.1 refusals of 5 % (assumed); the hard world's lists are clean.
    low, high = attack.spammers.bounces
    delivery = Delivery(rng.uniform(0.2, 0.3) if high > 0.1 else rng.uniform(low, high), 0.05)
    attack.enter(t, place, "smtp")
    pause = rng.uniform(2, 30)
    for _ in range(rng.randint(200, 1500)):
        t += rng.uniform(0.5, 1.5) * pause
        attack.send(t, place, attack.strangers(1), delivery)


def _spray_hit(attack: Attack) -> None:
    rng, place = attack.rng, attack.somewhere()
    # The same source guesses 5-30 other mailboxes in the hours before (assumed).
    for other in rng.sample(attack.others, min(len(attack.others), rng.randint(5, 30))):
        t = attack.start - rng.uniform(60, 6 * HOUR)
        attack.events.append(login(t, other, place, "smtp", f"{rng.randrange(4096):03x}", success=False))
    t, delivery = attack.start, attack.delivery()
    attack.enter(t, place, "smtp")
    # Tested first, used after minutes to hours (Shah et al. 2020: one finds, another exploits).
    t += rng.uniform(300, 6 * HOUR)
    attack.enter(t, place, "smtp")
    pause = rng.uniform(1, 20)
    for _ in range(rng.randint(200, 1500)):
        t += rng.uniform(0.5, 1.5) * pause
        attack.send(t, place, attack.strangers(1), delivery)


_KINDS: dict[str, Callable[[Attack], None]] = {
    "blast": _blast,
    "foreign_botnet": _foreign_botnet,
    "home_botnet": _home_botnet,
    "drip": _drip,
    "manual": _manual,
    "forward": _forward,
    "contact_worm": _contact_worm,
    "own_pc": _own_pc,
    "spray_hit": _spray_hit,
}


def stream(attack: Attack) -> Iterator[Event]:
    """The attack's events in order of time."""
    yield from attack.events
