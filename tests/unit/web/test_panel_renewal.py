"""The page of old passwords and of a campaign: tenants, what it admits not to know, exceptions, the way back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from casting import BYSTANDER, DOMAIN, FOREIGN, OTHER_DOMAIN, STOLEN_PASSWORD, VICTIM
from sekisho.directory.models import SiteMailbox
from sekisho.incidents import renewal
from sekisho.incidents.models import Audit, RenewalCampaign, RenewalMailbox
from sekisho.web.views import owner_sign_in

pytestmark = pytest.mark.django_db(databases=["default", "site"])


def day(days: int) -> str:
    return (timezone.localdate() + timedelta(days=days)).isoformat()


def begin(client, **fields: str):
    asked = {"criterion": "chosen", "addresses": f"{VICTIM}\n{BYSTANDER}", "due": day(30)} | fields
    return client.post(reverse("renewal_start", args=[DOMAIN]), asked, follow=True)


@pytest.fixture
def campaign(cast) -> RenewalCampaign:
    now = timezone.now()
    return renewal.start(DOMAIN, [VICTIM, BYSTANDER], "chosen", now + timedelta(days=30), "boss", now)


def test_the_page_says_what_is_known_and_what_cannot_be(cast, sign_in):
    SiteMailbox.objects.filter(username=VICTIM).update(password="{PLAIN}hello")
    page = sign_in("owner").get(reverse("passwords", args=[DOMAIN])).content.decode()
    assert "No stored password tells that" in page
    assert "<code>PLAIN</code>" in page and VICTIM in page and "Old: cheap to guess" in page
    assert "hello" not in page and FOREIGN not in page


def test_an_admin_begins_a_campaign_for_his_own_mailboxes_only(cast, sign_in):
    page = begin(sign_in("owner"), addresses=f"{VICTIM} {FOREIGN}").content.decode()
    assert "These are no mailboxes here" in page and not RenewalCampaign.objects.exists()
    assert "between 16 and 180 days" in begin(sign_in("owner"), due=day(3)).content.decode()
    assert "between 16 and 180 days" in begin(sign_in("owner"), due="2026-99-99").content.decode()
    page = begin(sign_in("owner")).content.decode()
    assert "0 / 2" in page and Audit.objects.filter(verb="renewal_started", domain=DOMAIN).count() == 1
    assert "open for this domain already" in begin(sign_in("owner")).content.decode()


def test_a_stranger_finds_neither_the_page_nor_the_campaign(campaign, sign_in):
    stranger = sign_in("stranger")
    for name, arguments in (("passwords", [DOMAIN]), ("renewal", [DOMAIN, campaign.pk])):
        assert stranger.get(reverse(name, args=arguments)).status_code == 404
    # Under his own domain's name it is not there either.
    for name in ("renewal_except", "renewal_end"):
        assert stranger.post(reverse(name, args=[OTHER_DOMAIN, campaign.pk])).status_code == 404
    assert RenewalCampaign.objects.get().ended_at is None


def test_an_exception_is_made_and_taken_back_and_the_campaign_ended(campaign, sign_in):
    client, row = sign_in("owner"), RenewalMailbox.objects.get(mailbox=VICTIM)
    address = reverse("renewal_except", args=[DOMAIN, campaign.pk])
    page = client.post(address, {"row": row.pk, "until": day(60), "reason": ""}, follow=True).content.decode()
    assert "needs a reason" in page
    page = client.post(address, {"row": row.pk, "until": day(60), "reason": "scanner"}, follow=True).content.decode()
    assert "scanner" in page and "Excepted" in page
    client.post(address, {"row": row.pk, "back": "1"})
    row.refresh_from_db()
    assert row.excepted_until is None
    assert "Nothing was changed" in client.post(address, {"row": 999_999, "back": "1"}, follow=True).content.decode()
    page = client.post(reverse("renewal_end", args=[DOMAIN, campaign.pk]), follow=True).content.decode()
    assert "is ended" in page and renewal.open_campaign(DOMAIN) is None


def test_the_page_shows_who_has_renewed_by_the_stored_hash(campaign, sign_in):
    SiteMailbox.objects.filter(username=VICTIM).update(password="another")
    assert "1 / 2" in sign_in("owner").get(reverse("renewal", args=[DOMAIN, campaign.pk])).content.decode()


def test_the_owner_is_told_at_his_own_pages_what_waits_and_what_does_not(campaign, client, monkeypatch):
    monkeypatch.setattr(owner_sign_in, "ANSWER_S", 0.0)
    client.post(reverse("owner_sign_in"), {"address": BYSTANDER, "password": STOLEN_PASSWORD})
    page = client.get(reverse("owner_home"), headers={"accept-language": "en"}).content.decode()
    assert "Please set a new password" in page and "by this day" in page
    RenewalMailbox.objects.filter(mailbox=BYSTANDER).update(enforced_at=timezone.now())
    page = client.get(reverse("owner_home"), headers={"accept-language": "en"}).content.decode()
    assert "mail to new recipients waits" in page
