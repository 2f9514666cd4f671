"""From which countries mail is sent by SMTP AUTH: the rules of host, domain and mailbox, from settings and state file.

What has no country (own networks, no address data) is admitted: the rule is to keep hijackers out, not people whose
address nobody can place. So are the clouds of mail apps (Outlook, Gmail), which send for people wherever these sit.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Callable, Iterable

from sekisho.detection import Place
from sekisho.detection.clouds import MAIL_APP_CLOUDS
from sekisho.guard.permissions import Permissions
from sekisho.journal import Event, SendingRule, SentFromElsewhere, StateFile

NO_RULE = SendingRule("off")
# A client that is refused asks again each minute for days; people read one line an hour of it.
TELL_EVERY_SECONDS = 3600.0
# Pairs of mailbox and address told within the hour, some 200 bytes each; a flood empties the memory: told again.
REMEMBERED = 20_000

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


log = logging.getLogger("sekisho.guard")


def _networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """What of it are networks; the rest, which only a settings file can bring here, is said in the log."""
    found = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            log.error("sending.exceptions: %r is no network", text)
    return tuple(found)


class SendingPlaces:
    """Asked at each recipient of an authenticated session; tells what was refused or would have been."""

    def __init__(self, spool: Callable[[Event], None], permissions: Permissions, host_rule: SendingRule) -> None:
        self._spool = spool
        self._permissions = permissions
        self._host_rule = host_rule
        self._rules: dict[str, SendingRule] = {}
        self._networks: dict[SendingRule, tuple[Network, ...]] = {}
        self._told: dict[tuple[str, str, bool], float] = {}

    def take_state(self, state: StateFile) -> None:
        self._rules = state.sending
        self._networks = {}

    def refuses(self, mailbox: str, ip: str, place: Place, now: float) -> bool:
        """Whether the mailbox may not send from there now; in mode observe it only tells."""
        if not place.country:
            return False
        rule = self._rule(mailbox)
        if rule.mode == "off" or not rule.countries or place.country in rule.countries:
            return False
        if self._is_exempt(mailbox, ip, place, rule, now):
            return False
        refused = rule.mode == "enforce"
        self._tell(mailbox, ip, place, refused, now)
        return refused

    def _rule(self, mailbox: str) -> SendingRule:
        rule = self._rules.get(mailbox) if self._rules else None
        if rule is None and self._rules:
            rule = self._rules.get(mailbox.rpartition("@")[2])
        return rule or self._host_rule

    def _is_exempt(self, mailbox: str, ip: str, place: Place, rule: SendingRule, now: float) -> bool:
        if place.asn in MAIL_APP_CLOUDS or place.country in self._permissions.open_countries(mailbox, now):
            return True
        if not rule.exceptions:
            return False
        networks = self._networks.get(rule)
        if networks is None:
            networks = self._networks[rule] = _networks(rule.exceptions)
        address = ipaddress.ip_address(ip)
        return any(address in network for network in networks)

    def _tell(self, mailbox: str, ip: str, place: Place, refused: bool, now: float) -> None:
        key = (mailbox, ip, refused)
        if now - self._told.get(key, -TELL_EVERY_SECONDS) < TELL_EVERY_SECONDS:
            return
        if len(self._told) >= REMEMBERED:
            self._told.clear()
        self._told[key] = now
        self._spool(SentFromElsewhere(now, mailbox, ip, place.country, place.asn, refused))
