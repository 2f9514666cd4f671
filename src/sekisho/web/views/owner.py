"""The owner's pages that the mailbox's password opens: state, way back after a suspension, mail program.

A hijacker has that password too, so nothing here tells more than he sees in the mailbox anyway: no evidence, no alert,
no names of senders, no usual places.
"""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from sekisho.incidents import close_watch, decisions, renewal
from sekisho.incidents.permit_facts import probation_facts
from sekisho.recovery import mail_settings, owner_factors, second_factor
from sekisho.web import impact_reading, owner_session, owner_steps, story, waiting
from sekisho.web.owner_session import Owner, for_owner, for_proved_owner
from sekisho.web.views.recover import CODE, LINK

# Session key: the incident for which the owner has said that the devices are clean.
SCANNED = "owner_scanned"


@for_owner
@require_safe
def home(request: HttpRequest, owner: Owner) -> HttpResponse:
    """The state in plain words, and the doors to the rest."""
    status = decisions.current_status(owner.address)
    incident = decisions.open_incident(owner.address)
    suspended = status.status == "suspended"
    watch = close_watch.facts_of(owner.address, timezone.now())
    return owner_session.page(
        request,
        owner,
        "web/owner/home.html",
        status=status,
        waiting=waiting.of_incident(incident) if suspended and incident else None,
        probation=probation_facts(status, timezone.now()),
        renewal=renewal.of_mailbox(owner.address),
        # Whoever has shown only the password must not learn that he has been noticed.
        alert=incident if owner.proved and not suspended else None,
        # Both see that it was stopped; only the owner gets past the second factor to the report.
        was_taken=suspended
        or status.status == "probation"
        or (owner.proved and impact_reading.latest(owner.address) is not None),
        off_elsewhere=not suspended and not owner.mailbox.active,
        # Only his own: that a colleague was taken over is not told here.
        watched_until=watch["until"] if watch and watch["own"] and not suspended else None,
    )


def _steps(request: HttpRequest, owner: Owner) -> owner_steps.Steps | None:
    return owner_steps.of_mailbox(owner.address, proved=owner.proved, scanned=request.session.get(SCANNED, 0))


@for_owner
@require_safe
def recovery(request: HttpRequest, owner: Owner) -> HttpResponse:
    """What happened, what waits, and the four steps; asked again by htmx until the mail program has come in."""
    steps = _steps(request, owner)
    partial = getattr(request, "htmx", False) and steps
    return owner_session.page(
        request,
        owner,
        "web/owner/steps.html" if partial else "web/owner/recovery.html",
        steps=steps,
        waiting=waiting.of_incident(steps.incident) if steps and steps.incident else None,
        indicators=story.strongest(steps.incident) if owner.proved and steps and steps.incident else [],
        settings=mail_settings.for_domain(owner.mailbox.domain),
    )


@for_owner
@require_POST
def scanned(request: HttpRequest, owner: Owner) -> HttpResponse:
    """The owner's word that the devices are clean; it only ticks the first step."""
    steps = _steps(request, owner)
    if steps is not None and steps.incident is not None:
        request.session[SCANNED] = steps.incident.pk
    return redirect("owner_recovery")


@for_proved_owner
@require_POST
def new_password(request: HttpRequest, owner: Owner) -> HttpResponse:
    """On to the page that makes the new password: the second factor of this session is the proof."""
    if owner.factor and not owner_factors.proves(owner.factor, owner.address, timezone.now()):
        messages.error(
            request,
            _("A new password needs a proof that is two weeks old. Your app or passkey is newer: please sign in again "
              "and show a code from paper or from your contact, or ask your mail administrator."),
        )  # fmt: skip
        return redirect("owner_recovery")
    begun = second_factor.start_recovery(owner.address, owner.proof, timezone.now())
    request.session.pop(LINK, None)
    request.session[CODE] = begun.pk
    return redirect("recover_password")


@for_owner
@require_safe
def settings_help(request: HttpRequest, owner: Owner) -> HttpResponse:
    """What to type into the mail program."""
    settings = mail_settings.for_domain(owner.mailbox.domain)
    return owner_session.page(request, owner, "web/owner/settings.html", settings=settings)


def moved_on(request: HttpRequest) -> HttpResponse:
    """Somebody else was faster: nothing was done."""
    messages.error(request, _("The state of your mailbox has changed meanwhile. Nothing was done; please look again."))
    return redirect("owner_home")
