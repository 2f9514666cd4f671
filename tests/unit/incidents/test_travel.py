"""Travel passes and countries a mailbox is kept to, on their way to the guard."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from sekisho.directory.models import TravelPass
from sekisho.incidents import travel
from sekisho.incidents.changes import NotAllowed
from sekisho.incidents.models import Audit, MailboxStatus, Order
from sekisho.incidents.state import build_state

pytestmark = pytest.mark.django_db(databases=["default", "site"])
ALICE = "alice@ours.test"
DAY = timedelta(days=1)


def test_a_pass_reaches_the_guard_until_it_ends(two_tenants: None) -> None:
    now = timezone.now()
    travel.open_country(ALICE, "th", 5, "boss", now)
    [told] = build_state(now).travel[ALICE]
    assert (told.country, told.since, told.until) == ("TH", now.timestamp(), (now + 5 * DAY).timestamp())
    assert build_state(now + 6 * DAY).travel == {}
    line = Audit.objects.get(verb="open_country")
    assert (line.actor, line.subject, line.details["country"]) == ("boss", ALICE, "TH")


def test_a_second_pass_for_the_country_replaces_the_first_and_one_that_is_taken_back_is_gone(
    two_tenants: None,
) -> None:
    now = timezone.now()
    travel.open_country(ALICE, "TH", 5, "boss", now)
    travel.open_country(ALICE, "TH", 9, "boss", now, since=now + DAY)
    assert TravelPass.objects.get().until == now + 10 * DAY
    travel.close_country(ALICE, "TH", "boss", now)
    assert not TravelPass.objects.exists()
    with pytest.raises(NotAllowed):
        travel.close_country(ALICE, "TH", "boss", now)


@pytest.mark.parametrize(
    ("code", "days"), [("T", 5), ("XX", 5), ("ZZ", 5), ("EU", 5), ("001", 5), ("TH", 0), ("TH", 91)]
)
def test_what_is_no_country_or_no_journey_is_refused(two_tenants: None, code: str, days: int) -> None:
    with pytest.raises(NotAllowed):
        travel.open_country(ALICE, code, days, "boss", timezone.now())
    assert not TravelPass.objects.exists()


def test_countries_are_pinned_always_or_only_on_probation_and_open_sessions_end(two_tenants: None) -> None:
    now = timezone.now()
    travel.set_countries(ALICE, ["jp", "TH", "jp"], "boss", now)
    travel.set_countries("bob@ours.test", ["JP"], "boss", now, only_on_probation=True)
    assert build_state(now).countries == {ALICE: ("JP", "TH")}
    assert set(Order.objects.values_list("mailbox", "kind")) == {(ALICE, "refresh"), ("bob@ours.test", "refresh")}
    MailboxStatus.objects.create(mailbox="bob@ours.test", domain="ours.test", status="probation", since=now)
    assert build_state(now).countries == {ALICE: ("JP", "TH"), "bob@ours.test": ("JP",)}
    travel.set_countries(ALICE, [], "boss", now)
    assert ALICE not in build_state(now).countries
    assert Audit.objects.filter(verb="pin_countries", subject=ALICE).count() == 2


def test_a_list_of_everywhere_is_no_pin(two_tenants: None) -> None:
    many = "AE AR AU BR CA CI CN DE EG FR GB ID IN IT KE KR MX MY NG NL PH".split()
    with pytest.raises(NotAllowed):
        travel.set_countries(ALICE, many, "boss", timezone.now())
