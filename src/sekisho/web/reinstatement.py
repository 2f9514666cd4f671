"""How far the way back of a mailbox is, from the orders and steps its mail hosts report."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from django.utils import timezone

from sekisho.incidents.models import Incident, Order, Step
from sekisho.incidents.orders import has_effect
from sekisho.web import words

# An agent claims an order within a second; after five the page says whom it waits for.
PATIENCE = timedelta(seconds=5)


@dataclass(frozen=True)
class HostProgress:
    """One mail host's steps, those not reported yet as "pending"."""

    host: str
    steps: list[Step]
    done: bool
    failed: bool
    # Nobody has taken the order, for longer than an agent that is there would need.
    silent: bool


@dataclass(frozen=True)
class Progress:
    """A reinstatement on all mail hosts."""

    incident: Incident
    hosts: list[HostProgress] = field(default_factory=list)

    @property
    def done(self) -> bool:
        return bool(self.hosts) and all(host.done for host in self.hosts)

    @property
    def silent_hosts(self) -> list[str]:
        return [host.host for host in self.hosts if host.silent]

    @property
    def failed(self) -> bool:
        return any(host.failed and not host.done for host in self.hosts)


def progress_of(mailbox: str) -> Progress | None:
    """The latest reinstatement of a mailbox; None when there never was one."""
    latest = Order.objects.filter(mailbox=mailbox, kind="release").order_by("-generation", "-id").first()
    if latest is None:
        return None
    incident = latest.its_incident
    orders = Order.objects.filter(incident=incident, kind="release", generation=latest.generation).order_by("host")
    return Progress(incident=incident, hosts=[_host(order) for order in orders])


def _host(order: Order) -> HostProgress:
    reported = {
        step.name: step
        for step in Step.objects.filter(
            incident__orders=order, plan=order.kind, generation=order.generation, host=order.host
        )
    }
    steps = [
        reported.get(name) or Step(plan=order.kind, name=name, position=position, state="pending")
        for position, name in enumerate(words.RELEASE_STEPS)
    ]
    return HostProgress(
        host=order.host,
        steps=steps,
        done=has_effect(order),
        failed=order.state == "failed" or any(step.state == "failed" for step in steps),
        silent=order.state == "open" and timezone.now() - order.created_at > PATIENCE,
    )
