"""From which countries mail may be sent by SMTP AUTH: the host's setting, a domain's rule, a mailbox' own mode.

The rule refuses sending, never a login: whoever is abroad still reads his mail, is told by his mail program why it does
not leave, and a travel pass lets it go at the next try. It begins with being observed: who would be refused is seen
before anybody is (docs/sending-countries.md).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Literal, cast

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import F, QuerySet

from sekisho.config import settings
from sekisho.directory.models import SendingChoice, SendingCountries
from sekisho.incidents.changes import NotAllowed, write_audit
from sekisho.incidents.models import SentElsewhere
from sekisho.incidents.travel import MOST_COUNTRIES, checked_country
from sekisho.journal import SendingRule, SentFromElsewhere

Mode = Literal["off", "observe", "enforce"]
MODES: tuple[Mode, ...] = ("off", "observe", "enforce")
# Each is compared with the address of each session from elsewhere (config.values.Networks).
MOST_EXCEPTIONS = 50
# Wider ones would be countries of their own: 65,536 addresses, and one provider's usual IPv6 allocation.
WIDEST = {4: 16, 6: 32}
# Rows shown and looked at before a rule is enforced.
SHOWN_DAYS = 30


def host_rule() -> SendingRule:
    """The rule of domains without one of their own, from the settings."""
    found = settings().sending
    return SendingRule(found.mode, found.countries, found.exceptions)


def domain_row(domain: str) -> SendingCountries | None:
    """The domain's own rule; None: it follows the host's."""
    return SendingCountries.objects.filter(domain=domain).first()


def domain_rule(domain: str) -> SendingRule:
    """The rule in force for a domain's mailboxes."""
    row = domain_row(domain)
    return _rule(row) if row else host_rule()


def _rule(row: SendingCountries) -> SendingRule:
    return SendingRule(cast(Mode, row.mode), tuple(row.countries), tuple(row.exceptions))


def choice_of(mailbox: str) -> str:
    """The mailbox' own mode, "" where it follows its domain."""
    return SendingChoice.objects.filter(mailbox=mailbox).values_list("mode", flat=True).first() or ""


def mailbox_rule(mailbox: str) -> SendingRule:
    """The rule in force for a mailbox."""
    rule = domain_rule(mailbox.rpartition("@")[2])
    mode = choice_of(mailbox)
    return SendingRule(cast(Mode, mode), rule.countries, rule.exceptions) if mode else rule


def set_domain(
    domain: str,
    mode: str,
    countries: Iterable[str],
    exceptions: Iterable[str],
    actor: str,
    now: datetime,
    *,
    account: AbstractBaseUser | None = None,
) -> SendingCountries:
    """Gives a domain a rule of its own; raises NotAllowed for an unknown mode, no or too many countries, no network."""
    codes = sorted({checked_country(code) for code in countries})
    if not 1 <= len(codes) <= MOST_COUNTRIES:
        raise NotAllowed(f"a rule has 1 to {MOST_COUNTRIES} countries")
    networks = checked_networks(exceptions)
    before = domain_row(domain)
    since = before.since if before is not None and before.mode == mode else now
    values = {
        "mode": _checked_mode(mode),
        "countries": codes,
        "exceptions": networks,
        "since": since,
        "made_at": now,
        "actor": actor,
    }
    with transaction.atomic(using="default"):
        row, _ = SendingCountries.objects.update_or_create(domain=domain, defaults=values)
        details: dict[str, object] = {"mode": mode, "countries": codes, "exceptions": networks}
        write_audit(actor, "set_sending_countries", domain, details, at=now, account=account)
    return row


def clear_domain(domain: str, actor: str, now: datetime, *, account: AbstractBaseUser | None = None) -> None:
    """Lets a domain follow the host's setting again; none is no error."""
    with transaction.atomic(using="default"):
        if SendingCountries.objects.filter(domain=domain).delete()[0]:
            write_audit(actor, "set_sending_countries", domain, {"mode": ""}, at=now, account=account)


def set_mailbox(mailbox: str, mode: str, actor: str, now: datetime, *, account: AbstractBaseUser | None = None) -> None:
    """Gives a mailbox a mode of its own, or ("") its domain's again; raises NotAllowed for an unknown one."""
    with transaction.atomic(using="default"):
        if mode:
            values = {"mode": _checked_mode(mode), "made_at": now, "actor": actor}
            SendingChoice.objects.update_or_create(mailbox=mailbox, defaults=values)
        else:
            SendingChoice.objects.filter(mailbox=mailbox).delete()
        write_audit(actor, "set_sending_countries", mailbox, {"mode": mode}, at=now, account=account)


def _checked_mode(mode: str) -> str:
    if mode not in MODES:
        raise NotAllowed(f"{mode!r} is none of {', '.join(MODES)}")
    return mode


def checked_networks(texts: Iterable[str]) -> list[str]:
    """The networks (an address is one of its own) in the form of RFC 4632 or 5952; raises NotAllowed."""
    found: set[str] = set()
    for text in texts:
        try:
            network = ipaddress.ip_network(text.strip(), strict=False)
        except ValueError:
            raise NotAllowed(f"{text!r} is neither an address nor a network") from None
        if network.prefixlen < WIDEST[network.version]:
            raise NotAllowed(f"{network} is wider than /{WIDEST[network.version]}")
        found.add(str(network))
    if len(found) > MOST_EXCEPTIONS:
        raise NotAllowed(f"at most {MOST_EXCEPTIONS} networks are excepted")
    return sorted(found)


def rules_in_force() -> dict[str, SendingRule]:
    """The rules that differ from the host's, by domain and by mailbox, for the state file."""
    rules = {row.domain: _rule(row) for row in SendingCountries.objects.all()}
    host = host_rule()
    found = dict(rules)
    for row in SendingChoice.objects.all():
        known = rules.get(row.mailbox.rpartition("@")[2], host)
        found[row.mailbox] = SendingRule(cast(Mode, row.mode), known.countries, known.exceptions)
    return found


def keep(event: SentFromElsewhere) -> None:
    """Keeps what the guard tells, a row a day."""
    at = datetime.fromtimestamp(event.t, UTC)
    row, made = SentElsewhere.objects.get_or_create(
        mailbox=event.mailbox[:255],
        day=at.date(),
        ip=event.ip[:45],
        refused=event.refused,
        defaults={"country": event.country[:2], "asn": event.asn, "first_at": at, "last_at": at},
    )
    if not made and at > row.last_at:
        SentElsewhere.objects.filter(pk=row.pk).update(last_at=at, hours=F("hours") + 1)


def seen_in(domain: str, now: datetime) -> QuerySet[SentElsewhere]:
    """What was sent, or refused, from elsewhere in a domain within SHOWN_DAYS, the newest first."""
    since = now - timedelta(days=SHOWN_DAYS)
    return SentElsewhere.objects.filter(mailbox__endswith=f"@{domain}", last_at__gte=since).order_by("-last_at", "-pk")


def seen_of(mailbox: str, now: datetime) -> QuerySet[SentElsewhere]:
    """The same of one mailbox."""
    since = now - timedelta(days=SHOWN_DAYS)
    return SentElsewhere.objects.filter(mailbox=mailbox, last_at__gte=since).order_by("-last_at", "-pk")
