"""/incidents: list, show, who waits; dismiss, answer, close."""

from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Path, Query, Router

from sekisho.directory.access import accessible_domains, is_operator
from sekisho.impact.outward import masked_facts
from sekisho.impact.report import build
from sekisho.incidents import decisions
from sekisho.incidents.access import accessible_incidents, accessible_notices
from sekisho.incidents.facts import deferred_facts, incident_facts, incident_story
from sekisho.incidents.models import Incident
from sekisho.web.api import shapes
from sekisho.web.api.keys import READ, RECOVER, Caller, caller
from sekisho.web.api.pages import PageNumber, PerPage, page_of
from sekisho.web.api.refusals import language, reply

router = Router(tags=["incidents"])
# The column's own bound.
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
Words = Annotated[str, Query("", max_length=255)]
DISOWNED = "the owner did not do this"


def hide_operators_notices(who: Caller, story: dict[str, Any]) -> None:
    """Leaves in an incident's story the notices that the caller may see."""
    row = Incident(pk=story["id"], domain=story["domain"])
    kept = accessible_notices(who.account, row)
    story["notices"] = [
        {"kind": notice.kind, "recipient": notice.recipient, "state": notice.state, "sent_at": notice.sent_at}
        for notice in kept
    ]


def _facts(row: Incident) -> HttpResponse:
    row.refresh_from_db()
    return reply(incident_facts(row, language()))


@router.get("", auth=READ, response={200: shapes.IncidentPage, **shapes.PROBLEMS}, operation_id="incident_list")
def list_incidents(
    request: HttpRequest,
    open: bool = False,
    mailbox: Words = "",
    domain: Words = "",
    page: PageNumber = 1,
    per_page: PerPage = 50,
) -> HttpResponse:
    """List incidents, newest first. `open`: only those that still need somebody."""
    found = accessible_incidents(caller(request).account)
    if open:
        found = found.filter(phase__in=decisions.OPEN_PHASES)
    if mailbox:
        found = found.filter(mailbox=mailbox.strip().lower())
    if domain:
        found = found.filter(domain=domain.strip().lower())
    return page_of(found, page, per_page, lambda rows: [incident_facts(row, language()) for row in rows])


@router.get("/{number}", auth=READ, response={200: shapes.Incident, **shapes.PROBLEMS}, operation_id="incident_show")
def show(request: HttpRequest, number: Number) -> HttpResponse:
    """Show one incident: evidence, status changes, steps, timeline, who waits."""
    who = caller(request)
    story = incident_story(who.incident(number), language())
    hide_operators_notices(who, story)
    return reply(story)


@router.get(
    "/{number}/deferred",
    auth=READ,
    response={200: shapes.Deferred, **shapes.PROBLEMS},
    operation_id="incident_deferred",
)
def deferred(request: HttpRequest, number: Number) -> HttpResponse:
    """Show who waits (or waited) because of this incident."""
    row = caller(request).incident(number)
    return reply({"address": row.mailbox, **deferred_facts(row)})


@router.get(
    "/{number}/impact", auth=READ, response={200: shapes.Impact, **shapes.PROBLEMS}, operation_id="incident_impact"
)
def impact(request: HttpRequest, number: Number) -> HttpResponse:
    """Show what the third party did: counts and domains, no correspondent's address; other customers' mailboxes only
    where the key may see them."""
    who = caller(request)
    row = who.incident(number)
    domains = None if is_operator(who.account) else accessible_domains(who.account)
    return reply(masked_facts(build(row, timezone.now()), domains))


@router.post(
    "/{number}/dismiss",
    auth=RECOVER,
    response={200: shapes.IncidentLine, **shapes.PROBLEMS},
    operation_id="incident_dismiss",
)
def dismiss(request: HttpRequest, number: Number, body: shapes.DismissBody) -> HttpResponse:
    """Say that it was not a takeover: everything is put back except what a person purged. Operators' keys only.

    It opens a mailbox with the old password; a domain admin needs a second factor for that, and a key is none.
    """
    who = caller(request)
    who.operator_only()
    row = who.incident(number)
    decisions.dismiss(row, who.actor, body.reason, account=who.account)
    return _facts(row)


@router.post(
    "/{number}/answer",
    auth=RECOVER,
    response={200: shapes.IncidentLine, **shapes.PROBLEMS},
    operation_id="incident_answer",
)
def answer(request: HttpRequest, number: Number, body: shapes.AnswerBody) -> HttpResponse:
    """Say that it was the owner: a restriction ends (the mailing may go on within `hours` and `recipients`), or an
    alert's sources become familiar. With `no`: it was somebody else, and the mailbox is suspended."""
    who = caller(request)
    row = who.incident(number)
    if body.no:
        decisions.disown(row, who.actor, DISOWNED, account=who.account)
    elif decisions.current_status(row.mailbox).status == "restricted":
        terms = decisions.Terms(body.hours, body.recipients)
        decisions.answer(row, who.actor, terms, account=who.account)
    else:
        decisions.recognise(row, who.actor, account=who.account)
    return _facts(row)


@router.post(
    "/{number}/close",
    auth=RECOVER,
    response={200: shapes.IncidentLine, **shapes.PROBLEMS},
    operation_id="incident_close",
)
def close(request: HttpRequest, number: Number) -> HttpResponse:
    """File an incident that needs nothing more; refused while its mailbox is restricted or suspended."""
    who = caller(request)
    row = who.incident(number)
    decisions.close(row, who.actor, account=who.account)
    return _facts(row)
