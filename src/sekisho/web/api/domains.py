"""/domains: list, and observe or enforce."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from sekisho.directory import access
from sekisho.incidents import enforcement
from sekisho.recovery.domain_facts import domain_facts
from sekisho.web.api import shapes
from sekisho.web.api.keys import ADMIN, READ, caller
from sekisho.web.api.pages import PageNumber, PerPage, page_of
from sekisho.web.api.refusals import reply

router = Router(tags=["domains"])


@router.get("", auth=READ, response={200: shapes.DomainPage, **shapes.PROBLEMS}, operation_id="domain_list")
def list_domains(request: HttpRequest, page: PageNumber = 1, per_page: PerPage = 50) -> HttpResponse:
    """List domains with their mail server names and modes (observe or enforce)."""
    return page_of(access.accessible_domains(caller(request).account), page, per_page, domain_facts)


@router.post(
    "/{domain}/mode", auth=ADMIN, response={200: shapes.ModeAnswer, **shapes.PROBLEMS}, operation_id="domain_mode"
)
def mode(request: HttpRequest, domain: str, body: shapes.ModeBody) -> HttpResponse:
    """Only observe a domain, or enforce: suspend and restrict its mailboxes. Operators' keys only."""
    who = caller(request)
    who.operator_only()
    name = access.access_domain(who.account, domain).domain
    changed = enforcement.set_mode(name, body.mode, who.actor, account=who.account)
    return reply({"domain": name, "mode": body.mode, "changed": changed})
