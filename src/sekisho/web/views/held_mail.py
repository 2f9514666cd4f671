"""インシデント › 保留中のメール: what an incident put on hold, and what becomes of it; the operator's sums by domain.

A domain admin sees how many, when, how large and to which domains; addresses only the operator, who has the queue
itself (docs/held-mail.md). Nothing here changes anything on GET.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from sekisho.directory import access
from sekisho.incidents import held_facts, held_mail, held_orders
from sekisho.incidents.access import access_incident
from sekisho.incidents.changes import NotAllowed, Overtaken
from sekisho.incidents.models import HeldMessage, Incident, Order
from sekisho.web.context import signed_in

PAGE = 50
Act = Callable[..., list[Order]]
# The page's buttons; those that end in "_all" do not look at what was ticked.
ACTS: dict[str, Act] = {
    "purge": held_orders.purge,
    "purge_all": held_orders.purge,
    "requeue": held_orders.requeue,
    "hold_again_all": held_orders.hold_again,
}


@require_http_methods(["GET", "HEAD", "POST"])
def queue(request: HttpRequest, number: int) -> HttpResponse:
    """The held mail of one incident; POST deletes, sends on, holds again, or takes a deletion back."""
    incident = access_incident(request.user, number)
    if request.method == "POST":
        _act(request, incident, request.POST.get("act", ""))
        return redirect("incident_queue", number=incident.pk)
    operator = access.is_operator(request.user)
    rows = HeldMessage.objects.filter(incident=incident)
    # On hold first, then by time: what somebody has to decide about.
    on_hold = ExpressionWrapper(Q(state="held"), output_field=BooleanField())
    listed = rows.select_related("order").annotate(on_hold=on_hold).order_by("-on_hold", "-at", "id")
    page = Paginator(listed, PAGE).get_page(request.GET.get("page"))
    spoken_for = held_orders.spoken_for(held_orders.waiting(incident))
    shown = [(held_mail.message_facts(row, addresses=operator), (row.host, row.queue_id) in spoken_for) for row in page]
    context = {
        "incident": incident,
        "totals": held_mail.totals(rows),
        "orders": held_facts.waiting_orders(incident),
        "page": page,
        "rows": shown,
        "choice": any(facts["state"] == "held" and not ordered for facts, ordered in shown),
        "minutes": int(held_orders.PURGE_GRACE.total_seconds() // 60),
    }
    return render(request, "web/incident_queue.html", context)


def _act(request: HttpRequest, incident: Incident, act: str) -> None:
    chosen: Collection[str] | None = None if act.endswith("_all") else request.POST.getlist("queue_id")
    if act != "undo_purge" and act not in ACTS:
        raise access.NotFound(act)
    if act in ("purge", "requeue") and not chosen:
        messages.error(request, _("No message was chosen. Nothing was done."))
        return
    actor, account = request.user.get_username(), signed_in(request)
    try:
        if act == "undo_purge":
            kept = held_orders.undo_purge(incident, actor, account=account)
            done = ngettext("%(n)s message stays on hold.", "%(n)s messages stay on hold.", kept)
            messages.success(request, done % {"n": kept})
            return
        placed = ACTS[act](incident, actor, chosen, account=account)
    except (NotAllowed, Overtaken):
        messages.error(request, _("The messages have moved on meanwhile. Nothing was done; please look again."))
        return
    messages.success(request, _done(act, placed))


def _done(act: str, placed: list[Order]) -> str:
    n = sum(len(order.details["queue_ids"]) for order in placed)
    if act.startswith("purge"):
        text = ngettext(
            "%(n)s message will be deleted. Until then you can take it back.",
            "%(n)s messages will be deleted. Until then you can take it back.",
            n,
        )
    elif act == "requeue":
        text = ngettext("%(n)s message is being sent on.", "%(n)s messages are being sent on.", n)
    else:
        text = ngettext("%(n)s message is being held again.", "%(n)s messages are being held again.", n)
    return text % {"n": n}


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """Every domain with mail on hold. Operators only."""
    _operator_only(request)
    found = held_mail.by_domain(access.accessible_domains(request.user))
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    return render(request, "web/held_mail.html", {"page": page})


@require_http_methods(["GET", "HEAD", "POST"])
def of_domain(request: HttpRequest, domain: str) -> HttpResponse:
    """A domain's incidents with mail on hold; POST deletes all of it once the domain's name was typed."""
    _operator_only(request)
    name, error = access.access_domain(request.user, domain).domain, ""
    if request.method == "POST":
        if request.POST.get("domain", "").strip().lower() == name:
            placed = held_orders.purge_domain(name, request.user.get_username(), account=signed_in(request))
            if placed:
                messages.success(request, _done("purge", placed))
            else:
                messages.error(request, _("The messages have moved on meanwhile. Nothing was done; please look again."))
            return redirect("held_mail_domain", domain=name)
        error = _("This is not the name of the domain. Nothing was changed.")
    facts: list[dict[str, Any]] = held_facts.domain_queue([name])
    context = {
        "domain": name,
        "sums": facts[0] if facts else None,
        "error": error,
        "minutes": int(held_orders.PURGE_GRACE.total_seconds() // 60),
    }
    return render(request, "web/held_mail_domain.html", context, status=422 if error else 200)


def _operator_only(request: HttpRequest) -> None:
    if not access.is_operator(request.user):
        raise access.NotFound("held mail")
