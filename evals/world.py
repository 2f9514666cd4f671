"""A hosting company: tenants, domains, mailboxes and attacks from one seed, merged into one sorted stream."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from evals import people
from evals.attacks import BASE, HARD, HISTORY_DAYS, KINDS, Attack, Spammers, stream
from evals.mail import Event
from evals.people import Person

# Mailboxes per domain and domains per tenant: small customers (assumed).
DOMAIN_SIZE, TENANT_DOMAINS = (1, 25), (1, 3)
# A share far above the wild (0.5 % of accounts a month, Microsoft 2020), so that every kind is met often enough.
ATTACKED = 0.15


@dataclass(frozen=True, slots=True)
class Kind:
    """A world: its spammers, how many more travellers it has, and how many times more people of other traits."""

    spammers: Spammers
    travellers: float
    traits: Mapping[str, float] = field(default_factory=dict)


# Another mix for a world that nobody may look at while choosing numbers of the engine (all assumed): lists between the
# other two worlds', twice the VPNs, newsletters and changes of provider, half the lines with an address of the day.
_OTHER = {"vpn": 2.0, "newsletter": 2.0, "first_newsletter": 1.5, "mail_app_cloud": 1.5, "new_provider": 2.0}
_OTHER |= {"dynamic_home": 0.5}
WORLDS = {
    "base": Kind(BASE, 1.0),
    "hard": Kind(HARD, 2.0),
    "unseen": Kind(Spammers(bounces=(0.03, 0.15), at_home=0.4), 1.5, _OTHER),
}


@dataclass(slots=True)
class Company:
    """Everybody in one simulated company."""

    persons: list[Person]
    attacks: dict[str, Attack]
    days: int

    def events(self) -> Iterator[Event]:
        """All events in order of time; each mailbox is generated as the stream goes on. Use it once."""
        lives = [people.life(person) for person in self.persons]
        yield from heapq.merge(*lives, *(stream(attack) for attack in self.attacks.values()))

    def labels(self) -> dict[str, object]:
        """The truth, per mailbox."""
        return {
            "begin": people.EPOCH,
            "days": self.days,
            "mailboxes": {person.account: self._label(person) for person in self.persons},
        }

    def _label(self, person: Person) -> dict[str, object]:
        attack = self.attacks.get(person.account)
        return {
            "domain": person.domain,
            "tenant": person.tenant,
            "traits": [person.trait],
            "born": people.start_of(person.born),
            "attack": attack.kind if attack else None,
            "start": attack.start if attack else None,
            "spam": attack.spam if attack else [],
        }


def build(seed: int, mailboxes: int, days: int, world: str) -> Company:
    """A company of so many mailboxes over so many days; the same arguments give the same company."""
    kind, rng = WORLDS[world], Random(f"{world}/{seed}")  # noqa: S311 (a simulation)
    shares = dict(people.SHARES)
    for travelling in ("traveller", "forward_travelling"):
        shares[travelling] *= kind.travellers
    for trait, times in kind.traits.items():
        shares[trait] *= times
    shares["office"] = max(0.0, 1.0 - sum(shares.values()))
    persons = [
        Person(f"{name}@{domain}", domain, tenant, _trait(rng, shares), Random(f"{seed}/{name}@{domain}"), days)  # noqa: S311
        for name, domain, tenant in _names(rng, mailboxes)
    ]
    accounts = [person.account for person in persons]
    attacks: dict[str, Attack] = {}
    for person in persons:
        # Somebody who had no week of life before the end is not attacked.
        if days >= HISTORY_DAYS + 5 and person.born < days - 10 and rng.random() < ATTACKED:
            own = Random(f"{seed}/attack/{person.account}")  # noqa: S311
            others = [account for account in rng.sample(accounts, min(40, mailboxes)) if account != person.account]
            victim = KINDS[len(attacks) % len(KINDS)]
            attacks[person.account] = Attack(victim, person, own, kind.spammers, others)
    return Company(persons, attacks, days)


def _trait(rng: Random, shares: dict[str, float]) -> str:
    return rng.choices(list(shares), list(shares.values()))[0]


def _names(rng: Random, mailboxes: int) -> Iterator[tuple[str, str, str]]:
    made = domains = tenants = 0
    while made < mailboxes:
        tenants += 1
        for _ in range(rng.randint(*TENANT_DOMAINS)):
            domains += 1
            for n in range(rng.randint(*DOMAIN_SIZE)):
                if made < mailboxes:
                    made += 1
                    yield f"m{n}", f"c{domains}.example", f"tenant{tenants}"


def write(company: Company, directory: Path) -> int:
    """Writes events.jsonl and labels.json; the number of events."""
    directory.mkdir(parents=True, exist_ok=True)
    count = 0
    with (directory / "events.jsonl").open("w", encoding="ascii") as out:
        for _, line in company.events():
            out.write(line + "\n")
            count += 1
    (directory / "labels.json").write_text(json.dumps(company.labels()), encoding="ascii")
    return count
