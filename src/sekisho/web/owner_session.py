"""Who sits at the owner's pages: nobody, somebody with the mailbox's password, or its owner.

The mailbox's password opens only what its hijacker may see as well; a second factor opens the rest, for half an hour.
The owner is no account of the panel: nothing here is asked by `directory.access`, and no page of the panel knows this
session, so an owner reaches his own mailbox and no other row. A new password ends every such session: what is kept
holds a keyed hash of the mailbox's stored hash.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from urllib.parse import urlencode

from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from sekisho.directory.models import SiteMailbox
from sekisho.recovery import owner_factors
from sekisho.recovery.models import RecoveryRequest

KEY = "owner"
# Session key: the hash of the invitation's link that this browser has opened.
INVITATION = "owner_invitation"
# A worried person comes back to the page some times in a day; a telephone left lying shows no more than its mail does.
SIGNED_IN_FOR = timedelta(hours=12)
# As for app passwords after a recovery: time to walk to each device, and no longer a key.
PROVED_FOR = timedelta(minutes=30)

P = ParamSpec("P")
OwnerView = Callable[Concatenate[HttpRequest, "Owner", P], HttpResponseBase]
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


@dataclass(frozen=True)
class Owner:
    """The mailbox of this browser. `proof`: the second factor ("paper", "code", "app", "passkey"), "" for the password
    alone; `factor`: the OwnerFactor of an app or passkey, else 0."""

    mailbox: SiteMailbox
    proof: str = ""
    proved_until: datetime | None = None
    factor: int = 0

    @property
    def address(self) -> str:
        return self.mailbox.username

    @property
    def proved(self) -> bool:
        """Whether a second factor stands behind this browser now."""
        return bool(self.proof)

    @property
    def actor(self) -> str:
        """Who acts, for the audit trail."""
        return f"owner ({self.proof or 'password'})"


def _mark(mailbox: SiteMailbox) -> str:
    text = f"{mailbox.username}\0{mailbox.password}"
    return salted_hmac("sekisho.web.owner_session", text, algorithm="sha256").hexdigest()


def sign_in(request: HttpRequest, mailbox: SiteMailbox) -> None:
    """Opens the owner's pages for a browser that knew the password; an account of the panel is signed out in it."""
    invitation = request.session.get(INVITATION)
    if request.user.is_authenticated:
        logout(request)
    request.session.cycle_key()
    if invitation is not None:
        request.session[INVITATION] = invitation
    now = timezone.now().timestamp()
    request.session[KEY] = {"mailbox": mailbox.username, "mark": _mark(mailbox), "at": now, "proof": "", "proved": 0.0}


def prove(request: HttpRequest, proof: str, factor: int = 0) -> None:
    """Notes that this browser has shown a second factor just now."""
    request.session.cycle_key()
    request.session[KEY] |= {"proof": proof, "proved": timezone.now().timestamp(), "factor": factor}
    request.session.modified = True


def keep_after_recovery(request: HttpRequest, address: str) -> None:
    """The browser that was signed in for this mailbox and has just made its new password stays signed in."""
    kept = request.session.get(KEY)
    mailbox = SiteMailbox.objects.filter(username=address).first()
    if isinstance(kept, dict) and kept.get("mailbox") == address and mailbox is not None:
        request.session[KEY] = {**kept, "mark": _mark(mailbox)}


def sign_out(request: HttpRequest) -> None:
    """Ends the owner's session of this browser, whatever else is in it."""
    request.session.flush()


def of(request: HttpRequest) -> Owner | None:
    """Whose pages this browser may see, None for nobody's."""
    kept, now = request.session.get(KEY), timezone.now()
    if not isinstance(kept, dict) or now.timestamp() - float(kept["at"]) > SIGNED_IN_FOR.total_seconds():
        return None
    mailbox = SiteMailbox.objects.filter(username=kept["mailbox"]).first()
    if mailbox is None or not constant_time_compare(kept["mark"], _mark(mailbox)):
        return None
    until, factor = datetime.fromtimestamp(float(kept["proved"]), UTC) + PROVED_FOR, kept.get("factor", 0)
    if not kept["proof"] or until <= now:
        return Owner(mailbox)
    # Removed meanwhile, or too young for what has been noticed since.
    if factor and not owner_factors.opens_still(factor, mailbox.username, now):
        return Owner(mailbox)
    return Owner(mailbox, kept["proof"], until, factor)


def invitation_of(request: HttpRequest, mailbox: str) -> RecoveryRequest | None:
    """The living invitation to set up a second factor for this mailbox that this browser has opened."""
    token_hash = request.session.get(INVITATION)
    if not isinstance(token_hash, str):
        return None
    return owner_factors.invitation(token_hash, mailbox, timezone.now())


def for_owner(view: OwnerView[P]) -> View[P]:
    """The view with the Owner of this browser; anybody else is sent to the sign-in."""

    @login_not_required
    @wraps(view)
    def guarded(request: HttpRequest, /, *arguments: P.args, **options: P.kwargs) -> HttpResponseBase:
        owner = of(request)
        if owner is None:
            return redirect("owner_sign_in")
        return view(request, owner, *arguments, **options)

    return guarded


def for_proved_owner(view: OwnerView[P]) -> View[P]:
    """As `for_owner`; whoever has shown only the password is asked for the second factor first."""

    @for_owner
    @wraps(view)
    def guarded(request: HttpRequest, owner: Owner, /, *arguments: P.args, **options: P.kwargs) -> HttpResponseBase:
        if not owner.proved:
            # What was being done is not carried through: a POST begins again at its page.
            after = request.get_full_path() if request.method in ("GET", "HEAD") else reverse("owner_home")
            return redirect(f"{reverse('owner_proof')}?{urlencode({'next': after})}")
        return view(request, owner, *arguments, **options)

    return guarded


def page(request: HttpRequest, owner: Owner, template: str, code: int = 200, **context: Any) -> HttpResponse:
    """One of the owner's pages."""
    return render(request, template, {"owner": owner, "mailbox": owner.mailbox, **context}, status=code)
