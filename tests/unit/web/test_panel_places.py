"""Travel passes and countries in the panel, and how far a probation is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

import casting
from sekisho.directory.models import CountryPin, TravelPass
from sekisho.incidents.models import Allowance, MailboxStatus, NewRecipient

pytestmark = pytest.mark.django_db(databases=["default", "site"])
PLACES = f"/admin/system/mail/mailboxes/{casting.VICTIM}/places/"
EDIT = f"/admin/system/mail/mailboxes/{casting.VICTIM}/edit"


@pytest.mark.parametrize("who", ["operator", "owner", "colleague"])
def test_who_may_see_the_mailbox_opens_a_country_and_takes_it_back(sign_in, who: str) -> None:
    browser = sign_in(who)
    page = browser.post(PLACES + "travel/", {"country": "TH", "since": "", "days": "5"}, follow=True)
    assert "Thailand counts as usual" in page.content.decode()
    row = TravelPass.objects.get()
    assert (row.mailbox, row.country, row.actor) == (casting.VICTIM, "TH", page.wsgi_request.user.get_username())
    assert timedelta(days=5) - timedelta(minutes=1) < row.until - timezone.now() <= timedelta(days=5)
    assert "Thailand" in browser.get(EDIT).content.decode()
    browser.post(PLACES + "travel/remove/", {"country": "TH"})
    assert not TravelPass.objects.exists()


def test_a_stranger_finds_nothing_and_sets_nothing(sign_in) -> None:
    browser = sign_in("stranger")
    assert browser.get(PLACES).status_code == 404
    assert browser.post(PLACES + "travel/", {"country": "TH", "days": "5"}).status_code == 404
    assert browser.post(PLACES + "countries/", {"add": "JP"}).status_code == 404
    assert not TravelPass.objects.exists() and not CountryPin.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [{"country": "ZZ"}, {"country": ""}, {"days": "0"}, {"days": "x"}, {"days": "400"}, {"since": "2020-01-01"}],
)
def test_what_is_no_journey_is_refused_in_words(sign_in, wrong: dict[str, str]) -> None:
    page = sign_in("owner").post(PLACES + "travel/", {"country": "TH", "since": "", "days": "5", **wrong}, follow=True)
    assert "Nothing was changed" in page.content.decode()
    assert not TravelPass.objects.exists()


def test_a_journey_may_begin_later(sign_in) -> None:
    day = timezone.localdate() + timedelta(days=9)
    sign_in("owner").post(PLACES + "travel/", {"country": "TH", "since": day.isoformat(), "days": "3"})
    row = TravelPass.objects.get()
    assert timezone.localtime(row.since).date() == day
    assert row.until - row.since == timedelta(days=3)


def test_countries_are_added_and_taken_away_one_by_one(sign_in) -> None:
    browser = sign_in("owner")
    browser.post(PLACES + "countries/", {"add": "JP", "when": "always"})
    browser.post(PLACES + "countries/", {"add": "TH", "when": "probation"})
    pin = CountryPin.objects.get()
    assert (pin.countries, pin.only_on_probation) == (["JP", "TH"], True)
    assert "While on probation used only from" in browser.get(EDIT).content.decode()
    browser.post(PLACES + "countries/", {"remove": "TH"})
    assert CountryPin.objects.get().countries == ["JP"]
    browser.post(PLACES + "countries/", {"remove": "JP"})
    assert not CountryPin.objects.exists()


def test_the_page_of_the_mailbox_says_how_far_a_probation_is(sign_in) -> None:
    now = timezone.now()
    casting.status(casting.VICTIM, "probation", now - timedelta(days=2, hours=1), limit=20)
    for _ in range(12):
        NewRecipient.objects.create(mailbox=casting.VICTIM, generation=0, at=now, allowed=True)
    text = sign_in("owner").get(EDIT).content.decode()
    assert "day 3 of 7" in text and "12 of 20 new recipients" in text
    japanese = sign_in("owner", "ja").get(EDIT).content.decode()
    assert "7日中3日目" in japanese and "12 / 20 件" in japanese


def test_the_page_of_the_mailbox_names_an_allowed_mailing(sign_in) -> None:
    now = timezone.now()
    MailboxStatus.objects.create(
        mailbox=casting.VICTIM, domain=casting.DOMAIN, status="active", generation=1, since=now
    )
    Allowance.objects.create(
        mailbox=casting.VICTIM, generation=1, granted_at=now, until=now + timedelta(hours=24), recipients=800, actor="x"
    )
    assert "up to 800 new recipients" in sign_in("owner").get(EDIT).content.decode()
