"""Roles: a reseller acts for several domains, a helpdesk looks and changes nothing, an operator hands roles out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.db import models
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from casting import BYSTANDER, DOMAIN, FOREIGN, OTHER_DOMAIN, VICTIM
from sekisho.directory import access, api_keys, provision
from sekisho.directory.models import Role, SiteAdmin, SiteMailbox
from sekisho.incidents.models import Audit, Incident, IncidentNote, MailboxStatus, Notice, Order

pytestmark = pytest.mark.django_db(databases=["default", "site"])

VALUES = {
    "address": VICTIM,
    "domain": DOMAIN,
    "campaign": 1,
    "item": 1,
    "token": "0123",
    "client": "thunderbird",
    "account": 1,
    "prefix": "0123",
    "kind": "message",
    "figure": "sent.messages",
    "language": "ja",
    "name": "mail",
}
# What is not this login's act: about itself, or by another proof than this login (a link, a key, a public answer).
ABOUT_ITSELF = {
    "sign_out", "set_language", "confirm", "sign_in", "account", "account_password", "account_end_others",
    "account_totp", "diagnosis",
    "account_passkey", "account_factor_rename", "account_factor_remove", "account_codes", "account_login",
    "mfa_authenticate", "mfa_login_webauthn",
}  # fmt: skip


@pytest.fixture
def helpdesk(cast) -> User:
    account = User.objects.create(username="madoguchi")
    Role.objects.create(account=account, role=Role.HELPDESK, domain=DOMAIN)
    return account


@pytest.fixture
def looker(helpdesk) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(helpdesk)
    return client


def patterns(resolver: URLResolver) -> Iterator[URLPattern]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLPattern):
            yield entry
        else:
            yield from patterns(entry)


def kept() -> dict[str, int | list]:
    """What a change would leave a trace in."""
    tables: list[type[models.Model]] = [Audit, Order, Notice, IncidentNote, Role, User, Incident]
    return {
        **{table.__name__: table.objects.count() for table in tables},
        "statuses": list(MailboxStatus.objects.values_list("mailbox", "status", "generation")),
        "mailboxes": list(SiteMailbox.objects.values_list("username", "password", "name")),
        "phases": list(Incident.objects.values_list("pk", "phase")),
    }


def test_every_changing_address_is_shut_to_a_helpdesk(incident, looker):
    before, tried = kept(), 0
    for entry in patterns(get_resolver()):
        if not entry.name or entry.name in ABOUT_ITSELF or not getattr(entry.callback, "login_required", True):
            continue
        names = entry.pattern.converters
        values = {**VALUES, "number": incident.pk}
        path = reverse(entry.name, kwargs={name: values[name] for name in names})
        answer = looker.post(path, {"address": VICTIM, "text": "x", "mode": "enforce", "seen": "observe"})
        assert answer.status_code in (403, 404, 405), (entry.name, answer.status_code)
        tried += 1
    assert tried > 30
    assert kept() == before


def test_the_walk_would_notice_a_change(incident, sign_in):
    before = kept()
    sign_in("owner").post(reverse("incident_note", args=[incident.pk]), {"text": "x"})
    assert kept() != before


def test_a_helpdesk_sees_its_domains_and_of_those_who_wait_only_how_many(incident, looker):
    for name, arguments in (("mailbox_edit", [VICTIM]), ("incident", [incident.pk]), ("mailboxes", [])):
        assert looker.get(reverse(name, args=arguments)).status_code == 200
    assert looker.get(reverse("mailbox_edit", args=[FOREIGN])).status_code == 404
    page = looker.get(reverse("incident", args=[incident.pk])).content.decode()
    assert "At least <strong>3 senders</strong>" in page and "nakamura@yubin.test" not in page
    assert 'class="read-only"' in page


def test_may_change_is_yes_for_those_who_look_after_a_domain_only(cast, helpdesk):
    assert [access.may_change(one, DOMAIN) for one in (cast.operator, cast.owner, cast.stranger, helpdesk)] == [
        True, True, False, False,
    ]  # fmt: skip


def test_a_helpdesk_row_outweighs_any_other(cast, helpdesk):
    Role.objects.create(account=helpdesk, role=Role.OPERATOR)
    assert access.is_read_only(helpdesk) and access.changeable_domains(helpdesk) == []
    with pytest.raises(provision.ProvisionError):
        provision.add_admin("madoguchi", "some password", domains=[DOMAIN])
    with pytest.raises(provision.ProvisionError):
        provision.add_admin("operator", "some password", domains=[DOMAIN], role=Role.HELPDESK)


@pytest.mark.parametrize("path", ["/mailboxes", f"/mailboxes/{VICTIM}/deferred"])
def test_a_helpdesk_has_no_way_in_by_a_key(path, incident, helpdesk):
    _, key = api_keys.make(helpdesk, "desk", ["read"], "operator", timezone.now())
    answer = Client().get(f"/api/v1{path}", headers={"authorization": f"Bearer {key}"})
    assert answer.status_code == 403 and "only looks" in answer.content.decode()


def test_a_helpdesk_becomes_no_admin_of_postfixadmin(cast):
    provision.add_admin(f"desk@{DOMAIN}", "some password", domains=[DOMAIN], role=Role.HELPDESK)
    assert not SiteAdmin.objects.filter(username=f"desk@{DOMAIN}").exists()


def test_a_reseller_acts_for_each_of_his_domains(incident, cast, sign_in):
    cast.reseller = provision.add_admin("sys", "some password", domains=[DOMAIN, OTHER_DOMAIN], role=Role.RESELLER)
    text = sign_in("reseller").get(reverse("mailboxes")).content.decode()
    assert VICTIM in text and FOREIGN in text
    assert sign_in("reseller").get(reverse("admins")).status_code == 404


def test_an_operator_adds_a_login_whose_password_is_shown_once_and_opens_the_panel(cast, sign_in):
    client = sign_in("operator")
    answer = client.post(reverse("admin_add"), {"name": "shin", "role": "domain_admin", "domains": f"{DOMAIN}"})
    password = answer.context["password"]
    assert password in answer.content.decode()
    account = User.objects.get(username="shin")
    assert account.check_password(password) and access.accessible_domains(account) == [DOMAIN]
    assert password not in client.get(reverse("admins")).content.decode()
    assert password not in str(list(Audit.objects.values_list("details", flat=True)))


@pytest.mark.parametrize(
    "given",
    [
        {"name": "OPERATOR", "role": "operator", "domains": ""},
        {"name": "shin", "role": "root", "domains": DOMAIN},
        {"name": "shin", "role": "operator", "domains": DOMAIN},
        {"name": "shin", "role": "helpdesk", "domains": ""},
        {"name": "shin", "role": "helpdesk", "domains": "nowhere.example"},
    ],
)
def test_a_login_that_makes_no_sense_is_refused(given, cast, sign_in):
    before = User.objects.count()
    assert sign_in("operator").post(reverse("admin_add"), given).status_code == 422
    assert User.objects.count() == before


def test_a_disabled_login_is_out_at_once_and_nobody_disables_himself(cast, sign_in):
    operator, owner = sign_in("operator"), sign_in("owner")
    operator.post(reverse("admin_switch", args=[cast.owner.pk]), {"active": "no"})
    assert owner.get(reverse("mailbox_edit", args=[BYSTANDER])).status_code == 302
    operator.post(reverse("admin_switch", args=[cast.operator.pk]), {"active": "no"})
    assert User.objects.get(username="operator").is_active
    operator.post(reverse("admin_switch", args=[cast.owner.pk]), {"active": "yes"})
    assert User.objects.get(pk=cast.owner.pk).is_active


@pytest.mark.parametrize("who", ["owner", "stranger"])
def test_nobody_but_an_operator_sees_or_changes_logins(who, cast, sign_in):
    client = sign_in(who)
    assert client.get(reverse("admins")).status_code == 404
    for name, arguments in (("admin_add", []), ("admin_switch", [cast.colleague.pk])):
        assert client.post(reverse(name, args=arguments), {"active": "no"}).status_code == 404
    assert User.objects.get(pk=cast.colleague.pk).is_active
