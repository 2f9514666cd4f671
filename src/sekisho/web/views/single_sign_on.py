"""POST /sso/: a hoster's signed statement opens メール管理 for its customer."""

from __future__ import annotations

import logging

from django.contrib.auth import login, logout
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_POST

from sekisho.directory.models import SiteMailbox
from sekisho.incidents import audit
from sekisho.web import owner_session, single_sign_on
from sekisho.web.confirmation import forget, second_factor_enrolled

log = logging.getLogger("sekisho.web")


# The statement itself is the proof that no other site forged this request: it is signed, for us, and works once.
@csrf_exempt
@login_not_required
@sensitive_post_parameters()
@sensitive_variables("text")
@require_POST
def enter(request: HttpRequest) -> HttpResponse:
    """Signs in and leads to メール管理, an owner to the own page; 403 with one text for every reason."""
    try:
        statement = single_sign_on.read(request.POST.get("token", ""))
        if statement.of_owner:
            return _owner(request, statement.issuer.issuer, single_sign_on.use_for_owner(statement))
        return _account(request, statement.issuer.issuer, single_sign_on.use(statement))
    except single_sign_on.Refused as refusal:
        log.warning("single sign-on refused: %s", refusal)
        return render(request, "web/errors/sso_refused.html", status=403)


def _owner(request: HttpRequest, issuer: str, mailbox: SiteMailbox) -> HttpResponse:
    """Opens what the mailbox's password opens, no more: the rest asks for a second factor as always."""
    logout(request)
    owner_session.sign_in(request, mailbox)
    audit.record(issuer, "sso_owner_sign_in", mailbox.username, details={"issuer": issuer})
    return redirect("owner_home")


def _account(request: HttpRequest, issuer: str, account: User) -> HttpResponse:
    # Whoever was signed in in this browser is not any more.
    logout(request)
    login(request, account, backend="django.contrib.auth.backends.ModelBackend")
    name = account.get_username()
    audit.record(name, "sso_sign_in", name, account=account, details={"issuer": issuer})
    if second_factor_enrolled(account):
        # The hoster has vouched for the person, but the second factor was not shown.
        forget(request)
    return redirect("mailboxes")
