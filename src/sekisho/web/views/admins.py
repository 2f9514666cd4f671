"""管理 › システム › 管理者と権限: who may sign in to the panel, for which domains. Operators only."""

from __future__ import annotations

import secrets
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from sekisho.detection.password import generate
from sekisho.directory import access, provision
from sekisho.directory.models import Role
from sekisho.incidents import audit
from sekisho.web import words
from sekisho.web.confirmation import needs_confirmation
from sekisho.web.context import signed_in

PAGE = 50
# Django's own column.
LONGEST_NAME = 150
# What one form may name; a reseller with more gets the rest by the command line.
MOST_DOMAINS = 100


def _operators_only(request: HttpRequest) -> None:
    if not access.is_operator(request.user):
        raise access.NotFound("admins")


@require_safe
@needs_confirmation
def listing(request: HttpRequest) -> HttpResponse:
    """Every account with its roles, and the form for a new one."""
    _operators_only(request)
    return _page(request)


def _page(request: HttpRequest, status: int = 200, **more: Any) -> HttpResponse:
    accounts = User.objects.filter(roles__isnull=False).distinct().order_by("username").prefetch_related("roles")
    page = Paginator(accounts, PAGE).get_page(request.GET.get("page"))
    rows = [(account, sorted({role.role for role in account.roles.all()}), _domains(account)) for account in page]
    context = {
        "page": page,
        "rows": [(account, [words.ROLES[name] for name in names], domains) for account, names, domains in rows],
        "roles": list(words.ROLES.items()),
        **more,
    }
    return render(request, "web/admins.html", context, status=status)


def _domains(account: Any) -> list[str]:
    return sorted(role.domain for role in account.roles.all() if role.domain)


@require_POST
@needs_confirmation
@sensitive_variables("password")
def add(request: HttpRequest) -> HttpResponse:
    """A new account; its password is made here and shown on the page that answers, nowhere else."""
    _operators_only(request)
    name, role = request.POST.get("name", "").strip()[: LONGEST_NAME + 1], request.POST.get("role", "")
    domains = request.POST.get("domains", "").replace(",", " ").split()
    problem = _problem(name, role, domains)
    if problem:
        return _page(request, 422, problem=problem, values=request.POST)
    password = generate(secrets.randbelow, "random")
    try:
        provision.add_admin(name, password, domains=domains, role=role)
    except provision.ProvisionError:
        problem = _("One of these domains is not hosted here.")
        return _page(request, 422, problem=problem, values=request.POST)
    actor = request.user.get_username()
    audit.record(actor, "admin_added", name, details={"domains": domains, "role": role}, account=signed_in(request))
    return _page(request, made=name, password=password)


def _problem(name: str, role: str, domains: list[str]) -> str:
    if not name or len(name) > LONGEST_NAME or role not in words.ROLES:
        return _("Please give a name and a role.")
    if User.objects.filter(username__iexact=name).exists():
        return _("An account of this name exists already.")
    if (role == Role.OPERATOR) == bool(domains):
        return _("An operator has no domains of his own; every other role needs at least one.")
    if len(domains) > MOST_DOMAINS:
        return _("These are too many domains for one form.")
    return ""


@require_POST
@needs_confirmation
def switch(request: HttpRequest, account: int) -> HttpResponse:
    """Disables an account (its sessions end with the next request) or enables it again; never one's own."""
    _operators_only(request)
    found = User.objects.filter(pk=account, roles__isnull=False).distinct().first()
    if found is None:
        raise access.NotFound(account)
    if found.pk == request.user.pk:
        messages.error(request, _("Nobody disables the login he is signed in with."))
        return redirect("admins")
    active = request.POST.get("active") == "yes"
    User.objects.filter(pk=found.pk).update(is_active=active)
    verb = "admin_enabled" if active else "admin_disabled"
    audit.record(request.user.get_username(), verb, found.username, details={}, account=signed_in(request))
    done = _("%(name)s may sign in again.") if active else _("%(name)s may not sign in any more.")
    messages.success(request, done % {"name": found.username})
    return redirect("admins")
