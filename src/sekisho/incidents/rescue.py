"""Rescue: a suspended mailbox accepts and keeps its mail before the senders' servers give up (DESIGN §3).

The status stays *suspended*: nobody gets in. A person switches it for one mailbox, or a domain's rule does so some
hours before the earliest time at which a sender's server may return mail. The switch is compare-and-set, with an
audit row, a line in the incident's timeline and an order for every mail host.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils import timezone

from sekisho.config import settings
from sekisho.directory.models import SiteAliasDomain, SiteDomain
from sekisho.incidents import notices, orders
from sekisho.incidents.changes import NotAllowed, Overtaken, current_status, write_audit
from sekisho.incidents.containing import open_incident
from sekisho.incidents.deferred import earliest_returns
from sekisho.incidents.models import MailboxStatus, Order, RescueRule
from sekisho.incidents.timeline import add_entry
from sekisho.incidents.waiting_texts import LOW, LOW_OPERATOR, RESCUED, RESCUED_OPERATOR

# A rule acts this long before the earliest return unless the operator says otherwise: a night, and the morning after.
HOURS_BEFORE = 12
# People are told this long before: a night, and the morning after, in which somebody can still act.
TOLD_BEFORE = timedelta(hours=12)
# More would switch every suspension at once: the cautious default of a sender's patience is 48 h.
MOST_HOURS = 47
WORKER = "worker"


def is_set_up() -> bool:
    """Whether this installation names a delivery agent for it (postfix.rescue_transport)."""
    return bool(settings().postfix.rescue_transport)


def switch(
    mailbox: str,
    on: bool,
    actor: str,
    *,
    account: AbstractBaseUser | None = None,
    now: datetime | None = None,
) -> list[Order]:
    """Accepts a suspended mailbox's mail from now on, or lets senders wait again; the orders, none if it was so.

    Raises NotAllowed for a mailbox that is not suspended, or where no delivery agent is set up; Overtaken when
    somebody changed the mailbox meanwhile.
    """
    at = now or timezone.now()
    if on and not is_set_up():
        raise NotAllowed("rescue is not set up on this host: postfix.rescue_transport in sekisho.toml")
    with transaction.atomic(using="default"):
        status = current_status(mailbox)
        incident = open_incident(mailbox)
        if status.status != "suspended" or incident is None:
            raise NotAllowed(f"{mailbox} is {status.status}")
        if (status.rescue_since is not None) == on:
            return []
        same = MailboxStatus.objects.filter(mailbox=mailbox, status="suspended", generation=status.generation)
        if same.filter(rescue_since__isnull=on).update(rescue_since=at if on else None) != 1:
            raise Overtaken(mailbox)
        kind, other = ("rescue_on", "rescue_off") if on else ("rescue_off", "rescue_on")
        opposite = Order.objects.filter(mailbox=mailbox, kind=other, generation=status.generation)
        opposite.filter(state__in=["open", "claimed"]).update(state="obsolete")
        add_entry(incident, at, kind, f"{kind}-{incident.pk}-{at.timestamp():.6f}", {"actor": actor})
        write_audit(actor, kind, mailbox, {"incident": incident.pk}, at=at, account=account)
        if on:
            notices.tell_both(incident, RESCUED, RESCUED_OPERATOR, at)
        return orders.place_orders(incident, kind, status.generation, actor, at, {})


def set_rule(
    domain: str,
    hours_before: int | None,
    actor: str,
    *,
    account: AbstractBaseUser | None = None,
    now: datetime | None = None,
) -> bool:
    """The domain's suspended mailboxes accept their mail so many hours before the earliest return (None: never by
    themselves); whether that changed anything. Raises NotAllowed for a domain not hosted here, an alias domain, or
    hours outside 1 to MOST_HOURS."""
    target = SiteAliasDomain.objects.filter(alias_domain=domain).values_list("target_domain", flat=True).first()
    if target is not None:
        raise NotAllowed(f"{domain} is an alias domain: set the rule of {target}")
    if domain == "all" or not SiteDomain.objects.filter(domain=domain).exists():
        raise NotAllowed(f"domain {domain} is not hosted here")
    if hours_before is not None and not 1 <= hours_before <= MOST_HOURS:
        raise NotAllowed(f"{hours_before} hours: 1 to {MOST_HOURS} are possible")
    if hours_before is not None and not is_set_up():
        raise NotAllowed("rescue is not set up on this host: postfix.rescue_transport in sekisho.toml")
    with transaction.atomic(using="default"):
        before = rule_of(domain)
        if before == hours_before:
            return False
        if hours_before is None:
            RescueRule.objects.filter(domain=domain).delete()
        else:
            RescueRule.objects.update_or_create(domain=domain, defaults={"hours_before": hours_before})
        details: dict[str, object] = {"before": before, "after": hours_before}
        write_audit(actor, "rescue_rule", domain, details, at=now or timezone.now(), account=account)
    return True


def rule_of(domain: str) -> int | None:
    """How many hours before the earliest return the domain's mailboxes accept their mail; None: never by rule."""
    return RescueRule.objects.filter(domain=domain).values_list("hours_before", flat=True).first()


def rules() -> dict[str, int]:
    """All domains with a rule, and its hours."""
    return dict(RescueRule.objects.values_list("domain", "hours_before"))


def apply_rules(now: datetime) -> list[str]:
    """Switches what the rules ask for; the mailboxes. Who was switched off by a person in this suspension stays so."""
    hours = rules()
    waiting = MailboxStatus.objects.filter(status="suspended", rescue_since__isnull=True, domain__in=hours)
    rows = {row.mailbox: row for row in waiting}
    switched = []
    for mailbox, at in earliest_returns(rows).items():
        row = rows[mailbox]
        off = Order.objects.filter(mailbox=mailbox, kind="rescue_off", generation=row.generation)
        if at - timedelta(hours=hours[row.domain]) > now or off.exists():
            continue
        try:
            switch(mailbox, True, WORKER, now=now)
        except (NotAllowed, Overtaken):
            # Reinstated in the same moment, or the setting was taken away: nothing to rescue.
            continue
        switched.append(mailbox)
    return switched


def tell_running_low(now: datetime) -> list[str]:
    """Tells people, once for an incident, that the first sender may soon give up; the mailboxes.

    Not where mail is accepted already, nor where a rule is about to do that: it tells when it has.
    """
    hours = rules() if is_set_up() else {}
    waiting = MailboxStatus.objects.filter(status="suspended", rescue_since__isnull=True)
    rows = {row.mailbox: row for row in waiting}
    told = []
    for mailbox, at in earliest_returns(rows).items():
        incident = open_incident(mailbox)
        if at - TOLD_BEFORE > now or incident is None or incident.notices.filter(kind__in=(LOW, LOW_OPERATOR)).exists():
            continue
        off = Order.objects.filter(mailbox=mailbox, kind="rescue_off", generation=rows[mailbox].generation)
        if rows[mailbox].domain in hours and not off.exists():
            continue
        notices.tell_both(incident, LOW, LOW_OPERATOR, now)
        told.append(mailbox)
    return told
