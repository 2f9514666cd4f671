"""インシデント: what was found, what was done, who waits; dismissal and closing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from sekisho.directory import access
from sekisho.incidents import (
    alert_sources,
    close_watch,
    complaints,
    decisions,
    held_mail,
    knocking,
    planted,
    rescue,
    scores,
    volume,
)
from sekisho.incidents.access import access_incident, accessible_notices
from sekisho.incidents.case_numbers import case_number
from sekisho.incidents.models import Incident, MailboxStatus
from sekisho.incidents.notes import LONGEST_NOTE, notes_of
from sekisho.incidents.orders import HELD_KINDS
from sekisho.incidents.timeline import returned_mail
from sekisho.incidents.usual import country_names, usual_words
from sekisho.recovery import site_edits
from sekisho.web import incident_filter, place_map, score_chart, sparkline, story, waiting, words
from sekisho.web.confirmation import needs_confirmation
from sekisho.web.context import signed_in
from sekisho.web.moments import spell_duration
from sekisho.web.views.answers import named

PAGE = 50


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """インシデント with the filters of `web.incident_filter`."""
    wanted = incident_filter.read(request.GET)
    page = Paginator(incident_filter.found(request, wanted), PAGE).get_page(request.GET.get("page"))
    statuses = {row.mailbox: row for row in MailboxStatus.objects.filter(mailbox__in=[i.mailbox for i in page])}
    context = {
        "page": page,
        "rows": [(incident, statuses.get(incident.mailbox)) for incident in page],
        "wanted": wanted,
        "domains": access.accessible_domains(request.user),
        "phases": [(name, badge.text) for name, badge in words.PHASES.items()],
        "actions": [(name, badge.text) for name, badge in words.ACTIONS.items()],
        "causes": [(name, words.CAUSES[name]) for name in incident_filter.CAUSES],
        "can_choose": True,
    }
    return render(request, "web/incidents.html", context)


@require_safe
def show(request: HttpRequest, number: int) -> HttpResponse:
    """The whole story of one incident; asked by htmx, only the part that moves while steps are being done."""
    incident = access_incident(request.user, number)
    context = _context(request, incident)
    if getattr(request, "htmx", False):
        return render(request, "web/parts/incident_live.html", context)
    # Not drawn again every two seconds: a reading comes once a minute at most.
    chart = score_chart.chart_of(scores.history(incident.mailbox, incident.generation))
    return render(request, "web/incident.html", {**context, **_still(incident), "chart": chart})


def _still(incident: Incident) -> dict[str, Any]:
    """What does not move while somebody looks: places, outbound mail, notes."""
    sources = alert_sources.of(incident)
    outbound = volume.around(incident)
    return {
        "sources": named(sources),
        "dots": place_map.dots((one.country for one in sources), country_names((get_language() or "ja")[:2])),
        "meridians": range(60, 360, 60),
        "parallels": range(30, 180, 30),
        "spark": sparkline.draw(outbound, incident.detected_at) if outbound.total else None,
        "notes": notes_of(incident),
        "longest_note": LONGEST_NOTE,
    }


def _context(request: HttpRequest, incident: Incident) -> dict[str, Any]:
    status = MailboxStatus.objects.filter(mailbox=incident.mailbox).first()
    holds = bool(status and status.generation == incident.generation and status.status in ("suspended", "restricted"))
    # Those about held mail may wait for ten minutes; its own page shows them.
    orders = list(incident.orders.exclude(kind__in=HELD_KINDS).order_by("created_at", "host"))
    return {
        "incident": incident,
        "status": status,
        "holds": holds,
        "headline": story.headline(incident, status if holds or incident.phase == "recovered" else None),
        "held": held_mail.count_held(incident),
        "queue_known": incident.held_messages.exists(),
        "complaints": complaints.tally_of(incident),
        "returned": returned_mail(incident),
        "can_answer": holds and status is not None and status.status == "restricted",
        # An alert is answered; dismissing it would say the same without naming its sources.
        "can_recognise": incident.phase in words.OPEN_PHASES and not holds,
        "can_dismiss": incident.phase in words.OPEN_PHASES,
        "usual": usual_words(incident.mailbox, (get_language() or "ja")[:2]),
        "can_close": incident.phase not in ("closed", "dismissed") and not holds,
        "shut_after": spell_duration(incident.contained_at - incident.detected_at) if incident.contained_at else "",
        "indicators": story.strongest(incident),
        "has_history": scores.has_history(incident.mailbox, incident.generation),
        "waiting": waiting.of_incident(incident),
        "can_rescue": access.is_operator(request.user) and (rescue.is_set_up() or bool(status and status.rescue_since)),
        "timeline": story.lines(incident),
        "plans": story.plans(incident),
        "orders": orders,
        "moving": any(order.state in ("open", "claimed") for order in orders),
        "case": case_number(incident),
        "notices": accessible_notices(request.user, incident),
        "planted": story.planted(incident),
        "site_question": site_edits.open_question(incident) if holds else None,
        "knocks": knocking.knocks(incident),
    }


@require_http_methods(["GET", "HEAD", "POST"])
@needs_confirmation
def dismiss(request: HttpRequest, number: int) -> HttpResponse:
    """ "This was not a takeover": asks for the address to be typed, then undoes everything but purged mail."""
    incident = access_incident(request.user, number)
    error = ""
    if request.method == "POST":
        if request.POST.get("address", "").strip().lower() == incident.mailbox:
            done = _("Noted: it was not a takeover. The mailbox is being opened again.")
            return _act(request, incident, decisions.dismiss, done)
        error = _("This is not the address of the incident. Nothing was changed.")
    return render(request, "web/incident_dismiss.html", {"incident": incident, "error": error})


@require_POST
def answer(request: HttpRequest, number: int) -> HttpResponse:
    """ "The owner started this mailing": lifts a restriction; a suspended mailbox cannot be talked open."""
    incident = access_incident(request.user, number)
    return _act(
        request,
        incident,
        decisions.answer,
        _("Noted: the owner started this mailing. The restriction ends, and the mailing may go on for a day."),
    )


@require_POST
def close(request: HttpRequest, number: int) -> HttpResponse:
    incident = access_incident(request.user, number)
    return _act(request, incident, decisions.close, _("The incident is closed."))


@require_POST
def end_watch(request: HttpRequest, number: int) -> HttpResponse:
    """Ends the close watch after an incident before its time; operators only."""
    incident = access_incident(request.user, number)
    if not access.is_operator(request.user):
        raise access.NotFound(number)
    try:
        close_watch.end(incident, request.user.get_username(), timezone.now(), account=signed_in(request))
    except decisions.NotAllowed:
        messages.error(request, _("The close watch is over already."))
    else:
        messages.success(request, _("The close watch is ended."))
    return redirect("domain", domain=incident.domain)


@require_POST
def decide_planted(request: HttpRequest, number: int, item: int) -> HttpResponse:
    """Keeps or deletes one planted setting of an incident the account may see; 404 for any other."""
    incident = access_incident(request.user, number)
    found = planted.item_of(incident, item)
    if found is None:
        raise access.NotFound(item)
    verdict = request.POST.get("verdict")
    if verdict not in ("keep", "delete"):
        messages.error(request, _("Nothing was chosen, and nothing was changed."))
        return redirect("incident", number=incident.pk)

    def decide(_incident: Incident, actor: str, *, account: Any) -> None:
        planted.decide(found, verdict == "keep", actor, account=account)

    kept, deleted = _("Noted: the setting stays and is put back."), _("Noted: the setting is being deleted.")
    return _act(request, incident, decide, kept if verdict == "keep" else deleted)


def _act(request: HttpRequest, incident: Incident, act: Callable[..., Any], done: str) -> HttpResponse:
    try:
        act(incident, request.user.get_username(), account=signed_in(request))
    except (decisions.NotAllowed, decisions.Overtaken):
        messages.error(request, _("The incident has moved on meanwhile. Nothing was done; please look again."))
    else:
        messages.success(request, done)
    return redirect("incident", number=incident.pk)
