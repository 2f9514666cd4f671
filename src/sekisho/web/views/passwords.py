"""管理 › システム › ドメイン › パスワード: who still has an old one, and a campaign that asks for new ones.

The page says what is known and what is not: no stored hash tells a breached password.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django.contrib import messages
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from sekisho.directory import access
from sekisho.incidents import renewal
from sekisho.incidents.changes import NotAllowed
from sekisho.incidents.models import RenewalCampaign, RenewalMailbox
from sekisho.web.context import signed_in

# A list on one page; the figures above it count all.
SHOWN = 200
# Two years: what people call an old password. The campaign's form takes other figures.
OLD_DAYS = 730
MOST_TEXT = 40_000


def _domain(request: HttpRequest, domain: str) -> str:
    return access.access_domain(request.user, domain).domain


def _campaign(request: HttpRequest, domain: str, campaign: int) -> RenewalCampaign:
    found = RenewalCampaign.objects.filter(domain=_domain(request, domain), pk=campaign).first()
    if found is None:
        raise Http404
    return found


@require_safe
def listing(request: HttpRequest, domain: str) -> HttpResponse:
    """Schemes and ages of a domain's passwords, the open campaign, and the form for a new one."""
    name, now = _domain(request, domain), timezone.now()
    facts = renewal.password_facts(name)
    before = now - timedelta(days=OLD_DAYS)
    striking = [fact for fact in facts if fact.is_old or (fact.since or fact.created) < before]
    current = renewal.open_campaign(name)
    context: dict[str, Any] = {
        "domain": name,
        "count": len(facts),
        "schemes": renewal.schemes_in(facts),
        "unknown": sum(fact.since is None for fact in facts),
        "striking": striking[:SHOWN],
        "more": max(0, len(striking) - SHOWN),
        "campaign": current,
        "progress": renewal.progress(current, now) if current else None,
        "former": RenewalCampaign.objects.filter(domain=name, ended_at__isnull=False).order_by("-id")[:5],
        "earliest": timezone.localdate() + timedelta(days=renewal.LEAST_DAYS + 1),
        "suggested": timezone.localdate() + timedelta(days=30),
        "old_days": OLD_DAYS,
    }
    return render(request, "web/passwords.html", context)


@require_POST
def start(request: HttpRequest, domain: str) -> HttpResponse:
    """Begins a campaign with the mailboxes that meet the criterion."""
    name, now = _domain(request, domain), timezone.now()
    days = request.POST.get("days", "")
    wanted = int(days) if days.isdecimal() and len(days) < 5 else OLD_DAYS
    criterion, due = request.POST.get("criterion", ""), _day(request.POST.get("due", ""))
    chosen = request.POST.get("addresses", "")[:MOST_TEXT].split()
    try:
        asked = renewal.meeting(renewal.password_facts(name), criterion, wanted, chosen, now)
        if due is None:
            raise NotAllowed("day")
        made = renewal.start(name, asked, criterion, due, request.user.get_username(), now, account=signed_in(request))
    except NotAllowed as refusal:
        messages.error(
            request, _refusals().get(str(refusal)) or _("These are no mailboxes here: %(names)s") % {"names": refusal}
        )
        return redirect("passwords", domain=name)
    messages.success(request, _("The campaign has begun. The first reminder goes out two weeks before its day."))
    return redirect("renewal", domain=name, campaign=made.pk)


def _refusals() -> dict[str, str]:
    return {
        "day": _("Please choose a day between 16 and 180 days from today, so that every reminder can go out before."),
        "nobody": _("No mailbox meets this. Nothing was begun."),
        "open": _("A campaign is open for this domain already. End it first."),
    }


def _day(text: str) -> datetime | None:
    """The beginning of a day in the installation's zone."""
    try:
        found = parse_date(text[:10])
    except ValueError:
        return None
    return timezone.make_aware(datetime.combine(found, time())) if found else None


@require_safe
def show(request: HttpRequest, domain: str, campaign: int) -> HttpResponse:
    """Who has renewed, who is left, who is excepted and why; by the stored hash, as the site has it now."""
    found, now = _campaign(request, domain, campaign), timezone.now()
    try:
        if found.ended_at is None:
            renewal.notice_renewed(now)
            found.refresh_from_db()
    except DatabaseError:
        messages.error(request, _("The site's database does not answer: this is the state of the last look."))
    rows = list(found.mailboxes.order_by("renewed_at", "mailbox")[: 5 * SHOWN])
    lines = [(row, len(renewal.reminders_of(row)), _state(row, now)) for row in rows if row.renewed_at is None]
    context = {
        "domain": found.domain,
        "campaign": found,
        "progress": renewal.progress(found, now),
        "left": lines[:SHOWN],
        "more": max(0, len(lines) - SHOWN),
        "renewed": [row for row in rows if row.renewed_at is not None][:SHOWN],
        "latest": timezone.localdate() + timedelta(days=365),
    }
    return render(request, "web/renewal.html", context)


def _state(row: RenewalMailbox, now: datetime) -> str:
    if row.excepted_until is not None and row.excepted_until > now:
        return "excepted"
    return "waiting" if row.enforced_at is not None else "asked"


@require_POST
def except_mailbox(request: HttpRequest, domain: str, campaign: int) -> HttpResponse:
    """Leaves one mailbox alone until a day, for a reason; `back`: takes that back."""
    found, now = _campaign(request, domain, campaign), timezone.now()
    number = request.POST.get("row", "")
    row = found.mailboxes.filter(pk=int(number)).first() if number.isdecimal() and len(number) < 18 else None
    until = None if request.POST.get("back") else _day(request.POST.get("until", ""))
    try:
        if row is None or (until is None and not request.POST.get("back")):
            raise NotAllowed("exception")
        reason = request.POST.get("reason", "")
        renewal.except_until(row, until, reason, request.user.get_username(), now, account=signed_in(request))
    except NotAllowed:
        messages.error(request, _("An exception needs a reason and a day within a year. Nothing was changed."))
    else:
        messages.success(request, _("Saved: %(mailbox)s.") % {"mailbox": row.mailbox})
    return redirect("renewal", domain=found.domain, campaign=found.pk)


@require_POST
def end(request: HttpRequest, domain: str, campaign: int) -> HttpResponse:
    """Ends the campaign: nobody waits any more."""
    found = _campaign(request, domain, campaign)
    renewal.end(found, request.user.get_username(), timezone.now(), account=signed_in(request))
    messages.success(request, _("The campaign is ended. Nobody's mail waits for it any more."))
    return redirect("renewal", domain=found.domain, campaign=found.pk)
