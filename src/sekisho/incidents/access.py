"""The only way from an account of our panel to an incident: by the domain of its mailbox (directory.access)."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from sekisho.directory.access import Account, NotFound, accessible_domains, is_operator
from sekisho.incidents import channels
from sekisho.incidents.models import Audit, Incident, Notice
from sekisho.incidents.notices import OPERATOR_KINDS


def accessible_incidents(account: Account) -> QuerySet[Incident]:
    """The incidents the account may see, newest first; none for a stranger."""
    incidents = Incident.objects.order_by("-detected_at", "-id")
    if is_operator(account):
        return incidents
    return incidents.filter(domain__in=accessible_domains(account))


def access_incident(account: Account, incident_id: int) -> Incident:
    """One incident; raises NotFound for a stranger just as for a number that does not exist."""
    try:
        return accessible_incidents(account).get(pk=incident_id)
    except Incident.DoesNotExist:
        raise NotFound(incident_id) from None


def accessible_audit(account: Account) -> QuerySet[Audit]:
    """The audit log of what the account may see (its domains, and its own acts), newest first."""
    trail = Audit.objects.order_by("-number")
    if is_operator(account):
        return trail
    return trail.filter(Q(domain__in=accessible_domains(account)) | Q(account=account.pk))


def accessible_notices(account: Account, incident: Incident) -> list[Notice]:
    """The notices of an incident; the operator's calls, addresses and channels are his alone."""
    found = Notice.objects.filter(incident=incident).order_by("created_at", "id")
    if is_operator(account):
        return list(found)
    found = found.exclude(kind__in=OPERATOR_KINDS)
    return [notice for notice in found if channels.is_of_domain(notice.recipient, incident.domain)]
