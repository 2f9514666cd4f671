"""An invented internet: who owns which addresses, in which country. No real address data is used.

Only the two mail-app clouds carry their true numbers (Outlook for phones: AS8075, Gmail: AS15169), because everybody
must know them.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

HOME = "JP"
# Providers of the home country: a dozen fixed-line and four telephone carriers cover nearly everybody (assumed).
FIXED_ASNS = tuple(range(64600, 64612))
CARRIER_ASNS = tuple(range(64620, 64624))
# Servers for rent: web forms at home; VPN exits and hijackers' machines anywhere (assumed).
HOME_SERVER_ASN = 64630
SERVER_ASNS = tuple(range(64640, 64648))
CLOUD_ASNS = (8075, 15169)
# Where mail-app clouds appear to be: the country of a cloud address means nothing.
CLOUD_COUNTRIES = ("US", "IE", "NL", "SG")
TRAVEL = ("US", "KR", "TW", "TH", "FR", "DE", "GB", "AU", "SG", "VN", "IT", "HK")
# Origins of manual hijackers in Bursztein et al., IMC 2014: CN, CI, MY, NG, ZA.
HIJACKERS = ("CN", "CI", "MY", "NG", "ZA")
WORLD = TRAVEL + HIJACKERS + ("BR", "IN", "ID", "RU", "UA", "TR", "MX", "AR", "PK", "EG", "PL", "RO", "CO", "IR")
# Every country has this many providers (assumed).
PROVIDERS_ABROAD = 2
ABROAD = {country: tuple(65000 + 10 * n + i for i in range(PROVIDERS_ABROAD)) for n, country in enumerate(WORLD)}


@dataclass(frozen=True, slots=True)
class Place:
    """An address as the mail server sees it."""

    ip: str
    country: str
    asn: int


def _first_octets() -> dict[int, int]:
    abroad = [asn for asns in ABROAD.values() for asn in asns]
    known = [*FIXED_ASNS, *CARRIER_ASNS, HOME_SERVER_ASN, *SERVER_ASNS, *CLOUD_ASNS, *abroad]
    # Ordinary unicast only: no loopback, private or multicast networks.
    usable = [octet for octet in range(24, 224) if octet not in (127, 169, 172, 192, 198, 203, 100)]
    return dict(zip(known, usable, strict=False))


_OCTETS = _first_octets()


def address(rng: Random, asn: int, country: str) -> Place:
    """Any address of a provider: its /8 holds 65,536 networks of 256 addresses."""
    return Place(f"{_OCTETS[asn]}.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(1, 255)}", country, asn)


def fixed_line(rng: Random) -> Place:
    """A home or an office in the home country."""
    return address(rng, rng.choice(FIXED_ASNS), HOME)


def carrier(rng: Random, asn: int) -> Place:
    """A telephone's address of this minute."""
    return address(rng, asn, HOME)


def abroad(rng: Random, country: str) -> Place:
    """A line in a foreign country."""
    return address(rng, rng.choice(ABROAD[country]), country)


def server(rng: Random, country: str) -> Place:
    """A rented machine or VPN exit."""
    return address(rng, rng.choice(SERVER_ASNS), country)


def mail_app_cloud(rng: Random, asn: int) -> Place:
    """A machine of a mail app's maker, one of very many."""
    return address(rng, asn, rng.choice(CLOUD_COUNTRIES))


def redial(rng: Random, place: Place) -> Place:
    """The address after a nightly reconnection: almost half go to another prefix (Padmanabhan et al., IMC 2016)."""
    if rng.random() < 0.5:
        return address(rng, place.asn, place.country)
    return Place(f"{place.ip.rsplit('.', 1)[0]}.{rng.randrange(1, 255)}", place.country, place.asn)
