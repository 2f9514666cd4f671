"""A tenant has left: what is known of its people goes (`sekisho domain erase`, docs/retention.md).

Only once its mailboxes are gone from the site: a mailbox that lives keeps its generation, by which agents tell old
decisions from new ones. Many rows go in batches, so that nobody waits for the lock; killed in between, it begins anew.
The last transaction looks again whether the domain may be erased, takes the rest and appends the audit row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connections, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from sekisho.directory.key_models import ApiKey
from sekisho.directory.models import Role, SiteMailbox
from sekisho.incidents import audit_erasure
from sekisho.incidents.audit_seal import opened
from sekisho.incidents.changes import NotAllowed
from sekisho.incidents.models import HeldMessage, MailboxStatus, Order
from sekisho.incidents.retention import BATCH
from sekisho.keeping.erase_rules import MANY, REST, RULES
from sekisho.web.owner_session import KEY

AUDIT = "incidents.Audit"


def refuse(domain: str) -> None:
    """Raises NotAllowed, with the reason, while the domain may not be erased."""
    if "@" in domain or "." not in domain:
        raise NotAllowed(f"{domain} is no domain")
    living = SiteMailbox.objects.filter(username__endswith=f"@{domain}").count()
    if living:
        raise NotAllowed(f"{domain} still has {living} mailboxes here: remove them first")
    of = {"mailbox__endswith": f"@{domain}"}
    # Locked: whoever suspends one now waits, and finds it gone.
    statuses = MailboxStatus.objects.select_for_update().filter(**of).values_list("mailbox", "status")
    shut = sorted(name for name, status in statuses if status in ("suspended", "restricted"))
    if shut:
        raise NotAllowed(f"{shut[0]} is suspended or restricted: reinstate or dismiss it first")
    waiting = Order.objects.filter(state__in=["open", "claimed"], **of).first()
    if waiting:
        raise NotAllowed(f"an order ({waiting.kind}) for {waiting.mailbox} is not carried out yet: wait for the agent")
    held = HeldMessage.objects.filter(incident__mailbox__endswith=f"@{domain}", state__in=["held", "released"]).count()
    if held:
        raise NotAllowed(f"{held} messages of {domain} are on hold: delete them or let them go first")


def count(domain: str) -> dict[str, int]:
    """How many rows of each table `erase` would remove or mark; raises NotAllowed where it may not."""
    with transaction.atomic(using="default"):
        refuse(domain)
        found = {rule.table: rule.rows(domain).count() for rule in RULES}
        accounts = _accounts(domain)
        found["auth.User"] = len(accounts)
        found["sessions.Session"] = len(_sessions(domain, accounts))
        found[AUDIT] = sum(1 for _ in audit_erasure.concerned(domain))
    return {table: number for table, number in found.items() if number}


def erase(domain: str, actor: str) -> dict[str, int]:
    """Removes or marks them all, for ever; how many of each table. Raises NotAllowed where it may not. A second time
    there is nothing to do, and no row says so."""
    removed: Counter[str] = Counter()
    with transaction.atomic(using="default"):
        refuse(domain)
    for rule in MANY:
        while number := _batch(rule.rows(domain)):
            removed[rule.table] += number
    with opened(connections["default"]):
        refuse(domain)
        accounts = _accounts(domain)
        sessions = Session.objects.filter(pk__in=_sessions(domain, accounts))
        removed["sessions.Session"] = sessions.delete()[0]
        for rule in [*MANY, *REST]:
            for table, number in rule.rows(domain).delete()[1].items():
                removed[table] += number
        for table, number in User.objects.filter(pk__in=accounts).delete()[1].items():
            removed[table] += number
        removed["directory.ApiKey"] += _narrow_keys(domain)
        counts = {table: number for table, number in sorted(removed.items()) if number}
        if counts or any(True for _ in audit_erasure.concerned(domain)):
            removed[AUDIT] = audit_erasure.erase(domain, actor, counts, timezone.now())
    return {table: number for table, number in removed.items() if number}


def _batch(rows: QuerySet[Any]) -> int:
    with transaction.atomic(using="default"):
        keys = list(rows.values_list("pk", flat=True)[:BATCH])
        rows.model._default_manager.filter(pk__in=keys).delete()
    return len(keys)


def _accounts(domain: str) -> list[int]:
    """Accounts of the panel that could act for nothing but this domain."""
    theirs = Role.objects.filter(domain=domain).values("account")
    elsewhere = Role.objects.exclude(domain=domain).values("account")
    rows = get_user_model().objects.filter(Q(pk__in=theirs) & ~Q(pk__in=elsewhere), is_superuser=False)
    return list(rows.values_list("pk", flat=True))


def _sessions(domain: str, accounts: Iterable[int]) -> list[str]:
    """Open browsers of these accounts, and of owners of the domain's mailboxes."""
    theirs = {str(pk) for pk in accounts}
    found = []
    for row in Session.objects.iterator(chunk_size=BATCH):
        content = row.get_decoded()
        if content.get("_auth_user_id") in theirs or f"@{domain}" in str(content.get(KEY, "")):
            found.append(str(row.pk))
    return found


def _narrow_keys(domain: str) -> int:
    """API keys of accounts that stay: one for this domain alone goes, one for several loses it; how many went."""
    gone = 0
    for row in ApiKey.objects.iterator(chunk_size=BATCH):
        if domain in row.domains:
            row.domains = [name for name in row.domains if name != domain]
            # Without a domain it would be a key for all of them.
            if row.domains:
                row.save(update_fields=["domains"])
            else:
                row.delete()
                gone += 1
    return gone
