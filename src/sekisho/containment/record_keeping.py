"""What the agent reads from and writes to the databases; only the database thread calls it (and so imports Django).

Every function may raise django.db.Error: the thread then waits and tries again, the main loop goes on.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import close_old_connections, connections, transaction
from django.utils import timezone

from sekisho.containment.messages import AppPasswordRow, AppPasswordsRead, ClaimedOrder, HeldRow, InboundRow, StepRow
from sekisho.directory import mapping
from sekisho.directory.models import SiteDomain, SiteMailbox
from sekisho.directory.names import alias_domains
from sekisho.incidents import app_passwords, held_mail, held_orders, orders
from sekisho.incidents.models import HostHeartbeat, InboundRule, MailboxStatus, Order
from sekisho.incidents.state import build_state
from sekisho.journal import StateFile
from sekisho.journal.failpoint import failpoint

# Names in one question: SQLite takes 999 parameters at least.
MOST_ASKED = 500


class Records:
    """The databases from one host's point of view."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._claimed: dict[int, Order] = {}
        # At first none is respected: an order whose agent was killed before its ledger had it waits no minute for us.
        self._lease = timedelta(0)

    def claim(self) -> list[ClaimedOrder]:
        """Orders for this host that nobody works on, at first also those of a killed predecessor; now ours."""
        claimed = []
        found = orders.claim_orders(self._host, timezone.now(), self._lease)
        if found:
            failpoint("agent.orders.after_claim")
        self._lease = orders.LEASE
        for order in found:
            self._claimed[order.pk] = order
            row = MailboxStatus.objects.filter(pk=order.mailbox).first()
            claimed.append(
                ClaimedOrder(
                    id=order.pk,
                    mailbox=order.mailbox,
                    kind=order.kind,
                    generation=order.generation,
                    created_at=order.created_at.timestamp(),
                    details=dict(order.details),
                    former_active=row.former_active if row else None,
                )
            )
        return claimed

    def renew(self) -> None:
        """Keeps our claims for another lease; one that was overtaken is let go."""
        for order in list(self._claimed.values()):
            if not orders.renew_claim(order, timezone.now()):
                del self._claimed[order.pk]

    def finish(self, order_id: int, state: str) -> None:
        order = self._claimed.get(order_id) or Order.objects.filter(pk=order_id).first()
        if order is not None:
            with transaction.atomic(using="default"):
                orders.finish_order(order, state)
                held_orders.note_finished(order, state, timezone.now())
        self._claimed.pop(order_id, None)

    def record_step(self, row: StepRow) -> bool:
        """Writes a step's outcome; False while its incident is not recorded yet."""
        at = datetime.fromtimestamp(row.at, UTC)
        return orders.record_step(
            row.mailbox, row.generation, row.plan, self._host, row.name, row.position, row.state, row.outcome, at
        )

    def record_held(self, rows: list[HeldRow]) -> list[HeldRow]:
        """Writes how messages of incidents stand; those whose incident is not recorded yet."""
        return held_mail.record(self._host, rows)

    def state(self) -> tuple[StateFile, frozenset[str]]:
        """The state as the record has it, and all domains hosted here."""
        domains = frozenset(domain.lower() for domain in SiteDomain.objects.values_list("domain", flat=True))
        # PostfixAdmin keeps a row for superadmins that is no domain.
        return build_state(timezone.now()), domains - {"all"}

    def beat(self, process: str, at: float, facts: dict[str, Any]) -> None:
        """Notes a process's last sign of life, epoch seconds."""
        HostHeartbeat.objects.update_or_create(
            host=self._host, process=process, defaults={"at": datetime.fromtimestamp(at, UTC), "facts": facts}
        )


def read_app_passwords() -> AppPasswordsRead:
    """The app passwords in force, on every host the same."""
    began = time.monotonic()
    return AppPasswordsRead(began, tuple(AppPasswordRow(*row) for row in app_passwords.in_force()))


def read_inbound() -> tuple[InboundRow, ...]:
    """What each domain wants to be done about inbound mail, by domain; on every host the same."""
    others: dict[str, list[str]] = {}
    for alias, target in sorted(alias_domains().items()):
        others.setdefault(target, []).append(alias)
    return tuple(
        InboundRow(
            (row.domain, *others.get(row.domain, ())),
            row.level,
            row.tag,
            row.place,
            tuple(row.allowed.splitlines()),
            row.compared,
        )
        for row in InboundRule.objects.exclude(level="off").order_by("domain")
    )


def read_active(mailbox: str) -> bool | None:
    """The site's `mailbox.active`; None without such a row, or where it is not ours to write."""
    if not mapping.may_set_active():
        return None
    return SiteMailbox.objects.filter(username=mailbox).values_list("active", flat=True).first()


def write_active(mailbox: str, active: bool) -> None:
    """Writes the site's `mailbox.active`, nothing else: our own database may be locked meanwhile."""
    mapping.write_active(mailbox, active)


def password_marks(mailboxes: Sequence[str]) -> dict[str, str]:
    """For each of these mailboxes that the site has, a mark of its stored password: part of a hash of the hash."""
    found = {}
    for start in range(0, len(mailboxes), MOST_ASKED):
        rows = SiteMailbox.objects.filter(username__in=mailboxes[start : start + MOST_ASKED])
        for name, stored in rows.values_list("username", "password"):
            found[name] = hashlib.sha256(stored.encode()).hexdigest()[:16]
    return found


def note_former_active(mailbox: str, former: bool | None) -> None:
    """Notes in our record what `mailbox.active` was before we wrote 0; used only when the ledger is lost."""
    MailboxStatus.objects.filter(mailbox=mailbox).update(former_active=former)


def drop_connections() -> None:
    """After an error: the next question opens a new connection."""
    close_old_connections()
    for connection in connections.all():
        connection.close()
