"""App passwords for the owner, in the browser that has just recovered the mailbox with a proof the hijacker lacks.

Without signing in: what stands for the second factor is that proof, for half an hour and for this generation only. A
mailbox that was suspended again since asks for a new one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from sekisho.directory.models import SiteMailbox
from sekisho.web.recovered import DONE, is_open
from sekisho.web.views.app_passwords import Desk, renew_at, revoke_all_at, revoke_at, show_at

P = ParamSpec("P")


def _at_the_owners(
    act: Callable[Concatenate[HttpRequest, Desk, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """The act at the owner's desk; whoever has none is sent to the start of the recovery."""

    @wraps(act)
    def view(request: HttpRequest, /, *arguments: P.args, **options: P.kwargs) -> HttpResponse:
        mailbox = None
        if is_open(request):
            mailbox = SiteMailbox.objects.filter(username=request.session[DONE]["mailbox"]).first()
        if mailbox is None:
            return redirect("recover")
        desk = Desk(
            mailbox, "owner (recovery)", None, "web/recover_app_passwords.html", "recover_", back="recover_done"
        )
        return act(request, desk, *arguments, **options)

    return view


show = login_not_required(require_http_methods(["GET", "HEAD", "POST"])(_at_the_owners(show_at)))
renew = login_not_required(require_POST(_at_the_owners(renew_at)))
revoke = login_not_required(require_POST(_at_the_owners(revoke_at)))
revoke_all = login_not_required(require_POST(_at_the_owners(revoke_all_at)))
