"""The answer to an alert, what is usual, and the operator's preview and switch."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

import casting
from casting import DOMAIN, OTHER_DOMAIN, VICTIM
from sekisho.directory.models import DomainMode, SiteAliasDomain
from sekisho.incidents import decisions, usual
from sekisho.incidents.models import Audit, Incident, MailboxStatus, Notice, Transition
from sekisho.journal import DecisionRecord, IndicatorRecord, UsualSeen

pytestmark = pytest.mark.django_db(databases=["default", "site"])
HOTEL = "203.0.113.7"


def found(mailbox=VICTIM, action="alert", ip=HOTEL, ago=60.0, **fields) -> Incident:
    """What the guard recorded about a mailbox."""
    t = timezone.now().timestamp() - ago
    after = {"suspend": "suspended", "restrict": "restricted", "alert": "active"}[action]
    evidence = IndicatorRecord("new_country", 4.5, "韓国からの初めての利用です。", "First use from South Korea.")
    values = {"before": "active", "after": after, "limit": None, "enforced": True, "score": 4.5, "ip": ip} | fields
    record = DecisionRecord(
        id=f"{mailbox}{t}", t=t, host=casting.HOST, mailbox=mailbox, generation=0, action=action,
        indicators=(evidence,), country="KR", asn=4766, first_risk_at=t - 1, **values,
    )  # fmt: skip
    incident = decisions.record_detection(record)
    assert incident is not None
    return incident


def text(client, name, *arguments) -> str:
    return client.get(reverse(name, args=arguments)).content.decode()


@pytest.mark.parametrize("who", ["operator", "owner"])
def test_yes_is_asked_with_the_sources_and_makes_them_familiar(who, cast, sign_in):
    usual.keep(UsualSeen(1.0, "other@x.test", (), (), (), 0, 1, ((4766, "Korea Telecom"),)))
    incident, client = found(), sign_in(who)
    assert reverse("incident_this_was_me", args=[incident.pk]) in text(client, "incident", incident.pk)
    page = text(client, "incident_this_was_me", incident.pk)
    assert HOTEL in page and "South Korea" in page and "Korea Telecom" in page
    assert Incident.objects.get().phase == "detected", "looking changes nothing"
    client.post(reverse("incident_this_was_me", args=[incident.pk]), {"sources": f"{HOTEL} "})
    assert Incident.objects.get().phase == "dismissed"
    change = Transition.objects.get()
    assert (change.actor, change.sources) == (getattr(cast, who).username, [HOTEL])
    assert Audit.objects.filter(account=getattr(cast, who), subject=VICTIM).count() == 1


def test_a_source_that_came_since_the_page_was_shown_refuses_the_answer(cast, sign_in):
    incident, client = found(), sign_in("owner")
    found(ip="198.51.100.9", ago=30.0, score=5.0)
    url = reverse("incident_this_was_me", args=[incident.pk])
    assert "moved on meanwhile" in client.post(url, {"sources": HOTEL}, follow=True).content.decode()
    assert Incident.objects.get().phase == "detected" and not Transition.objects.exists()


def test_a_second_yes_changes_nothing_and_says_so(cast, sign_in):
    incident, client = found(), sign_in("owner")
    url = reverse("incident_this_was_me", args=[incident.pk])
    client.post(url, {"sources": HOTEL})
    assert "moved on meanwhile" in client.post(url, {"sources": HOTEL}, follow=True).content.decode()
    assert "moved on meanwhile" in client.get(url, follow=True).content.decode()
    assert Transition.objects.count() == 1


def test_no_suspends_by_the_admins_word(cast, sign_in):
    incident, client = found(), sign_in("owner", "ja")
    assert "停止" in text(client, "incident_not_me", incident.pk)
    assert not MailboxStatus.objects.exists()
    client.post(reverse("incident_not_me", args=[incident.pk]))
    assert MailboxStatus.objects.get().status == "suspended"
    change = Transition.objects.get()
    assert (change.cause, change.actor) == ("operator", cast.owner.username)


@pytest.mark.parametrize("name", ["incident_this_was_me", "incident_not_me"])
def test_a_stranger_answers_nothing(name, cast, sign_in):
    url = reverse(name, args=[found().pk])
    assert sign_in("stranger").get(url).status_code == 404
    assert sign_in("stranger").post(url, {"sources": HOTEL}).status_code == 404
    assert Incident.objects.get().phase == "detected" and not Transition.objects.exists()


def test_a_form_without_a_token_answers_nothing(cast):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.owner)
    assert client.post(reverse("incident_not_me", args=[found().pk])).status_code == 403
    assert not MailboxStatus.objects.exists()


def test_what_is_usual_is_shown_to_those_who_may_see_the_mailbox(cast, sign_in):
    incident = found()
    usual.keep(UsualSeen(timezone.now().timestamp(), VICTIM, ("JP",), (4713,), ("imap",), 12, 30, ((4713, "OCN"),)))
    for page in (("incident", incident.pk), ("mailbox_edit", VICTIM)):
        assert "Usually: Japan, OCN; 12 new recipients on the busiest day" in text(sign_in("owner"), *page)
        assert "ふだんの利用: 日本、OCN。" in text(sign_in("operator", "ja"), *page)
        assert "OCN" not in text(sign_in("stranger"), *page)


def test_a_mailbox_whose_sending_is_stopped_is_not_said_to_send(cast, sign_in):
    found(action="restrict", limit=0)
    page = text(sign_in("owner"), "mailbox_edit", VICTIM)
    assert "Nothing can be sent from it" in page and "goes through" not in page


def test_only_the_operator_sees_that_he_was_called(cast, sign_in):
    incident = found(action="restrict", limit=0)
    Notice.objects.create(
        incident=incident, kind="fuse", recipient="duty@outside.test", message_id="<x@y>", created_at=timezone.now()
    )
    assert "duty@outside.test" in text(sign_in("operator"), "incident", incident.pk)
    assert "duty@outside.test" not in text(sign_in("owner"), "incident", incident.pk)


def test_the_preview_says_who_when_why_and_with_what_score(cast, sign_in):
    found(action="suspend", enforced=False, score=11.2)
    client = sign_in("operator")
    page = text(client, "enforcement_preview", DOMAIN)
    assert VICTIM in page and "First use from South Korea." in page and "11.2" in page
    assert "韓国からの初めての利用です。" in text(sign_in("operator", "ja"), "enforcement_preview", DOMAIN)
    assert VICTIM not in text(client, "enforcement_preview", OTHER_DOMAIN)
    assert "suspensions: 1, restrictions: 0, alerts: 0" in text(client, "enforcement")


def test_the_preview_looks_back_as_far_as_it_is_asked_to(cast, sign_in):
    found(action="suspend", enforced=False, ago=timedelta(days=10).total_seconds())
    url = reverse("enforcement_preview", args=[DOMAIN])
    client = sign_in("operator")
    assert VICTIM not in client.get(url, {"days": "7"}).content.decode()
    for days in ("30", "90", "nonsense", ""):
        assert VICTIM in client.get(url, {"days": days}).content.decode()


def test_the_mode_is_switched_by_typing_the_name_and_is_audited(cast, sign_in):
    client, url = sign_in("operator"), reverse("enforcement_mode", args=[DOMAIN])
    DomainMode.objects.create(domain=DOMAIN, mode="observe")
    form = {"seen": "observe", "mode": "enforce"}
    answer = client.post(url, form | {"domain": OTHER_DOMAIN})
    assert answer.status_code == 422 and "Nothing was changed" in answer.content.decode()
    assert DomainMode.objects.get().mode == "observe"
    client.post(url, form | {"domain": f" {DOMAIN.upper()} "})
    assert DomainMode.objects.get().mode == "enforce"
    audit = Audit.objects.get(verb="mode")
    assert (audit.account, audit.subject) == (cast.operator, DOMAIN)


def test_a_mode_that_somebody_changed_meanwhile_is_not_switched(cast, sign_in):
    DomainMode.objects.create(domain=DOMAIN, mode="enforce")
    form = {"seen": "observe", "mode": "enforce", "domain": DOMAIN}
    answer = sign_in("operator").post(reverse("enforcement_mode", args=[DOMAIN]), form, follow=True)
    assert "Somebody has changed the mode" in answer.content.decode()
    assert not Audit.objects.filter(verb="mode").exists()


@pytest.mark.parametrize("who", ["owner", "colleague", "stranger"])
def test_nobody_but_the_operator_finds_these_pages(who, cast, sign_in):
    client = sign_in(who)
    for url in (reverse("enforcement"), reverse("enforcement_preview", args=[DOMAIN])):
        assert client.get(url).status_code == 404
    form = {"seen": "observe", "mode": "enforce", "domain": DOMAIN}
    assert client.post(reverse("enforcement_mode", args=[DOMAIN]), form).status_code == 404
    assert not DomainMode.objects.exists()
    assert "enforcement" not in text(client, "system")


def test_an_alias_domain_and_a_nonsense_mode_are_not_found(cast, sign_in):
    SiteAliasDomain.objects.create(alias_domain=OTHER_DOMAIN, target_domain=DOMAIN)
    client = sign_in("operator")
    assert client.get(reverse("enforcement_preview", args=[OTHER_DOMAIN])).status_code == 404
    form = {"seen": "observe", "mode": "off", "domain": DOMAIN}
    assert client.post(reverse("enforcement_mode", args=[DOMAIN]), form).status_code == 404
    assert client.get(reverse("enforcement_mode", args=[DOMAIN])).status_code == 405


def test_the_workers_alarms_are_on_the_dashboard(cast, sign_in, tmp_path):
    """It wrote `alarm` where the panel looked for `alarms`, and nobody saw that no notice could be sent."""
    import msgspec

    from sekisho.config import settings
    from sekisho.incidents.worker import Worker

    quiet = msgspec.structs.replace(settings().notices, sender="")
    Worker(msgspec.structs.replace(settings(), var=str(tmp_path), notices=quiet))._beat()
    page = text(sign_in("operator"), "dashboard")
    assert "nobody is told about incidents" in page and "sekisho contact add ALL ADDRESS" in page
