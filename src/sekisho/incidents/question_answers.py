"""The answer given by a link: yes under an allowance, or no. The link's question must be open, and then it is not."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from sekisho.incidents import decisions, travel
from sekisho.incidents.changes import NotAllowed, current_status
from sekisho.incidents.models import Incident, QuestionLink
from sekisho.incidents.questions import is_open

# What shows that the mailbox was used abroad; only then is a travel pass offered with the yes.
_ABROAD = ("new_country", "many_countries")
# Most journeys; a longer one is set in the panel.
OFFERED_DAYS = 7


def may_say_yes(link: QuestionLink) -> bool:
    """Whether a yes by link is enough: where all sending was stopped (limit 0) a suspension was due, so sign in."""
    return current_status(link.question.incident.mailbox).limit != 0


def offered_country(incident: Incident) -> str:
    """The country of the incident's last unfamiliar source abroad, "" for none."""
    if incident.country and incident.decisions.filter(indicators__name__in=_ABROAD).exists():
        return incident.country
    return ""


def actor_of(link: QuestionLink) -> str:
    """Who answers by this link, for the audit trail; the operator's address is none of the domain admin's business."""
    return "operator (link)" if link.notice.kind == "unanswered" else f"{link.notice.recipient} (link)"


def answer_by_link(link: QuestionLink, state: str, reason: str, now: datetime, *, travels: bool = False) -> None:
    """Gives the answer "yes" or "no"; `travels` opens the offered country as well.

    Raises NotAllowed when the question is answered or over, or a yes needs a sign-in.
    """
    incident, actor = link.question.incident, actor_of(link)
    with transaction.atomic(using="default"):
        link.question.refresh_from_db()
        if not is_open(link.question):
            raise NotAllowed(f"the question about incident {incident.pk} is over")
        if state == "no":
            decisions.disown(incident, actor, reason, now=now)
            return
        if not may_say_yes(link):
            raise NotAllowed(f"incident {incident.pk} stopped all sending; answer it in the panel")
        country = offered_country(incident)
        decisions.answer(incident, actor, now=now)
        if travels and country:
            travel.open_country(incident.mailbox, country, OFFERED_DAYS, actor, now)
