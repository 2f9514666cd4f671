"""POST /sso/: a hoster's signed statement opens メール管理 for its customer."""

from __future__ import annotations

import logging

from django.contrib.auth import login, logout
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_POST

from sekisho.incidents import audit
from sekisho.web import single_sign_on
from sekisho.web.confirmation import forget, second_factor_enrolled

log = logging.getLogger("sekisho.web")


# The statement itself is the proof that no other site forged this request: it is signed, for us, and works once.
@csrf_exempt
@login_not_required
@sensitive_post_parameters()
@sensitive_variables("text")
@require_POST
def enter(request: HttpRequest) -> HttpResponse:
    """Signs in and leads to メール管理; 403 with one text for every reason, which our log names."""
    try:
        statement = single_sign_on.read(request.POST.get("token", ""))
        account = single_sign_on.use(statement)
    except single_sign_on.Refused as refusal:
        log.warning("single sign-on refused: %s", refusal)
        return render(request, "web/errors/sso_refused.html", status=403)
    # Whoever was signed in in this browser is not any more.
    logout(request)
    login(request, account, backend="django.contrib.auth.backends.ModelBackend")
    details = {"issuer": statement.issuer.issuer}
    audit.record(account.get_username(), "sso_sign_in", account.get_username(), account=account, details=details)
    if second_factor_enrolled(account):
        # The hoster has vouched for the person, but the second factor was not shown.
        forget(request)
    return redirect("mailboxes")
