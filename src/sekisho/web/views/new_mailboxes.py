"""メール管理 › 新規作成, 一括登録, and the list as CSV. Passwords made here are shown once and kept nowhere."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from sekisho.directory import access
from sekisho.directory.models import SiteMailbox
from sekisho.incidents.audit import safe_cell
from sekisho.incidents.models import MailboxStatus
from sekisho.recovery import new_mailboxes
from sekisho.recovery.new_mailboxes import MB, Row, Unreadable
from sekisho.web import mailbox_list, words
from sekisho.web.confirmation import needs_confirmation
from sekisho.web.context import signed_in
from sekisho.web.forms import LONGEST_PASSWORD

EXPORTED = ("address", "name", "quota_mb", "active", "status", "since")
# Rows fetched at a time, each batch with its statuses.
BATCH = 1000


@require_safe
def export(request: HttpRequest) -> StreamingHttpResponse:
    """The list with its filters as CSV, in UTF-8 with the mark that spreadsheets need; no cell is a formula."""
    rows = mailbox_list.found(request, mailbox_list.read(request.GET))
    answer = StreamingHttpResponse(_lines(rows), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="mailboxes-{timezone.localdate().isoformat()}.csv"'
    return answer


class _Echo:
    def write(self, line: str) -> str:
        return line


def _lines(rows: Any) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield "\ufeff" + writer.writerow(EXPORTED)
    after = ""
    while batch := list(rows.filter(username__gt=after)[:BATCH]):
        after = batch[-1].username
        statuses = {row.mailbox: row for row in MailboxStatus.objects.filter(mailbox__in=[m.username for m in batch])}
        for mailbox in batch:
            yield writer.writerow(safe_cell(cell) for cell in _cells(mailbox, statuses.get(mailbox.username)))


def _cells(mailbox: SiteMailbox, status: MailboxStatus | None) -> list[str]:
    word = status.status if status else "active"
    active = mailbox.active and word != "suspended"
    since = status.since.isoformat() if status and word != "active" else ""
    return [mailbox.username, mailbox.name, str(mailbox.quota // MB), "yes" if active else "no", word, since]


@sensitive_post_parameters()
@sensitive_variables()
@require_http_methods(["GET", "HEAD", "POST"])
@needs_confirmation
def add(request: HttpRequest) -> HttpResponse:
    """One new mailbox; without a password one is made, and shown on the page that answers."""
    domains = access.changeable_domains(request.user)
    context: dict[str, Any] = {"domains": domains, "values": request.POST}
    if request.method != "POST":
        return render(request, "web/mailbox_new.html", context)
    typed = request.POST.get("address", "").strip().lower()
    address = typed if "@" in typed else f"{typed}@{request.POST.get('domain', '')}"
    password, quota = request.POST.get("password", "")[: LONGEST_PASSWORD + 1], request.POST.get("quota_mb", "").strip()
    number = (int(quota) if quota.isdecimal() and len(quota) < 10 else -1) if quota else None
    row = Row(1, address, request.POST.get("name", "").strip(), number, password)
    known = SiteMailbox.objects.filter(username=address, domain__in=domains).exists()
    verdict = (
        new_mailboxes.Verdict(row, "refuse", "alias")
        if known
        else new_mailboxes.apply(row, domains, request.user.get_username(), account=signed_in(request))
    )
    if verdict.outcome == "refuse":
        context |= {"reason": words.ROW_REASONS[verdict.reason], "problems": verdict.problems}
        return render(request, "web/mailbox_new.html", context, status=422)
    return render(request, "web/mailbox_new.html", {**context, "made": verdict})


@sensitive_post_parameters()
@sensitive_variables()
@require_http_methods(["GET", "HEAD", "POST"])
@needs_confirmation
def many(request: HttpRequest) -> HttpResponse:
    """A CSV text, judged line by line first (`step=look`), then applied (`step=apply`); nothing of it is kept here."""
    domains = access.changeable_domains(request.user)
    context: dict[str, Any] = {"domains": domains, "most": new_mailboxes.MOST_ROWS}
    if request.method != "POST":
        return render(request, "web/mailbox_import.html", context)
    try:
        text = _text(request)
        rows = new_mailboxes.read_csv(text)
    except Unreadable as error:
        context["error"] = words.UNREADABLE[str(error)]
        return render(request, "web/mailbox_import.html", context, status=422)
    verdicts = new_mailboxes.judge_all(rows, domains)
    applying = request.POST.get("step") == "apply"
    if applying:
        actor, account = request.user.get_username(), signed_in(request)
        verdicts = [
            one if one.outcome == "refuse" else new_mailboxes.apply(one.row, domains, actor, account=account)
            for one in verdicts
        ]
        messages.success(request, _("The file was applied; below is what came of each line."))
    context |= {
        "verdicts": [(one, words.ROW_OUTCOMES[one.outcome], words.ROW_REASONS[one.reason]) for one in verdicts],
        "applied": applying,
        "text": text,
        "ready": sum(one.outcome in ("create", "update") for one in verdicts),
    }
    return render(request, "web/mailbox_import.html", context)


def _text(request: HttpRequest) -> str:
    """What was pasted or uploaded; UTF-8, or what a Japanese Excel writes (CP932)."""
    file = request.FILES.get("file")
    if file is None:
        return request.POST.get("text", "")
    if (file.size or 0) > 4 * new_mailboxes.LONGEST_TEXT:
        raise Unreadable("long")
    content = file.read()
    for encoding in ("utf-8-sig", "cp932"):
        try:
            return str(content.decode(encoding))
        except UnicodeDecodeError:
            continue
    raise Unreadable("columns")
