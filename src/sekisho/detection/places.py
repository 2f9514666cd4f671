"""D1: how much the place of a source speaks for a hijacker.

Idea: not "how far away", but "on how many days was it seen". Networks (/24, /48) change under honest people every
night, their owners (autonomous systems) seldom, countries almost never; so an unknown network falls back to its owner,
and an unknown owner to its country. How new a new one is depends on the mailbox: the weight is ln(p / rate), where p is
the share of hijackers who come with a new one and rate the mailbox' own rate of new ones per day. A traveller's fifth
country weighs little, a shop's first one much.

Who is hurt by a false alarm: travellers, people with a VPN, owners of new telephones; therefore no place alone ever
suspends. Who by a miss: everyone whose hijacker sits behind an address of his own country; D2, D6 and D7 look for him.

Numbers: starting points, tuned on a simulated hosting company. The country of a mail app's cloud is
where its maker rents machines and means nothing (Outlook for iOS and Android logs in from AS8075, Gmail from AS15169).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from math import log

import msgspec

from sekisho.detection.clouds import MAIL_APP_CLOUDS
from sekisho.detection.events import Place
from sekisho.detection.host import DomainHabits
from sekisho.detection.limits import FAMILIAR_DAYS, FULL_HISTORY_DAYS, STAY_SECONDS, TRUSTED_DAYS

# A mail app's cloud (clouds.py) seen for the first time.
CLOUD_WEIGHT = 0.6
# A familiar network; a new network of a familiar owner (address of the day, another base station).
FAMILIAR_NETWORK = -3.5
FAMILIAR_OWNER = -0.8
# A hijacker's proxy in the home country is with the owner's own provider one time in five (a few providers have most
# customers); weighed against how often that provider's address changes under this mailbox. A line that never changes
# makes a new network as strange as a new provider; one that changes every fifth day or more often stays familiar.
SAME_OWNER_SHARE, SAME_OWNER_HIGH = 0.2, 2.2
# Share of hijackers coming with a new owner 0.8, a new country 0.4; floors and caps keep one place from deciding.
NEW_OWNER_SHARE, NEW_OWNER_LOW, NEW_OWNER_HIGH = 0.8, 0.3, 2.2
# A new owner with whom many of the host's mailboxes are at home: a new telephone, a move (DETECTION D1: 0.8 to 1.5).
# Not less: hijackers rent addresses of exactly these providers.
POPULAR_OWNER = 1.5
NEW_COUNTRY_SHARE, NEW_COUNTRY_LOW, NEW_COUNTRY_HIGH = 0.4, 0.5, 3.9
# A country this host's people travel to (host.is_visited): so much likelier an owner's; alone it is no alert.
VISITED_COUNTRY = -0.7
# A new country by the domain's habits, for a mailbox without its own: below an alert, colleagues may live abroad.
NEW_COUNTRY_FOR_DOMAIN = 3.5
# Without address data a network is all we know, and half of all address changes leave the network (Padmanabhan 2016).
NEW_NETWORK_SHARE, NEW_NETWORK_LOW, NEW_NETWORK_HIGH = 0.9, 0.3, 1.5
# A second unfamiliar country open at the same time at most, a third and each further one in full: hardly anybody is in
# three new countries within a day.
FURTHER_COUNTRY = 1.9
# Each further unfamiliar owner in a familiar country, together at most 1.5; their number is D2's matter.
FURTHER_OWNER, FURTHER_OWNERS_MOST = 0.3, 1.5
# All places together: three countries beyond a first one reach it; more adds nothing to what is certain.
PLACES_MOST = 12.0

NO_COUNTRIES: frozenset[str] = frozenset()


class Source(msgspec.Struct, frozen=True):
    """What a place means to one mailbox today."""

    place: Place
    # The network in 32 bits, as habits keep it; 0 for a place without network.
    key: int
    # Nats; negative for a familiar one.
    weight: float
    # Familiar by its network, or only by its owner (the latter holds while not many networks appear, D2).
    by_network: bool = False
    by_owner: bool = False
    # Used long enough (TRUSTED_DAYS) that it is never suspended automatically, only restricted.
    trusted: bool = True
    # In a country this mailbox is not at home in.
    foreign: bool = False


class OpenSource(msgspec.Struct, array_like=True):
    """An unfamiliar source that counts as evidence until a day after it was last seen."""

    first_at: float
    last_at: float
    weight: float
    country: str
    asn: int
    foreign: bool
    # Recipients this source asked for, known or not.
    recipients: int = 0
    # At how many other mailboxes it failed (D3).
    guessed: int = 0
    # To how many other tenants' mailboxes it was unfamiliar as well (D4).
    shared: int = 0


def network_key(network: str) -> int:
    """A network as 32 bits (CRC-32): 4 bytes instead of 18 in every profile; 0 for none."""
    return zlib.crc32(network.encode()) if network else 0


def days_seen(row: int) -> int:
    """Distinct days in a habit's row (last day x 256 + days, at most 255)."""
    return row & 0xFF


def is_settled(rows: dict[int, int], key: int) -> bool:
    """Whether a habit's row makes its key familiar; 0 is no key."""
    return key != 0 and days_seen(rows.get(key, 0)) >= FAMILIAR_DAYS


def _new_owner(known: int, days: int) -> float:
    weight = log(NEW_OWNER_SHARE * (days + 3) / (max(known - 1, 0) + 0.3))
    return min(max(weight, NEW_OWNER_LOW), NEW_OWNER_HIGH) * _ramp(days)


def _new_country(known: int, days: int, high: float) -> float:
    weight = log(NEW_COUNTRY_SHARE * (days + 5) / (max(known - 1, 0) + 0.03))
    return min(max(weight, NEW_COUNTRY_LOW), high) * _ramp(days)


def _same_owner(networks: int | None, days: int) -> float:
    """A new network of an owner used on `days` days, who had so many networks here; None: not counted yet."""
    if networks is None:
        return FAMILIAR_OWNER
    return min(log(SAME_OWNER_SHARE * (days + 3) / (max(networks - 1, 0) + 0.3)), SAME_OWNER_HIGH)


def _new_network(known: int, days: int) -> float:
    weight = log(NEW_NETWORK_SHARE * (days + 3) / (known + 0.5))
    return min(max(weight, NEW_NETWORK_LOW), NEW_NETWORK_HIGH) * _ramp(days)


def _ramp(days: int) -> float:
    return min(1.0, days / FULL_HISTORY_DAYS)


def is_trusted(days: int, history: int) -> bool:
    """Whether a source used on `days` of `history` days may claim to be the owner's, whatever is sent from it."""
    return days >= TRUSTED_DAYS or (history < 2 * TRUSTED_DAYS and days >= max(FAMILIAR_DAYS, history / 3))


def weigh_source(
    place: Place,
    days: int,
    networks: dict[int, int],
    asns: dict[int, int],
    countries: dict[str, int],
    domain: DomainHabits,
    owner_networks: dict[int, int],
    opened: frozenset[str] = NO_COUNTRIES,
) -> Source:
    """What a place means to a mailbox with these habits (rows by key) and `days` days of history.

    `opened`: countries that count as its home for now, because the owner has said that he goes there. That excuses the
    country alone: its network and that one's owner are as new as anywhere.
    """
    key = network_key(place.network)
    if not key:
        # Our own webmail or a local program: whoever uses it, it looks the same. Neutral, and familiar after use.
        return Source(place, key, 0.0, by_network=days_seen(networks.get(key, 0)) >= FAMILIAR_DAYS)
    asn_days = days_seen(asns.get(place.asn, 0)) if place.asn else 0
    network_days = days_seen(networks.get(key, 0))
    if network_days >= FAMILIAR_DAYS:
        # The owner counts too: the address of the day at home is new every night, its provider is not.
        trusted = is_trusted(max(network_days, asn_days), days)
        return Source(place, key, FAMILIAR_NETWORK, by_network=True, trusted=trusted)
    cloud = place.asn in MAIL_APP_CLOUDS
    country_days = days_seen(countries.get(place.country, 0))
    at_home = cloud or country_days >= FAMILIAR_DAYS or place.country in domain.countries or place.country in opened
    if place.asn:
        colleagues = place.asn in domain.asns and key in domain.networks
        if at_home and (asn_days >= FAMILIAR_DAYS or colleagues):
            weight = FAMILIAR_OWNER if colleagues or cloud else _same_owner(owner_networks.get(place.asn), asn_days)
            if weight > 0:
                return Source(place, key, weight * _ramp(days) * _unsettled(network_days))
            trusted = colleagues or is_trusted(asn_days, days)
            return Source(place, key, FAMILIAR_OWNER, by_owner=True, trusted=trusted)
        if cloud:
            return Source(place, key, CLOUD_WEIGHT)
    if not place.country:
        known = days_seen(networks.get(key, 0))
        return Source(place, key, _new_network(len(networks), days) * _unsettled(known))
    if at_home:
        # A mailbox without history uses an owner its colleagues use: nothing remarkable.
        weight = NEW_OWNER_LOW if place.asn in domain.asns else _new_owner(len(asns), days)
        return Source(place, key, weight * _unsettled(asn_days))
    own = _new_country(len(countries), days, NEW_COUNTRY_HIGH)
    theirs = _new_country(len(domain.countries), domain.days, NEW_COUNTRY_FOR_DOMAIN) if domain.countries else 0.0
    return Source(place, key, max(own, theirs) * _unsettled(country_days), foreign=True)


def _unsettled(days: int) -> float:
    """What is left of a weight after some days of use: nothing after FAMILIAR_DAYS."""
    return max(0.0, 1.0 - days / FAMILIAR_DAYS)


def _abroad(weights: Iterable[float]) -> float:
    first, *further = sorted(weights, reverse=True)
    if not further:
        return first
    return first + min(FURTHER_COUNTRY, further[0] / 2) + FURTHER_COUNTRY * (len(further) - 1)


def weigh_open(sources: Iterable[OpenSource]) -> float:
    """The open unfamiliar sources of a day together, in nats.

    The most unfamiliar one counts in full, a second foreign *country* by half its weight (who is often abroad, or
    behind a VPN, changes countries), each further one by 1.9, each further owner at home by 0.3.
    """
    foreign: dict[str, float] = {}
    home: dict[int, float] = {}
    for source in sources:
        if source.foreign:
            foreign[source.country] = max(source.weight, foreign.get(source.country, 0.0))
        else:
            home[source.asn] = max(source.weight, home.get(source.asn, 0.0))
    abroad = _abroad(foreign.values()) if foreign else 0.0
    at_home = max(home.values()) + min(FURTHER_OWNERS_MOST, FURTHER_OWNER * (len(home) - 1)) if home else 0.0
    return min(PLACES_MOST, abroad + (at_home / 2 if foreign else at_home))


def is_counted_twice(source: OpenSource, sources: dict[int, OpenSource]) -> bool:
    """Whether an open source could be dropped and its country would still count."""
    if not source.foreign:
        return True
    return sum(1 for other in sources.values() if other.foreign and other.country == source.country) > 1


def stayed_in(sources: Iterable[OpenSource]) -> list[str]:
    """The foreign countries of open sources with STAY_SECONDS between their first and last use."""
    stays: dict[str, tuple[float, float]] = {}
    for source in sources:
        if source.foreign:
            first, last = stays.get(source.country, (source.first_at, source.last_at))
            stays[source.country] = min(first, source.first_at), max(last, source.last_at)
    return [country for country, (first, last) in stays.items() if last - first >= STAY_SECONDS]
