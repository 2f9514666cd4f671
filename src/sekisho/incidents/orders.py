"""Work for the agents: claimed once, carried out, finished when read back.

An order is claimed by compare-and-set on its state and the time of the former claim. A claim is a lease: an agent
that died leaves its order to its successor. Nothing here waits for an agent.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from sekisho.config import settings
from sekisho.incidents.models import HostHeartbeat, Incident, Order, Step
from sekisho.incidents.timeline import add_entry

# A plan's longest step is the sweep after 30 s; one minute without a word means the agent is gone.
LEASE = timedelta(seconds=60)
# An agent silent for this long belongs to a host that was taken away: nobody waits for it any more.
HOST_FORGOTTEN_AFTER = timedelta(days=30)
DONE = ("done", "already")
# What people do with mail on hold (incidents.held_orders): any number of them for an incident, in any generation.
HELD_KINDS = ("purge_held", "requeue_held", "hold_held")
# The step after which people may be told that the plan has its effect; what follows it only sweeps up.
EFFECTIVE_STEP = {
    "contain": "probe_doors",
    "release": "probe_open",
    "dismiss": "probe_open",
    "rescue_on": "probe_doors",
    "rescue_off": "refuse_mail",
}


def hosts() -> list[str]:
    """Mail hosts that must carry out every order: this one and all whose agent has been heard of, sorted."""
    since = timezone.now() - HOST_FORGOTTEN_AFTER
    heard = HostHeartbeat.objects.filter(process="agent", at__gte=since).values_list("host", flat=True)
    return sorted({settings().host, *heard})


def place_orders(
    incident: Incident, kind: str, generation: int, actor: str, now: datetime, details: dict[str, object]
) -> list[Order]:
    """One order for every host; one that exists already (same key) is opened again, unless it is about to be done as
    it is: an agent that has claimed it knows only the details of that moment."""
    placed = []
    for host in hosts():
        order, made = Order.objects.get_or_create(
            incident=incident,
            kind=kind,
            generation=generation,
            host=host,
            defaults={"mailbox": incident.mailbox, "created_at": now, "actor": actor, "details": details},
        )
        if not made and (order.state not in ("open", "claimed") or order.details != details):
            order.state, order.done_at, order.claimed_at = "open", None, None
            order.actor, order.details = actor, details
            order.save(update_fields=["state", "done_at", "claimed_at", "actor", "details"])
        placed.append(order)
    return placed


def place_refresh(mailbox: str, generation: int, actor: str, now: datetime) -> list[Order]:
    """One order for every host to forget the mailbox's old password. Call it when the new one is in the site's table.

    An order that nobody has claimed yet will find the new password and serves as it is; one that is claimed may have
    been carried out before the change, so another one waits behind it.
    """
    placed = []
    for host in hosts():
        order, _ = Order.objects.get_or_create(
            mailbox=mailbox,
            kind="refresh",
            host=host,
            state="open",
            defaults={"generation": generation, "created_at": now, "actor": actor},
        )
        placed.append(order)
    return placed


def retire_older_orders(mailbox: str, before_generation: int) -> None:
    """Orders of an older generation that nobody finished are overtaken: no agent may carry them out now.

    An old password has to be forgotten in any generation, and a decision about a planted setting or held mail stands.
    """
    older = Order.objects.filter(mailbox=mailbox, generation__lt=before_generation)
    _retire(older.exclude(kind__in=["refresh", "planted", *HELD_KINDS]))


def retire_weaker_orders(mailbox: str, kind: str) -> None:
    """Shutting overtakes whatever was about to open the mailbox, and a suspension its restriction."""
    weaker = ["release", "dismiss", "restrict"] if kind == "contain" else ["release", "dismiss"]
    _retire(Order.objects.filter(mailbox=mailbox, kind__in=weaker))


def _retire(orders: QuerySet[Order]) -> None:
    orders.filter(state__in=["open", "claimed"]).update(state="obsolete")


def claim_orders(host: str, now: datetime, lease: timedelta = LEASE) -> list[Order]:
    """The open orders of a host, now claimed by the caller, oldest first; also those claimed longer ago than `lease`.

    An agent that starts takes all there are (`lease` 0): it is the only one of its host, whoever claimed is dead.
    """
    expired = now - lease
    due = Q(not_before__isnull=True) | Q(not_before__lte=now)
    waiting = Order.objects.filter(due, host=host).filter(Q(state="open") | Q(state="claimed", claimed_at__lt=expired))
    claimed = []
    for order in waiting.order_by("id"):
        same = Order.objects.filter(pk=order.pk, state=order.state, claimed_at=order.claimed_at)
        if order.claimed_at is None:
            same = Order.objects.filter(pk=order.pk, state=order.state, claimed_at__isnull=True)
        if same.update(state="claimed", claimed_at=now) == 1:
            order.state, order.claimed_at = "claimed", now
            claimed.append(order)
    return claimed


def renew_claim(order: Order, now: datetime) -> bool:
    """Keeps a claimed order for another lease; False when somebody else has it or it was overtaken."""
    changed = Order.objects.filter(pk=order.pk, state="claimed", claimed_at=order.claimed_at).update(claimed_at=now)
    if changed == 1:
        order.claimed_at = now
    return changed == 1


def finish_order(order: Order, state: str, now: datetime | None = None) -> None:
    """Marks a claimed order "done" or "failed"; an overtaken one stays as it is. A failed one is seen in `status`."""
    now = now or timezone.now()
    with transaction.atomic(using="default"):
        done_at = now if state == "done" else None
        Order.objects.filter(pk=order.pk, state__in=["open", "claimed"]).update(state=state, done_at=done_at)
        if order.incident_id is not None:
            advance_phase(order.incident_id, now)


def _incident_of(mailbox: str, generation: int, plan: str) -> Incident | None:
    order = Order.objects.filter(mailbox=mailbox, kind=plan, generation=generation).order_by("-id").first()
    if order is not None and order.incident_id is not None:
        return Incident.objects.get(pk=order.incident_id)
    return Incident.objects.filter(mailbox=mailbox, generation=generation).first()


def record_step(
    mailbox: str,
    generation: int,
    plan: str,
    host: str,
    name: str,
    position: int,
    state: str,
    outcome: str,
    at: datetime,
) -> bool:
    """Writes one step's outcome (upsert by its key); False while the incident is not recorded yet: come again."""
    with transaction.atomic(using="default"):
        incident = _incident_of(mailbox, generation, plan)
        if incident is None:
            return False
        step, made = Step.objects.get_or_create(
            incident=incident,
            plan=plan,
            generation=generation,
            host=host,
            name=name,
            defaults={"position": position, "state": state, "outcome": outcome[:500], "at": at, "attempts": 1},
        )
        if not made and (step.state, step.outcome, step.at) != (state, outcome[:500], at):
            Step.objects.filter(pk=step.pk).update(
                position=position, state=state, outcome=outcome[:500], at=at, attempts=F("attempts") + 1
            )
        if state in DONE:
            advance_phase(incident.pk, at)
    return True


def has_effect(order: Order) -> bool:
    """Whether the order's effect was read back on its host: done, or all steps up to the probe of the doors are."""
    if order.state == "done":
        return True
    probe = EFFECTIVE_STEP.get(order.kind)
    if probe is None or order.incident_id is None:
        return False
    steps = Step.objects.filter(
        incident_id=order.incident_id, plan=order.kind, generation=order.generation, host=order.host
    )
    last = steps.filter(name=probe).first()
    return last is not None and not steps.filter(position__lte=last.position).exclude(state__in=DONE).exists()


def advance_phase(incident_id: int, now: datetime) -> None:
    """Moves an incident on when every host is as far: detected -> contained, notes when doors were open again."""
    incident = Incident.objects.get(pk=incident_id)
    live = [order for order in incident.orders.all() if order.state not in ("obsolete",)]
    contain = [order for order in live if order.kind in ("contain", "restrict")]
    wanted = "contain" if incident.action == "suspend" else "restrict"
    relevant = [order for order in contain if order.kind == wanted]
    if incident.phase == "detected" and relevant and all(has_effect(order) for order in relevant):
        moved = Incident.objects.filter(pk=incident.pk, phase="detected").update(phase="contained", contained_at=now)
        if moved:
            add_entry(incident, now, "contained", f"contained-{incident.pk}-{incident.action}", {})
    opening = [order for order in live if order.kind in ("release", "dismiss")]
    if incident.recovered_at is None and opening and all(has_effect(order) for order in opening):
        Incident.objects.filter(pk=incident.pk, recovered_at__isnull=True).update(recovered_at=now)
        add_entry(incident, now, "doors_open", f"open-{incident.pk}-{opening[0].generation}", {})
