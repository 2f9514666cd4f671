"""The page 評判: listings with their steps, receivers, back to normal; who asked for removal."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from sekisho.impact.models import Listing, ListLook
from sekisho.incidents.models import Audit, Incident, ReceiverDay

pytestmark = pytest.mark.django_db(databases=["default", "site"])


@pytest.fixture
def listing(incident: Incident) -> Listing:
    now = timezone.now()
    row = Listing.objects.create(
        zone="bl.spamcop.net", kind="ipv4", subject="192.0.2.7", codes="127.0.0.2", first_at=now, last_at=now
    )
    row.incidents.add(incident)
    return row


def text_of(client, name, *arguments):
    return client.get(reverse(name, args=arguments)).content.decode()


def test_a_listing_is_shown_with_its_steps_and_its_form_as_text(listing, incident, sign_in):
    text = text_of(sign_in("operator"), "reputation")
    assert "192.0.2.7" in text and "SpamCop" in text and reverse("incident", args=[incident.pk]) in text
    assert "<code>https://www.spamcop.net/bl.shtml</code>" in text and 'href="https://www.spamcop.net' not in text
    assert "申請は必要ありません" in text_of(sign_in("operator", "ja"), "reputation")


def test_who_has_asked_is_on_record_and_can_be_taken_back(listing, sign_in):
    client = sign_in("operator")
    asked = reverse("listing_asked", args=[listing.pk])
    assert client.post(asked, {"asked": "yes"}).status_code == 302
    assert "operator has asked for removal" in text_of(client, "reputation")
    client.post(asked, {"asked": "no"})
    assert "has asked for removal" not in text_of(client, "reputation")
    assert list(Audit.objects.filter(verb__startswith="delisting").values_list("verb", flat=True)) == [
        "delisting_asked", "delisting_not_asked",
    ]  # fmt: skip
    assert client.post(reverse("listing_asked", args=[listing.pk + 1])).status_code == 404


def test_ended_listings_and_lists_that_do_not_work_are_told(listing, sign_in):
    now = timezone.now()
    Listing.objects.update(gone_at=now)
    for zone, verdict in (("zen.spamhaus.org", "refused"), ("sold.test", "broken")):
        ListLook.objects.create(zone=zone, kind="ipv4", verdict=verdict, at=now, since=now)
    ListLook.objects.create(
        zone="zen.spamhaus.org", kind="ipv4", subject="192.0.2.7", verdict="clean", at=now, since=now
    )
    text = text_of(sign_in("operator"), "reputation")
    assert "No list names us." in text and "Earlier listings" in text
    assert "Refuses to answer us" in text and "Broken" in text and "Spamhaus ZEN" in text


def test_the_incident_page_says_whether_all_is_normal_again_also_to_the_domains_admin(listing, incident, sign_in):
    for who in ("operator", "owner"):
        text = text_of(sign_in(who), "incident", incident.pk)
        assert "Back to normal: no" in text and "1 listing on a blocklist" in text and "192.0.2.7" in text
    assert reverse("reputation") not in text
    Incident.objects.filter(pk=incident.pk).update(phase="closed")
    Listing.objects.update(gone_at=timezone.now())
    for ago in range(3):
        day = timezone.now().date() - timedelta(days=ago)
        ReceiverDay.objects.create(day=day, receiver="google", domain=incident.domain, delivered=20)
    assert "Back to normal: yes" in text_of(sign_in("owner"), "incident", incident.pk)


def test_receivers_have_a_table_and_a_drawing_with_a_sentence(incident, sign_in):
    today = timezone.now().date()
    for ago, refused in ((0, 5), (1, 0), (2, 1)):
        day = today - timedelta(days=ago)
        ReceiverDay.objects.create(day=day, receiver="docomo", domain=incident.domain, refused_57=refused, delivered=95)
    text = text_of(sign_in("operator"), "reputation")
    assert "NTTドコモ" in text and "today 5.0 %" in text and text.count('class="bar"') == 2
    assert "2.1 %" in text
