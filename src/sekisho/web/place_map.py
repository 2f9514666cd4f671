"""Countries as dots on an empty grid, equirectangular: no tiles, no outlines, nothing asked from other hosts.

Where a country is comes from the time zone database (zone.tab: a coordinate for each zone's largest city), which every
Debian has. Without it there is no drawing; the table beside it says the same in words.
"""

from __future__ import annotations

import re
import zoneinfo
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from math import sqrt
from pathlib import Path
from typing import NamedTuple

# zone.tab writes ISO 6709: +DDMM+DDDMM or +DDMMSS+DDDMMSS.
_COORDINATE = re.compile(r"([+-])(\d\d)(\d\d)(?:\d\d)?([+-])(\d{3})(\d\d)(?:\d\d)?")
# The viewBox is 360 by 180, a unit a degree. Radius of a single source, and the most a dot may grow to.
RADIUS, LARGEST = 3.0, 9.0


class Dot(NamedTuple):
    """One country: its place and size in the viewBox, its name and how many sources it had."""

    x: str
    y: str
    radius: str
    name: str
    sources: int


@cache
def country_places() -> Mapping[str, tuple[float, float]]:
    """ISO 3166-1 code -> latitude and longitude of the middle one (from west to east) of its zones' cities."""
    for directory in zoneinfo.TZPATH:
        try:
            text = Path(directory, "zone.tab").read_text(encoding="utf-8")
        except OSError:
            continue
        return _places(text)
    return {}


def _places(text: str) -> dict[str, tuple[float, float]]:
    found: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for line in text.splitlines():
        code, _, rest = line.partition("\t")
        coordinate = _COORDINATE.match(rest)
        if len(code) == 2 and coordinate:
            north, lat, lat_minutes, east, long, long_minutes = coordinate.groups()
            latitude = float(f"{north}1") * (int(lat) + int(lat_minutes) / 60)
            longitude = float(f"{east}1") * (int(long) + int(long_minutes) / 60)
            found[code].append((longitude, latitude))
    middle = {code: sorted(cities)[(len(cities) - 1) // 2] for code, cities in found.items()}
    return {code: (latitude, longitude) for code, (longitude, latitude) in middle.items()}


def dots(codes: Iterable[str], names: Mapping[str, str]) -> list[Dot]:
    """A dot for each country in `codes` (one code per source), the most frequent first; unknown places have none."""
    places = country_places()
    return [
        Dot(
            f"{places[code][1] + 180:.1f}",
            f"{90 - places[code][0]:.1f}",
            f"{min(RADIUS * sqrt(count), LARGEST):.1f}",
            names.get(code, code),
            count,
        )
        for code, count in Counter(codes).most_common()
        if code in places
    ]
