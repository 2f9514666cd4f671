"""A part of `decisions`: brings a record that was loaded from a backup to what this host holds shut, and never opens.

The record of a backup is of another day. Mailboxes suspended since stand in the agent's ledger only; mailboxes opened
since are called suspended. `hold_shut` gives the first an incident that an operator can decide about; `note_open`
carries out what an operator decided about the second; `raise_generation` keeps evidence from before from counting.
Every change has its Transition and audit row, as any other (docs/decisions/0008).
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from sekisho.incidents import orders
from sekisho.incidents.changes import change_status, current_status, write_audit
from sekisho.incidents.containing import STATUS_OF, STRENGTH, begin_incident, contain, open_incident
from sekisho.incidents.lifting import end_incident, lift
from sekisho.incidents.models import MailboxStatus, Order, Transition
from sekisho.incidents.timeline import add_entry

ACTION_OF = {status: action for action, status in STATUS_OF.items()}
STRENGTH_OF = {status: STRENGTH[action] for status, action in ACTION_OF.items()}


def hold_shut(
    mailbox: str, status: str, generation: int, limit: int | None, reason: str, actor: str, now: datetime
) -> bool:
    """Makes the record hold the mailbox at least so shut, in this generation or the record's own if that is later, with
    an open incident; whether anything had to be changed."""
    with transaction.atomic(using="default"):
        row = current_status(mailbox)
        generation = max(generation, row.generation)
        if STRENGTH_OF.get(row.status, 0) > STRENGTH_OF[status]:
            status, limit = row.status, row.limit
        incident = open_incident(mailbox)
        stands = (row.status, row.generation) == (status, generation)
        if stands and incident is not None and _is_as_tight(row.limit, limit):
            return False
        if incident is not None and incident.generation != generation:
            # It was decided after the backup was made, nobody knows how any more; its evidence stays with it.
            end_incident(incident, "closed", now)
            incident = None
        orders.retire_older_orders(mailbox, generation)
        incident = incident or begin_incident(mailbox, generation, "operator", ACTION_OF[status], now)
        incident.action, incident.reason = ACTION_OF[status], reason[:500]
        incident.save(update_fields=["action", "reason"])
        change_status(
            row, status, cause="operator", actor=actor, reason=reason, generation=generation, limit=limit,
            incident=incident, at=now,
        )  # fmt: skip
        add_entry(incident, now, ACTION_OF[status], f"restore-{incident.pk}-{now.timestamp():.6f}", {"actor": actor})
        details: dict[str, object] = {"hold_since": now.timestamp(), "queue_ids": [], "limit": limit}
        contain(incident, ACTION_OF[status], actor, details, now)
    return True


def _is_as_tight(has: int | None, wanted: int | None) -> bool:
    return wanted is None or (has is not None and has <= wanted)


def note_open(mailbox: str, generation: int, confirmed: bool, reason: str, actor: str, now: datetime) -> list[Order]:
    """An operator's word that a mailbox, which the record calls shut, was opened since and stays open: it goes on
    probation (what was dismissed: back to what it was) in this generation. The orders that open it, for every host."""
    with transaction.atomic(using="default"):
        row = current_status(mailbox)
        incident = open_incident(mailbox)
        if row.status not in STATUS_OF.values() or incident is None:
            return []
        # `lift` begins the next generation: the one in which this host opened it.
        before = max(row.generation, generation - 1)
        MailboxStatus.objects.filter(mailbox=mailbox, generation=row.generation).update(generation=before)
        row.generation = before
        phase, cause = ("dismissed", "dismissal") if confirmed else ("recovered", "recovery")
        return lift(row, incident, "probation", cause, actor, phase, now, reason=reason)


def raise_generation(mailbox: str, generation: int, status: str, actor: str, now: datetime) -> bool:
    """A mailbox that is open in record and host alike: the record takes over the host's later generation, and probation
    if that is where it stands; whether anything had to be changed."""
    with transaction.atomic(using="default"):
        row = current_status(mailbox)
        if row.generation >= generation or row.status in STATUS_OF.values():
            return False
        after = status if status in ("active", "probation") else row.status
        MailboxStatus.objects.update_or_create(
            mailbox=mailbox,
            defaults={"domain": row.domain, "status": after, "generation": generation, "since": now},
        )
        Transition.objects.create(
            mailbox=mailbox, at=now, before=row.status, after=after, generation=generation, cause="restore", actor=actor
        )
        details: dict[str, object] = {"before": row.status, "after": after, "generation": generation}
        write_audit(actor, after, mailbox, details | {"cause": "restore"}, at=now)
    return True


def drop_purges(actor: str, now: datetime) -> int:
    """Deletions of held mail that were still in their grace when the backup was made: whoever ordered one may have
    taken it back since, and deleted mail cannot be brought back. A person orders them anew; how many there were."""
    waiting = Order.objects.filter(kind="purge_held", state__in=["open", "claimed"])
    mailboxes = sorted(set(waiting.values_list("mailbox", flat=True)))
    dropped = waiting.update(state="obsolete")
    for mailbox in mailboxes:
        write_audit(actor, "purge_dropped", mailbox, {"cause": "restore"}, at=now)
    return dropped
