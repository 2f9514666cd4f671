"""管理 › システム › 利用者への案内文: a domain's message to its owners, and the advice page.

The domain's admin writes the message; advice about security stays in the operator's hand, for a domain or for all.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from sekisho.directory import access
from sekisho.directory.names import alias_domains
from sekisho.incidents import own_texts
from sekisho.incidents.own_texts import ADVICE, ALL, LANGUAGES, MESSAGE
from sekisho.web.context import signed_in
from sekisho.web.plain_blocks import blocks_of, original_advice

# A longer list is typed into, not read.
SHOWN_DOMAINS = 200


def _titles() -> dict[str, str]:
    return {MESSAGE: _("Message to owners"), ADVICE: _("About takeovers, and what to do")}


def _kinds(request: HttpRequest) -> tuple[str, ...]:
    return (MESSAGE, ADVICE) if access.is_operator(request.user) else (MESSAGE,)


def _domain(request: HttpRequest, name: str) -> str:
    """The domain this account may write for; NotFound for every other, alias domains too."""
    if name == ALL and access.is_operator(request.user):
        return ALL
    domain = access.access_domain(request.user, name).domain
    if domain in alias_domains():
        raise access.NotFound(name)
    return domain


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """The texts of the domain named by `?domain=`, or of the first one the account may see."""
    aliases = alias_domains()
    domains = [name for name in access.accessible_domains(request.user) if name not in aliases]
    if access.is_operator(request.user):
        domains.insert(0, ALL)
    wanted = request.GET.get("domain", "")
    chosen = _domain(request, wanted) if wanted else next(iter(domains), "")
    rows, titles = own_texts.written(chosen), _titles()
    texts = [
        {"kind": kind, "language": language, "title": titles[kind], "row": rows.get((kind, language))}
        for kind in _kinds(request)
        for language in LANGUAGES
    ]
    context = {"domains": domains[:SHOWN_DOMAINS], "several": len(domains) > 1, "domain": chosen, "texts": texts}
    return render(request, "web/own_texts.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, domain: str, kind: str, language: str) -> HttpResponse:
    """One text. POST `act`: preview (nothing is kept), save (422 when it may not stand there), restore."""
    name = _domain(request, domain)
    if kind not in _kinds(request) or language not in LANGUAGES:
        raise access.NotFound(domain)
    row = own_texts.written(name).get((kind, language))
    if request.method != "POST":
        text = row.text if row else (original_advice(language) if kind == ADVICE else "")
        return _page(request, name, kind, language, text=text)
    act, typed, account = request.POST.get("act", ""), request.POST.get("text", ""), signed_in(request)
    try:
        if act == "restore":
            own_texts.restore(name, kind, language, account.get_username(), account)
        elif act == "save":
            own_texts.write(name, kind, language, typed, account.get_username(), timezone.now(), account)
        else:
            checked = own_texts.checked(kind, typed)
            return _page(request, name, kind, language, text=checked, preview=blocks_of(checked))
    except own_texts.TextRefused as refusal:
        return _page(request, name, kind, language, 422, text=typed[:20_000], problem=refusal.problem)
    messages.success(request, _("The original is restored.") if act == "restore" else _("The text is saved."))
    return redirect(f"{reverse('own_texts')}?{urlencode({'domain': name})}")


def _page(request: HttpRequest, domain: str, kind: str, language: str, code: int = 200, **more: Any) -> HttpResponse:
    context = {
        "domain": domain,
        "kind": kind,
        "language": language,
        "title": _titles()[kind],
        "longest": own_texts.LONGEST[kind],
        "lines": own_texts.MOST_LINES[kind],
        "row": own_texts.written(domain).get((kind, language)),
        "preview": None,
        **more,
    }
    return render(request, "web/own_text.html", context, status=code)
