"""How near each host's fuse is to blowing, from the record.

The guard counts for itself, in memory, and is what acts; this counts the decisions that its journal brought here, some
half a second later, and forgets nothing when a guard starts again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Count, Max

from sekisho.detection.fuse import FUSE_SECONDS, most_within
from sekisho.directory.models import SiteMailbox
from sekisho.incidents.models import Decision, HostHeartbeat

# How far back the last blowing is looked for: what is older than a month explains nothing of today.
LOOKED_BACK = timedelta(days=30)


class HostFuse(NamedTuple):
    """One host's fuse: automatic suspensions within its ten minutes, and how many it lets through."""

    host: str
    stopped: int
    most: int
    # Domains that have used up their own share within the ten minutes.
    full_domains: tuple[str, ...]
    # The latest decision that a blown fuse turned into a restriction, within LOOKED_BACK.
    last_blown: datetime | None

    @property
    def blown(self) -> bool:
        return self.stopped >= self.most


def fuses(now: datetime) -> list[HostFuse]:
    """The fuse of every host that ever gave a sign of life or decided something lately."""
    recent = Decision.objects.filter(t__gt=now - timedelta(seconds=FUSE_SECONDS), action="suspend")
    by_domain: dict[str, dict[str, int]] = {}
    counted = recent.filter(record__enforced=True).values_list("host", "incident__domain").annotate(n=Count("pk"))
    for host, domain, count in counted.order_by():
        by_domain.setdefault(host, {})[domain] = count
    blown = Decision.objects.filter(t__gt=now - LOOKED_BACK, record__fuse_blown=True).values_list("host")
    last = dict(blown.annotate(at=Max("t")).order_by())
    hosts = set(HostHeartbeat.objects.values_list("host", flat=True)) | set(by_domain) | set(last)
    most = most_within(SiteMailbox.objects.count())
    return [
        HostFuse(host, sum(by_domain.get(host, {}).values()), most, _full(by_domain.get(host, {})), last.get(host))
        for host in sorted(hosts)
    ]


def _full(stopped: dict[str, int]) -> tuple[str, ...]:
    """Only domains with something stopped are counted at the site: a handful."""
    return tuple(
        domain
        for domain, count in sorted(stopped.items())
        if count >= most_within(SiteMailbox.objects.filter(domain=domain).count())
    )
