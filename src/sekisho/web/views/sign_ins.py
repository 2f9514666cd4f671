"""メール管理 › 編集 › ログイン履歴: when, from where and with what a mailbox was used."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from sekisho.directory import access
from sekisho.incidents import sign_ins
from sekisho.web.sign_in_lines import named_lines

PAGE = 50


@require_safe
def show(request: HttpRequest, address: str) -> HttpResponse:
    """The logins of 90 days, or with `?show=failed` the failed tries of 30."""
    mailbox = access.access_mailbox(request.user, address)
    only_failed = request.GET.get("show") == "failed"
    found = named_lines(mailbox.username, success=not only_failed)
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    tries, sources = sign_ins.failed(mailbox.username)
    context = {
        "mailbox": mailbox,
        "page": page,
        "only_failed": only_failed,
        "failed_tries": tries,
        "failed_sources": sources,
    }
    return render(request, "web/sign_ins.html", context)
