"""The published simple rules, run over the same events and scored by the same scorer as Sekisho.

Each rule is a class: `see(event)` returns True when the rule trips for the event's account, `action` is what it does
then. All trips count as a suspension, as in the comparison in which the rules' figures were first made: a rule has one
threshold and no second thought. Where the real product does less (a limiter defers, weakforced refuses one source) its
class says so; that treats its recall kindly and its false alarms as an account locked by a machine.

A tripped rule is quiet about the account for a day (Google Workspace locks a sender "up to 24 hours"), then it may trip
again: whoever was wrongly locked and let go is still watched when the hijacker comes. Nothing here looks ahead.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Iterable
from math import asin, cos, radians, sin, sqrt
from typing import Any, ClassVar

HOUR, DAY = 3600.0, 86400.0
# After a trip: "lock up to 24 h", support.google.com/a/answer/166852.
QUIET_SECONDS = DAY

# Country centres in whole degrees (latitude, longitude), enough for distances of thousands of kilometres. Every country
# the simulator knows; a country that is missing here never travels.
CENTRES: dict[str, tuple[int, int]] = {
    "AR": (-34, -64), "AU": (-25, 134), "BR": (-10, -52), "CI": (8, -6), "CN": (35, 103), "CO": (4, -73),
    "DE": (51, 10), "EG": (27, 30), "FR": (46, 2), "GB": (54, -2), "HK": (22, 114), "ID": (-2, 118), "IE": (53, -8),
    "IN": (22, 79), "IR": (32, 53), "IT": (43, 12), "JP": (36, 138), "KR": (36, 128), "MX": (23, -102),
    "MY": (4, 102), "NG": (10, 8), "NL": (52, 5), "PK": (30, 70), "PL": (52, 19), "RO": (46, 25), "RU": (62, 96),
    "SG": (1, 104), "TH": (15, 101), "TR": (39, 35), "TW": (24, 121), "UA": (49, 32), "US": (39, -98),
    "VN": (16, 106), "ZA": (-29, 25),
}  # fmt: skip
EARTH_KM = 6371.0

Event = dict[str, Any]


def kilometres(one: str, other: str) -> float:
    """Distance between two countries' centres (haversine); 0 when either is unknown."""
    if one not in CENTRES or other not in CENTRES:
        return 0.0
    (lat1, lon1), (lat2, lon2) = (tuple(map(radians, CENTRES[name])) for name in (one, other))
    half = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_KM * asin(min(1.0, sqrt(half)))


class Rule:
    """A baseline. `name` heads its line in the table; `see` returns True when the account trips it."""

    name: ClassVar[str]
    action: ClassVar[str] = "suspend"

    def see(self, event: Event) -> bool:
        """Takes in one event; whether it trips the rule for the event's account."""
        raise NotImplementedError


class HourlyLimit(Rule):
    """More than `most` recipients within 60 minutes.

    Source: 500 an hour is HostGator's limit (cPanel; pastebin sKkVeT1U: "500/500 (100%)"), 100 an hour o2switch's and
    Lolipop's smallest plan. Real ones refuse the surplus until the hour is over; here the account stops.
    """

    most: ClassVar[int]

    def __init__(self) -> None:
        self._asked: dict[str, deque[float]] = defaultdict(deque)

    def see(self, event: Event) -> bool:
        if event["kind"] != "rcpt":
            return False
        asked = self._asked[event["account"]]
        asked.append(event["t"])
        while asked[0] <= event["t"] - HOUR or len(asked) > self.most + 1:
            asked.popleft()
        return len(asked) > self.most


class Hourly500(HourlyLimit):
    """HostGator's limit."""

    name, most = "500 recipients an hour", 500


class Hourly100(HourlyLimit):
    """The lowest limit that is sold."""

    name, most = "100 recipients an hour", 100


class _Logins(Rule):
    """A rule over successful logins that come with a country."""

    protocol: ClassVar[str] = ""

    def see(self, event: Event) -> bool:
        if event["kind"] != "login" or not event.get("success") or not event.get("country"):
            return False
        if self.protocol and event["protocol"] != self.protocol:
            return False
        return self.enter(event)

    def enter(self, event: Event) -> bool:
        """Takes in one successful login."""
        raise NotImplementedError


class CountryCount(_Logins):
    """Logins from three or more countries within 24 hours.

    Source: country counting in SMTP AUTH logs, Schäfer 2014. His threshold could not be read; three is the smallest
    that a journey across one border does not reach.
    """

    name = "3 countries in 24 h"
    countries, addresses = 3, 0

    def __init__(self) -> None:
        # Latest login per country, and per address.
        self._countries: dict[str, dict[str, float]] = defaultdict(dict)
        self._addresses: dict[str, dict[str, float]] = defaultdict(dict)

    def enter(self, event: Event) -> bool:
        account, t = event["account"], event["t"]
        full = _lately(self._countries[account], event["country"], t) >= self.countries
        if self.addresses:
            full = _lately(self._addresses[account], event["ip"], t) >= self.addresses or full
        return full


def _lately(seen: dict[str, float], key: str, t: float) -> int:
    """How many keys were seen within 24 hours, this one included."""
    seen[key] = t
    for old in [old for old, last in seen.items() if last <= t - DAY]:
        del seen[old]
    return len(seen)


class AntiGeoip(CountryCount):
    """More than 5 countries or more than 20 addresses within 24 hours.

    Source: the defaults of postfwd-anti-geoip-spam-plugin (Vnet, @83106f4b), which rejects the login's mail.
    """

    name = "> 5 countries or > 20 addresses in 24 h"
    countries, addresses = 6, 21


class ImpossibleTravel(_Logins):
    """Two SMTP logins in a row whose countries' centres are too far apart for an airliner (900 km/h).

    Source: "theoretical geographical travelling speed" from SMTP AUTH logs, Schäfer 2014; products are stricter still
    (Curity: 250 km/h). Sigma's, Elastic's and AWS' rules of this kind name VPNs and telephones as false alarms.
    """

    name, protocol = "impossible travel (SMTP, 900 km/h)", "smtp"
    SPEED = 900.0

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, str]] = {}

    def enter(self, event: Event) -> bool:
        account, t, country = event["account"], event["t"], event["country"]
        before, where = self._last.get(account, (t, country))
        self._last[account] = (t, country)
        return bool(kilometres(where, country) > self.SPEED * max(t - before, 1.0) / HOUR)


class NewCountry(_Logins):
    """A login from a country this account was never seen in.

    Source: the "new country" rule of cloud products; as in Datadog's the account's first 24 hours only teach.
    """

    name = "first login from a new country"

    def __init__(self) -> None:
        self._first: dict[str, float] = {}
        self._known: dict[str, set[str]] = defaultdict(set)

    def enter(self, event: Event) -> bool:
        account, country, known = event["account"], event["country"], self._known[event["account"]]
        new = country not in known
        known.add(country)
        t: float = event["t"]
        return new and t - self._first.setdefault(account, t) > DAY


class BounceRule(Rule):
    """At least 30 % of at least 20 delivery results within 24 hours bounced.

    Source: assumed round numbers for what administrators do with the log; the destination's answer as a sign is
    Schäfer's (ODDN, 2017), whose thresholds could not be read.
    """

    name = "30 % bounces of ≥ 20 results in 24 h"
    SECONDS, RESULTS, BOUNCES, SHARE = DAY, 20, 1, 0.30

    def __init__(self) -> None:
        self._results: dict[str, deque[tuple[float, bool]]] = defaultdict(deque)
        self._bounced: dict[str, int] = defaultdict(int)

    def see(self, event: Event) -> bool:
        if event["kind"] != "delivery" or event["status"] not in ("sent", "bounced"):
            return False
        account, t, bounced = event["account"], event["t"], event["status"] == "bounced"
        results = self._results[account]
        results.append((t, bounced))
        self._bounced[account] += bounced
        while results[0][0] <= t - self.SECONDS:
            self._bounced[account] -= results.popleft()[1]
        number = self._bounced[account]
        return len(results) >= self.RESULTS and number >= self.BOUNCES and number >= self.SHARE * len(results)


class BounceBurst(BounceRule):
    """At least ten bounces within an hour, and more than 15 % of the results.

    Source: the bounce rule of an earlier comparison (DETECTION 0.2), whose numbers were tuned on another simulation.
    """

    name = "10 bounces and 15 % in an hour"
    SECONDS, RESULTS, BOUNCES, SHARE = HOUR, 10, 10, 0.15


class FailuresOnly(Rule):
    """A login from an address that showed more than 50 different wrong passwords within an hour.

    Source: weakforced's shipped wforce.conf (@e6e5b8c4): it counts failed passwords only, in 6 windows of 10 minutes,
    and refuses the address. Its tarpit (more than 3 per address and login) delays and decides nothing. A login that was
    refused is counted as a suspension of that account, which is more than weakforced does.
    """

    name = "weakforced as shipped (failures only)"
    MOST = 50

    def __init__(self) -> None:
        # Address -> (account and password's hash) -> last failure.
        self._failed: dict[str, dict[tuple[str, str], float]] = defaultdict(dict)

    def see(self, event: Event) -> bool:
        if event["kind"] != "login":
            return False
        t, failed = event["t"], self._failed.get(event["ip"], {})
        if event.get("success"):
            return sum(1 for last in failed.values() if last > t - HOUR) > self.MOST
        self._failed[event["ip"]][event["account"], event.get("pwhash", "")] = t
        return False


RULES: tuple[type[Rule], ...] = (
    Hourly500, Hourly100, CountryCount, AntiGeoip, ImpossibleTravel, NewCountry, BounceRule, BounceBurst, FailuresOnly,
)  # fmt: skip


def judge(lines: Iterable[bytes | str]) -> dict[str, list[dict[str, Any]]]:
    """Decisions per rule's name, in the form of `sekisho evaluate`, over a stream of JSON lines in order of time."""
    rules = [make() for make in RULES]
    decisions: dict[str, list[dict[str, Any]]] = {rule.name: [] for rule in rules}
    quiet_until: dict[tuple[str, str], float] = {}
    for line in lines:
        event = json.loads(line)
        account, t = event["account"], event["t"]
        for rule in rules:
            if rule.see(event) and quiet_until.get((rule.name, account), t) <= t:
                quiet_until[rule.name, account] = t + QUIET_SECONDS
                decisions[rule.name].append({"t": t, "account": account, "action": rule.action})
    return decisions
