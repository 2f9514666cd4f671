"""Who sees what: the operator everything, a tenant's two admins their own, a stranger not even that it exists."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from casting import BYSTANDER, DOMAIN, FOREIGN, OTHER_DOMAIN, VICTIM
from sekisho.incidents.models import Incident, MailboxStatus, Order

pytestmark = pytest.mark.django_db(databases=["default", "site"])

PAGES = ["mailbox_edit", "incident", "incident_dismiss", "settings"]
ACTS = ["new_password", "incident_dismiss", "incident_close", "mailbox_edit"]
OPERATORS_ACTS = ["mailbox_suspend", "mailbox_restrict"]


def url_of(name: str, incident: Incident, mailbox: str = VICTIM) -> str:
    if name == "settings":
        return reverse("mail_settings") + f"?domain={mailbox.partition('@')[2]}"
    if name.startswith("incident"):
        return reverse(name, args=[incident.pk])
    return reverse(name, args=[mailbox])


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("who,code", [("operator", 200), ("owner", 200), ("colleague", 200), ("stranger", 404)])
def test_a_page_about_the_tenant_is_there_for_its_people_only(page, who, code, incident, sign_in):
    assert sign_in(who).get(url_of(page, incident)).status_code == code


@pytest.mark.parametrize("page", [*PAGES, "dashboard", "system", "mailboxes", "incidents", "advice"])
def test_nobody_gets_in_without_signing_in(page, incident):
    client = Client()
    target = url_of(page, incident) if page in PAGES else reverse(page)
    answer = client.get(target)
    assert answer.status_code == 302
    assert answer.url.startswith(reverse("sign_in"))


@pytest.mark.parametrize("act", [*ACTS, *OPERATORS_ACTS])
def test_a_stranger_can_do_nothing_and_changes_nothing(act, incident, sign_in):
    answer = sign_in("stranger").post(url_of(act, incident), {"address": VICTIM, "reason": "because", "password": "x"})
    assert answer.status_code == 404
    assert MailboxStatus.objects.get(mailbox=VICTIM).status == "suspended"
    assert not Order.objects.exclude(kind="contain").exists()
    assert Incident.objects.get(pk=incident.pk).phase == "contained"


def test_a_strangers_404_is_the_one_of_a_page_that_is_not_there(incident, sign_in):
    client = sign_in("stranger")
    theirs = client.get(reverse("mailbox_edit", args=[VICTIM]))
    nobodys = client.get(reverse("mailbox_edit", args=[f"nobody@{DOMAIN}"]))
    assert (theirs.status_code, nobodys.status_code) == (404, 404)
    assert without_token(theirs.content).replace(VICTIM, "") == without_token(nobodys.content).replace(
        f"nobody@{DOMAIN}", ""
    )


def without_token(page: bytes) -> str:
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page.decode())


@pytest.mark.parametrize("who", ["owner", "colleague", "stranger"])
@pytest.mark.parametrize("act", OPERATORS_ACTS)
def test_only_an_operator_suspends_and_restricts(act, who, cast, sign_in):
    mailbox = FOREIGN if who == "stranger" else BYSTANDER
    assert sign_in(who).post(reverse(act, args=[mailbox]), {"reason": "because"}).status_code == 404
    assert not MailboxStatus.objects.exists()


@pytest.mark.parametrize("act", [*OPERATORS_ACTS, "new_password", "incident_close"])
def test_an_act_is_no_link(act, incident, sign_in):
    assert sign_in("operator").get(url_of(act, incident)).status_code == 405


@pytest.mark.parametrize("who,sees_ours,sees_theirs", [("operator", 1, 1), ("owner", 1, 0), ("stranger", 0, 1)])
def test_lists_hold_only_what_the_account_may_see(who, sees_ours, sees_theirs, incident, sign_in):
    client = sign_in(who)
    for name in ("mailboxes", "incidents", "dashboard", "mail_settings"):
        text = client.get(reverse(name)).content.decode()
        if name in ("mailboxes", "mail_settings"):
            assert (OTHER_DOMAIN in text) == bool(sees_theirs), name
        assert (f"@{DOMAIN}" in text.replace(f"kanri@{DOMAIN}", "").replace(f"tenin@{DOMAIN}", "")) == bool(sees_ours)


def test_a_domain_filter_of_somebody_else_is_not_found(incident, sign_in):
    assert sign_in("stranger").get(reverse("mailboxes") + f"?domain={DOMAIN}").status_code == 404


def test_a_disabled_account_sees_nothing(cast, incident, sign_in):
    client = sign_in("owner")
    cast.owner.is_active = False
    cast.owner.save()
    assert client.get(reverse("incident", args=[incident.pk])).status_code == 302


def test_an_account_whose_role_was_taken_away_sees_nothing(cast, incident, sign_in):
    client = sign_in("owner")
    cast.owner.roles.all().delete()
    assert client.get(reverse("incident", args=[incident.pk])).status_code == 404
    assert "No domain has been entrusted" in client.get(reverse("dashboard")).content.decode()


def test_a_post_without_a_token_changes_nothing(cast, incident):
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.operator)
    answer = client.post(reverse("incident_dismiss", args=[incident.pk]), {"address": VICTIM})
    assert answer.status_code == 403
    assert Incident.objects.get(pk=incident.pk).phase == "contained"
