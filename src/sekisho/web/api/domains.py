"""/domains: list, observe or enforce, inbound warnings."""

import msgspec
from django.http import HttpRequest, HttpResponse
from ninja import Router

from sekisho.directory import access
from sekisho.inbound import rules
from sekisho.incidents import enforcement
from sekisho.recovery import hardening
from sekisho.recovery.domain_facts import domain_facts
from sekisho.web.api import shapes
from sekisho.web.api.keys import ADMIN, READ, caller
from sekisho.web.api.pages import PageNumber, PerPage, page_of
from sekisho.web.api.refusals import Refusal, reply

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


@router.get(
    "/{domain}/inbound",
    auth=READ,
    response={200: shapes.InboundAnswer, **shapes.PROBLEMS},
    operation_id="domain_inbound_show",
)
def inbound_show(request: HttpRequest, domain: str) -> HttpResponse:
    """What a domain wants to be done about inbound mail that names somebody it is not from."""
    name = access.access_domain(caller(request).account, domain).domain
    return reply({"domain": name, **msgspec.to_builtins(rules.rule_of(name))})


@router.post(
    "/{domain}/inbound",
    auth=ADMIN,
    response={200: shapes.InboundAnswer, **shapes.PROBLEMS},
    operation_id="domain_inbound",
)
def inbound(request: HttpRequest, domain: str, body: shapes.InboundBody) -> HttpResponse:
    """Choose all of that anew. A name or sender that cannot be used is named (422); nothing is changed then."""
    who = caller(request)
    name = access.access_domain(who.account, domain).domain
    rule = rules.Rule(body.level, body.tag, body.place, tuple(body.names), tuple(body.allowed))
    try:
        rules.set_rule(name, rule, who.actor, account=who.account)
    except rules.BadRule as error:
        raise Refusal(422, "invalid", f"{error.what!r} cannot be used") from error
    return reply({"domain": name, **msgspec.to_builtins(rules.rule_of(name))})


@router.get(
    "/{domain}/hardening",
    auth=READ,
    response={200: shapes.Hardening, **shapes.PROBLEMS},
    operation_id="domain_hardening",
)
def show_hardening(request: HttpRequest, domain: str) -> HttpResponse:
    """Show what makes the next takeover in a domain harder, and how many of its mailboxes are left to do."""
    name = access.access_domain(caller(request).account, domain).domain
    return reply({"name": name, "items": hardening.item_facts(hardening.of_domain(name))})
