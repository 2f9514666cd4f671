"""/mailboxes: look, suspend, restrict, reinstate; why (`explain`) and who waits (`deferred`)."""

from datetime import timedelta
from typing import Annotated, Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from ninja import Query, Router

from sekisho.directory import access
from sekisho.directory.models import SiteMailbox
from sekisho.incidents import decisions
from sekisho.incidents.facts import explain_facts, mailbox_deferred, mailbox_facts, status_facts
from sekisho.incidents.models import MailboxStatus
from sekisho.recovery import flow, hardening
from sekisho.web.api import shapes
from sekisho.web.api.incidents import hide_operators_notices
from sekisho.web.api.keys import CONTAIN, READ, RECOVER, Caller, caller
from sekisho.web.api.pages import PageNumber, PerPage, page_of
from sekisho.web.api.refusals import language, reply

router = Router(tags=["mailboxes"])
Words = Annotated[str, Query("", max_length=255)]


def _facts(site: SiteMailbox) -> HttpResponse:
    return reply(mailbox_facts(site, language()))


def _lines(sites: list[SiteMailbox]) -> list[dict[str, Any]]:
    statuses = {row.mailbox: row for row in MailboxStatus.objects.filter(mailbox__in=[s.username for s in sites])}
    return [status_facts(site, statuses.get(site.username)) for site in sites]


@router.get("", auth=READ, response={200: shapes.MailboxPage, **shapes.PROBLEMS}, operation_id="mailbox_list")
def list_mailboxes(
    request: HttpRequest,
    q: Words = "",
    status: shapes.Status | None = None,
    domain: Words = "",
    page: PageNumber = 1,
    per_page: PerPage = 50,
) -> HttpResponse:
    """List mailboxes by address. `q` searches addresses and names; `status` and `domain` filter."""
    who = caller(request)
    found = access.accessible_mailboxes(who.account)
    if domain:
        found = found.filter(domain=access.access_domain(who.account, domain).domain)
    if q.strip():
        found = found.filter(Q(username__icontains=q.strip()) | Q(name__icontains=q.strip()))
    if status:
        found = _in_status(found, who, status)
    return page_of(found, page, per_page, _lines)


def _in_status(found: Any, who: Caller, status: str) -> Any:
    rows = MailboxStatus.objects.filter(domain__in=access.accessible_domains(who.account))
    if status == "active":
        others = rows.exclude(status="active")
        return found.exclude(username__in=list(others.values_list("mailbox", flat=True)))
    return found.filter(username__in=list(rows.filter(status=status).values_list("mailbox", flat=True)))


@router.get("/{address}", auth=READ, response={200: shapes.Mailbox, **shapes.PROBLEMS}, operation_id="mailbox_show")
def show(request: HttpRequest, address: str) -> HttpResponse:
    """Show one mailbox: its status, since when and why."""
    return _facts(caller(request).mailbox(address))


@router.get(
    "/{address}/explain", auth=READ, response={200: shapes.Explanation, **shapes.PROBLEMS}, operation_id="explain"
)
def explain(request: HttpRequest, address: str) -> HttpResponse:
    """Explain its status: the evidence, who decided, what has been done on each host, the score over time."""
    who = caller(request)
    facts = explain_facts(who.mailbox(address), language())
    if facts["story"] is not None:
        hide_operators_notices(who, facts["story"])
    return reply(facts)


@router.get(
    "/{address}/deferred", auth=READ, response={200: shapes.Deferred, **shapes.PROBLEMS}, operation_id="deferred"
)
def deferred(request: HttpRequest, address: str) -> HttpResponse:
    """Show who waits (or waited) for it, since when and until when at the earliest."""
    return reply(mailbox_deferred(caller(request).mailbox(address)))


@router.get(
    "/{address}/hardening",
    auth=READ,
    response={200: shapes.Hardening, **shapes.PROBLEMS},
    operation_id="mailbox_hardening",
)
def show_hardening(request: HttpRequest, address: str) -> HttpResponse:
    """Show what makes its next takeover harder, and what of it is done, by facts."""
    site = caller(request).mailbox(address)
    items = hardening.item_facts(hardening.of_mailbox(site, timezone.now()))
    return reply({"name": site.username, "items": items})


@router.post(
    "/{address}/suspend",
    auth=CONTAIN,
    response={200: shapes.Mailbox, **shapes.PROBLEMS},
    operation_id="mailbox_suspend",
)
def suspend(request: HttpRequest, address: str, body: shapes.SuspendBody) -> HttpResponse:
    """Suspend it: no login, no sending; mail to it waits at the senders. One that is suspended stays as it is (200).

    The answer comes before the agents have shut its doors; `contained_at` says when they had.
    """
    who = caller(request)
    who.operator_only()
    site = who.mailbox(address)
    since = None if body.hold_since is None else timezone.now() - timedelta(minutes=body.hold_since)
    decisions.suspend(site.username, body.reason, who.actor, since, account=who.account)
    return _facts(site)


@router.post(
    "/{address}/restrict",
    auth=CONTAIN,
    response={200: shapes.Mailbox, **shapes.PROBLEMS},
    operation_id="mailbox_restrict",
)
def restrict(request: HttpRequest, address: str, body: shapes.RestrictBody) -> HttpResponse:
    """Restrict it to its known recipients and `limit` new ones an hour; 0 stops its sending."""
    who = caller(request)
    who.operator_only()
    site = who.mailbox(address)
    decisions.restrict(site.username, body.reason, who.actor, body.limit, account=who.account)
    return _facts(site)


@router.post(
    "/{address}/reinstate",
    auth=RECOVER,
    response={200: shapes.Mailbox, **shapes.PROBLEMS},
    operation_id="mailbox_reinstate",
)
@sensitive_variables("body")
def reinstate(request: HttpRequest, address: str, body: shapes.ReinstateBody) -> HttpResponse:
    """Reinstate a suspended or restricted mailbox with a new password, by the same rules as everywhere.

    A password that is refused changes nothing: `error` is `password`, `detail` says why. The answer comes before the
    agents have opened its doors (about a second on a healthy host, at most half a minute after a crash).
    """
    who = caller(request)
    site = who.mailbox(address)
    flow.reinstate(site.username, body.password, who.actor, account=who.account)
    return _facts(site)
