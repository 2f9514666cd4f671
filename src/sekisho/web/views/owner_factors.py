"""The owner's app and passkeys: the invitation's link, setting one up, removing one.

Setting up needs the password and the admin's invitation, or another second factor: a hijacker has the password.
GET changes nothing: mail programs and scanners open links.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

import segno
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from sekisho.directory.access import NotFound
from sekisho.recovery import contacts, owner_factors, requests
from sekisho.recovery.models import OwnerFactor, RecoveryRequest
from sekisho.web import owner_keys, owner_session
from sekisho.web.owner_lines import factor_line
from sekisho.web.owner_session import INVITATION, Owner, View, for_owner, for_proved_owner
from sekisho.web.passkeys import passkeys_possible
from sekisho.web.signing_in import NO_NEW_PASSKEY, WRONG_CODE
from sekisho.web.views.factors import LONGEST_NAME

P = ParamSpec("P")


@login_not_required
@require_safe
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """An invitation's link: its hash goes into the session, whatever it is, and the browser is sent on without it."""
    request.session.cycle_key()
    request.session[INVITATION] = requests.hash_of(token[:64])
    return redirect("owner_factors")


def _for_enroller(view: Callable[Concatenate[HttpRequest, Owner, P], HttpResponse]) -> View[P]:
    """The view for an owner who is invited, or has shown a second factor; anybody else is asked for one."""

    @for_owner
    @wraps(view)
    def guarded(request: HttpRequest, owner: Owner, /, *arguments: P.args, **options: P.kwargs) -> HttpResponseBase:
        if owner.proved or owner_session.invitation_of(request, owner.address) is not None:
            return view(request, owner, *arguments, **options)
        if INVITATION in request.session:
            # What was opened is no invitation for this mailbox, or is over; which of them, nobody can tell.
            return owner_session.page(request, owner, "web/owner/invitation_over.html", 410)
        return for_proved_owner(view)(request, *arguments, **options)

    return guarded


@_for_enroller
@require_safe
def show(request: HttpRequest, owner: Owner) -> HttpResponse:
    """What is set up, and since when it counts for what."""
    return _page(request, owner)


def _page(request: HttpRequest, owner: Owner, code: int = 200, **more: Any) -> HttpResponse:
    now, first = timezone.now(), contacts.first_sign(owner.address)
    factors = list(owner_factors.of_mailbox(owner.address))
    context = {
        # Whoever has only the invitation is shown no more than what he is invited to.
        "lines": [factor_line(one, first, now) for one in factors] if owner.proved else [],
        "full": len(factors) >= owner_factors.MOST,
        "has_app": owner.proved and any(one.kind == OwnerFactor.APP for one in factors),
        "passkeys": passkeys_possible(request),
        **more,
    }
    return owner_session.page(request, owner, "web/owner/factors.html", code, **context)


@_for_enroller
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("key", "address")
def app(request: HttpRequest, owner: Owner) -> HttpResponse:
    """GET shows the key of a new app, POST takes its first code (422 when it is not right)."""
    key, problem = owner_keys.new_app_key(request), ""
    if request.method == "POST":
        counter = owner_keys.counter_of(key, request.POST.get("code", "")[:64])
        if counter:
            name = _("Authenticator app")
            return _enrol(request, owner, OwnerFactor.APP, name, owner_keys.sealed(key), counter)
        problem = str(WRONG_CODE)
    address = owner_keys.app_address(owner.address, key)
    return owner_session.page(
        request,
        owner,
        "web/owner/factor_app.html",
        422 if problem else 200,
        qr=segno.make(address, error="m").svg_data_uri(scale=4, dark="#000", light="#fff"),
        key=" ".join(key[place : place + 4] for place in range(0, len(key), 4)),
        problem=problem,
    )


@_for_enroller
@require_http_methods(["GET", "HEAD", "POST"])
def passkey(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Making a passkey on the device at hand, which asks for its PIN or finger."""
    if not passkeys_possible(request):
        raise Http404
    problem = ""
    if request.method == "POST":
        made = owner_keys.made_passkey(request, request.POST.get("credential", ""))
        if made:
            name = request.POST.get("name", "").strip()[:LONGEST_NAME] or _("Passkey")
            return _enrol(request, owner, OwnerFactor.PASSKEY, name, made)
        problem = str(NO_NEW_PASSKEY)
    return owner_session.page(
        request,
        owner,
        "web/owner/factor_passkey.html",
        422 if problem else 200,
        name=_("Passkey"),
        longest=LONGEST_NAME,
        js_data={"creation_options": owner_keys.ask_for_new_passkey(request, owner.address)},
        problem=problem,
    )


@sensitive_variables("secret")
def _enrol(request: HttpRequest, owner: Owner, kind: str, name: str, secret: str, counter: int = 0) -> HttpResponse:
    """Keeps the new factor; a browser that came by an invitation has shown it with that."""
    now = timezone.now()
    invited: RecoveryRequest | None = None if owner.proved else owner_session.invitation_of(request, owner.address)
    actor = owner.actor if invited is None else "owner (invitation)"
    try:
        factor = owner_factors.add(owner.address, kind, name, secret, actor, now, invited=invited)
    except owner_factors.TooMany:
        return _page(request, owner, 422, problem=_("There are five already. Remove one that you do not use first."))
    except requests.Spent:
        return owner_session.page(request, owner, "web/owner/invitation_over.html", 410)
    owner_keys.forget_app_key(request)
    if counter:
        owner_factors.take_code(factor, counter, now)
    request.session.pop(INVITATION, None)
    if owner.proved or owner_factors.opens(factor, contacts.first_sign(owner.address), now):
        if not owner.proved:
            owner_session.prove(request, kind, factor.pk)
        messages.success(request, _("It is set up. From now on it opens your pages together with the password."))
        return redirect("owner_factors")
    messages.success(request, _("It is set up. Until it counts, please show a code from paper or from your contact."))
    return redirect("owner_home")


@for_proved_owner
@require_POST
def remove(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Removes one of the owner's own; the contacts are told."""
    factor = owner_factors.of_mailbox(owner.address).filter(pk=number).first()
    if factor is None:
        raise NotFound(number)
    owner_factors.remove(factor, owner.actor, timezone.now())
    messages.success(request, _("Removed. It opens nothing any more."))
    return redirect("owner_factors")
