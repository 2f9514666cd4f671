"""An impact report as its reader may see it: whole, or without whom people wrote to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from django.http import HttpRequest

from sekisho.directory import access
from sekisho.impact import apologies, disclosures, evidence, masking
from sekisho.impact import report as reports
from sekisho.impact.figures import figures_of
from sekisho.impact.model import EvidenceRow, Figure, ImpactReport
from sekisho.impact.paper_models import Disclosure
from sekisho.incidents.models import Incident


@dataclass(frozen=True)
class Reading:
    """`report` holds what its reader may see; `unmasked`: by which disclosure he sees correspondents, if by one."""

    incident: Incident
    report: ImpactReport
    is_masked: bool
    unmasked: Disclosure | None
    # Other customers' mailboxes that are left out.
    others: int
    # Names of figures that are hidden from this reader, by those told to him.
    real_names: dict[str, str]

    def figure(self, name: str) -> Figure:
        """One of the report's figures; raises NotFound for a name that does not stand in it."""
        found = figures_of(self.report).get(name)
        if found is None:
            raise access.NotFound(name)
        return found

    def rows(self, name: str) -> Iterator[EvidenceRow]:
        """The evidence of a figure (or of a single fact) that stands in the report, masked where the report is."""
        made_at = datetime.fromtimestamp(self.report.made_at, UTC)
        for row in evidence.rows(self.incident, self.real_names.get(name, name), made_at):
            yield masking.masked_row(row, self.incident.mailbox) if self.is_masked else row

    def delivered(self) -> Iterator[EvidenceRow]:
        """The copies that really reached somebody."""
        for outcome in apologies.GOT_IT:
            figure = self.report.sent.outcomes.get(outcome)
            if figure is not None and figure.value:
                yield from self.rows(figure.name)


def for_account(request: HttpRequest, incident: Incident, now: datetime) -> Reading:
    """What the account behind this request may see of an incident it may see."""
    domains = None if access.is_operator(request.user) else frozenset(access.accessible_domains(request.user))
    opened = None
    if not access.is_read_only(request.user) and request.user.pk is not None:
        opened = disclosures.open_for(incident, request.user.pk, now)
    whole = reports.build(incident, now)
    shown = masking.within(whole, domains)
    return Reading(
        incident,
        shown if opened else masking.masked(shown),
        opened is None,
        opened,
        masking.count_others(whole, domains),
        {} if opened else masking.real_names(shown),
    )


def for_owner(incident: Incident, now: datetime) -> Reading:
    """What the owner sees: all about his own mailbox, and of others only how many."""
    whole = reports.build(incident, now)
    return Reading(incident, masking.within(whole, ()), False, None, masking.count_others(whole, ()), {})


def whole(incident: Incident, now: datetime) -> Reading:
    """All of it, for a package that a legal basis opens."""
    return Reading(incident, reports.build(incident, now), False, None, 0, {})


def latest(mailbox: str) -> Incident | None:
    """The mailbox's latest incident that was a takeover as far as anybody knows: its owner's report is about it."""
    rows = Incident.objects.filter(mailbox=mailbox, action__in=["suspend", "restrict"]).exclude(phase="dismissed")
    return rows.order_by("-detected_at", "-pk").first()
