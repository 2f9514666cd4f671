"""Mailboxes and incidents as plain data: what `--json` prints and the API answers. Never a secret."""

from __future__ import annotations

from typing import Any

import msgspec
from django.utils import timezone

from sekisho.directory.models import SiteMailbox
from sekisho.incidents import complaints, held_mail, knocking, planted
from sekisho.incidents.case_numbers import case_number
from sekisho.incidents.changes import ALWAYS, current_status
from sekisho.incidents.deferred import summarize, waiting_pairs
from sekisho.incidents.giving_up import style_of
from sekisho.incidents.models import Incident, MailboxStatus, Question
from sekisho.incidents.permit_facts import permit_facts
from sekisho.incidents.scores import history, point_facts
from sekisho.incidents.timeline import returned_mail
from sekisho.incidents.usual import usual_words

Facts = dict[str, Any]
# Who waits for a mailbox that has no incident.
NOBODY: Facts = {
    "waited": 0,
    "arrived": 0,
    "tries": 0,
    "oldest_at": None,
    "earliest_return": None,
    "overdue": 0,
    "pairs": [],
}


def latest_incident(mailbox: str) -> Incident | None:
    """The mailbox's newest incident, whatever became of it."""
    return Incident.objects.filter(mailbox=mailbox).order_by("-id").first()


def reason_of(incident: Incident, language: str) -> str:
    """Why, in "ja" or "en": an operator's own words, or the evidence of the strongest decision."""
    decision = incident.decisions.order_by("-score", "-t").first()
    operator = incident.transitions.filter(cause="operator").order_by("-id").first()
    if operator is not None and operator.reason:
        return operator.reason
    if decision is None:
        return incident.reason
    found = decision.indicators.order_by("-value")
    return " / ".join(line.evidence_ja if language == "ja" else line.evidence_en for line in found) or incident.reason


def status_facts(site: SiteMailbox, status: MailboxStatus | None) -> Facts:
    """One line of the list of mailboxes; `status` None: active, generation 0."""
    return {
        "address": site.username,
        "domain": site.domain,
        "name": site.name,
        "status": status.status if status else "active",
        "since": status.since if status and status.since != ALWAYS else None,
        "generation": status.generation if status else 0,
        "limit": status.limit if status else None,
        # Suspended, but its mail is accepted and kept since then (rescue).
        "rescue_since": status.rescue_since if status else None,
        # The site's own column (アクティブ): for display, it decides nothing.
        "active": site.active,
    }


def mailbox_facts(site: SiteMailbox, language: str) -> Facts:
    """Everything about one mailbox. `incident` is the number of its open incident, or of the one it recovers from."""
    status = current_status(site.username)
    facts = status_facts(site, status)
    incident = latest_incident(site.username)
    current = incident if incident is not None and incident.phase not in ("closed", "dismissed") else None
    facts["reason"] = "" if current is None or status.status == "active" else reason_of(current, language)
    facts["incident"] = current.pk if current else None
    facts["phase"] = current.phase if current else None
    facts["contained_at"] = current.contained_at if current else None
    waiting = summarize(current) if current else None
    facts["waiting"] = {"waited": waiting.waited, "arrived": waiting.arrived} if waiting else None
    recent = complaints.tally(site.username, timezone.now() - complaints.RECENT)
    facts["complaints"] = msgspec.structs.asdict(recent)
    usual = usual_words(site.username, language)
    facts["usual"] = usual.text if usual else None
    return {**facts, **permit_facts(status, timezone.now())}


def incident_facts(incident: Incident, language: str) -> Facts:
    """One line of the list of incidents."""
    return {
        "id": incident.pk,
        "case": case_number(incident),
        "mailbox": incident.mailbox,
        "domain": incident.domain,
        "generation": incident.generation,
        "cause": incident.cause,
        "phase": incident.phase,
        "action": incident.action,
        "enforced": incident.enforced,
        "score": incident.score,
        "reason": reason_of(incident, language),
        "ip": incident.ip,
        "country": incident.country,
        "asn": incident.asn,
        "first_risk_at": incident.first_risk_at,
        "detected_at": incident.detected_at,
        "contained_at": incident.contained_at,
        "recovered_at": incident.recovered_at,
        "closed_at": incident.closed_at,
    }


def incident_story(incident: Incident, language: str) -> Facts:
    """The whole incident: indicators with evidence, status changes, steps per host, timeline, who waits."""
    facts = incident_facts(incident, language)
    facts["indicators"] = [
        {"name": found.name, "value": found.value, "evidence": getattr(found, f"evidence_{language}"), "at": decision.t}
        for decision in incident.decisions.order_by("t")
        for found in decision.indicators.order_by("-value")
    ]
    facts["transitions"] = list(
        incident.transitions.order_by("id").values("at", "before", "after", "cause", "actor", "reason", "generation")
    )
    facts["orders"] = list(incident.orders.order_by("id").values("kind", "generation", "host", "state", "done_at"))
    facts["steps"] = list(
        incident.steps.order_by("generation", "plan", "host", "position").values(
            "plan", "host", "name", "state", "attempts", "at", "outcome"
        )
    )
    question = Question.objects.filter(incident=incident)
    # Whether this was the owner: who was asked (domain, then operator as well), and what was answered.
    facts["question"] = question.values(
        "asked_at", "level", "escalated_at", "state", "answered_at", "answered_by"
    ).first()
    facts["timeline"] = list(incident.timeline.order_by("at", "id").values("at", "kind", "details"))
    facts["notices"] = list(incident.notices.order_by("id").values("kind", "recipient", "state", "sent_at"))
    facts["waiting"] = msgspec.structs.asdict(summarize(incident))
    # Its mail on hold, and what became of the rest (`incident queue` lists it).
    facts["queue"] = held_mail.totals(incident.held_messages.all())
    facts["complaints"] = msgspec.structs.asdict(complaints.tally_of(incident))
    # Mail that came back for the hijacker's messages and went into the folder for it.
    facts["returned"] = returned_mail(incident)
    # Settings that are newer than the first sign, or of unknown age, and what became of them.
    facts["planted"] = planted.planted_facts(incident)
    # Who still tries the old password: devices the owner forgot (known), and others.
    facts["knocking"] = [msgspec.structs.asdict(knock) for knock in knocking.knocks(incident)]
    return facts


def explain_facts(site: SiteMailbox, language: str) -> Facts:
    """Everything about one mailbox, the story of its latest incident (None without one), and its score over time."""
    incident = latest_incident(site.username)
    story = incident_story(incident, language) if incident else None
    told = [point_facts(point) for point in history(site.username)]
    return {**mailbox_facts(site, language), "story": story, "history": told}


def mailbox_deferred(site: SiteMailbox) -> Facts:
    """Who waits for a mailbox, or waited at its latest incident."""
    incident = latest_incident(site.username)
    return {"address": site.username, **(deferred_facts(incident) if incident else NOBODY)}


def deferred_facts(incident: Incident) -> Facts:
    """Who waits, and who has arrived."""
    pairs = waiting_pairs(incident).values(
        "sender", "recipient", "client", "where", "first_at", "last_at", "tries", "gaps", "give_up_at", "arrived_at"
    )
    return {
        **msgspec.structs.asdict(summarize(incident)),
        "pairs": [{**pair, "style": style_of(pair["gaps"])} for pair in pairs],
    }
