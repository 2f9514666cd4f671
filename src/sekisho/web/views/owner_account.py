"""What an owner keeps in order behind the second factor: app passwords, the contact outside, codes on paper."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from sekisho.directory.access import NotFound
from sekisho.recovery import contacts, paper
from sekisho.recovery.texts import link_to
from sekisho.web import owner_session
from sekisho.web.owner_session import Owner, View, for_proved_owner
from sekisho.web.views.app_passwords import Desk, renew_at, revoke_all_at, revoke_at, show_at
from sekisho.web.views.owner_proofs import proof_of, sheet_of

P = ParamSpec("P")


def _at_desk(act: Callable[Concatenate[HttpRequest, Desk, P], HttpResponse]) -> View[P]:
    """The act at the owner's own desk."""

    @for_proved_owner
    @wraps(act)
    def view(request: HttpRequest, owner: Owner, /, *arguments: P.args, **options: P.kwargs) -> HttpResponse:
        desk = Desk(
            owner.mailbox, owner.actor, None, "web/owner/app_passwords.html", prefix="owner_", back="owner_home",
            more={"owner": owner},
        )  # fmt: skip
        return act(request, desk, *arguments, **options)

    return view


app_passwords = _at_desk(require_http_methods(["GET", "HEAD", "POST"])(show_at))
app_password_renew = _at_desk(require_POST(renew_at))
app_password_revoke = _at_desk(require_POST(revoke_at))
app_password_revoke_all = _at_desk(require_POST(revoke_all_at))


@for_proved_owner
@require_http_methods(["GET", "HEAD", "POST"])
def contact(request: HttpRequest, owner: Owner) -> HttpResponse:
    """The contacts; POST enrols one, or says why it may not be one."""
    if request.method != "POST":
        return _contacts_page(request, owner)
    typed = request.POST.get("contact", "").strip()[:254]
    language = "en" if request.POST.get("language") == "en" else "ja"
    try:
        contacts.add(owner.address, typed, language, owner.actor, timezone.now(), source="owner")
    except contacts.ContactRefused as refusal:
        return _contacts_page(request, owner, 422, problem=refusal.problem, typed=typed)
    messages.success(request, _("The contact is enrolled. A mail tells it, and it counts in two weeks."))
    return redirect("owner_contact")


@for_proved_owner
@require_POST
def contact_remove(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Removes one of the owner's contacts; it and the others are told."""
    row = contacts.of_mailbox(owner.address).filter(pk=number).first()
    if row is None:
        raise NotFound(number)
    try:
        contacts.remove(row, owner.actor, timezone.now(), by_owner=True)
    except contacts.ContactRefused as refusal:
        return _contacts_page(request, owner, 422, problem=refusal.problem)
    messages.success(request, _("The contact is removed. A mail tells it and the others."))
    return redirect("owner_contact")


def _contacts_page(request: HttpRequest, owner: Owner, code: int = 200, **more: Any) -> HttpResponse:
    now, first = timezone.now(), contacts.first_sign(owner.address)
    proofs = [proof_of(one, one.enrolled_at, first, now) for one in contacts.of_mailbox(owner.address)]
    return owner_session.page(request, owner, "web/owner/contact.html", code, proofs=proofs, most=contacts.MOST, **more)


@for_proved_owner
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("codes")
def codes(request: HttpRequest, owner: Owner) -> HttpResponse:
    """How many codes are left; POST prints a new sheet, in this answer only."""
    if request.method != "POST":
        return owner_session.page(request, owner, "web/owner/codes.html", **sheet_of(owner.address))
    now = timezone.now()
    context: dict[str, Any] = {
        "codes": paper.print_sheet(owner.address, owner.actor, now),
        "counts_from": contacts.counts_from(now),
        "recover_url": link_to("").removesuffix("link/"),
    }
    return owner_session.page(request, owner, "web/owner/codes.html", **context)
