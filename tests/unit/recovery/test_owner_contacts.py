"""Contacts and codes on paper: who may be one, and from when it counts."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from sekisho.directory import provision
from sekisho.directory.models import SiteMailbox
from sekisho.incidents.models import Audit, Incident, Notice
from sekisho.recovery import contacts, paper
from sekisho.recovery.models import OwnerContact, PaperCode

pytestmark = pytest.mark.django_db(databases=["default", "site"])

ALICE = "alice@ours.test"
DAY = timedelta(days=1)


def told(kind: str) -> list[str]:
    return list(Notice.objects.filter(kind=kind).order_by("id").values_list("recipient", flat=True))


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture(autouse=True)
def old_mailboxes(two_tenants: None, now: datetime) -> None:
    SiteMailbox.objects.update(created=now - 400 * DAY)


@pytest.mark.parametrize(
    "address",
    [
        ALICE,
        "ALICE@Ours.Test",
        "alice+private@ours.test",
        "alice@alias.test",
        "bob@ours.test",
        "carol@theirs.test",
        "forward@theirs.test",
        "alice@mail.ours.test",
        "root@mx01.provider.test",
        "root@mx01.provider.example",
    ],
)
def test_it_refuses_whatever_our_own_servers_deliver(two_tenants: None, now: datetime, address: str) -> None:
    provision.add_alias("forward@theirs.test", [ALICE])
    with pytest.raises(contacts.ContactRefused) as refused:
        contacts.add(ALICE, address, "ja", "admin", now)
    assert refused.value.problem.code == "own"
    assert not OwnerContact.objects.exists() and not Notice.objects.exists()


@pytest.mark.parametrize(
    "address", ["", "alice", "a@b", "a b@c.example", "x@[192.0.2.1]", "あ@c.example", "a\n@c.example"]
)
def test_it_refuses_what_is_no_address(two_tenants: None, now: datetime, address: str) -> None:
    with pytest.raises(contacts.ContactRefused) as refused:
        contacts.add(ALICE, address, "ja", "admin", now)
    assert refused.value.problem.code == "address"


def test_it_counts_after_two_weeks(two_tenants: None, now: datetime) -> None:
    contact = contacts.add(ALICE, "Alice.Private@Outside.Test", "ja", "admin", now)
    assert contact.address == "Alice.Private@outside.test"
    assert contacts.that_count(ALICE, now + 14 * DAY - timedelta(seconds=1)) == []
    assert contacts.that_count(ALICE, now + 14 * DAY) == [contact]
    assert contacts.that_count("bob@ours.test", now + 14 * DAY) == []


def test_it_does_not_count_when_added_since_the_first_unfamiliar_login(incident: Incident, now: datetime) -> None:
    contact = contacts.add(ALICE, "alice@outside.test", "ja", "admin", now)
    later = now + 20 * DAY
    Incident.objects.update(first_risk_at=now - DAY)
    assert contacts.that_count(ALICE, later) == []
    Incident.objects.update(first_risk_at=now + DAY)
    assert contacts.that_count(ALICE, later) == [contact]
    Incident.objects.update(first_risk_at=now - DAY, phase="dismissed")
    assert contacts.that_count(ALICE, later) == [contact]


def test_it_does_not_count_once_its_domain_is_served_here(two_tenants: None, now: datetime) -> None:
    contacts.add(ALICE, "alice@moving.test", "ja", "admin", now)
    provision.add_domain("moving.test")
    assert contacts.that_count(ALICE, now + 20 * DAY) == []


def test_it_tells_the_others_of_every_change(two_tenants: None, now: datetime) -> None:
    first = contacts.add(ALICE, "first@outside.test", "ja", "admin", now)
    second = contacts.add(ALICE, "second@outside.test", "en", "kanri", now)
    assert told("contact_new") == ["first@outside.test", "second@outside.test"]
    assert told("contact_told") == ["first@outside.test"]
    contacts.remove(first, "kanri", now)
    contacts.remove(first, "kanri", now)
    assert told("contact_told") == ["first@outside.test", "first@outside.test", "second@outside.test"]
    assert list(contacts.of_mailbox(ALICE)) == [second]
    assert [row.verb for row in Audit.objects.order_by("id") if row.actor == "kanri"] == [
        "owner_contact_added",
        "owner_contact_removed",
    ]


def test_it_takes_three_and_none_twice(two_tenants: None, now: datetime) -> None:
    for number in range(3):
        contacts.add(ALICE, f"c{number}@outside.test", "ja", "admin", now)
    for address, code in (("C1@outside.test", "there"), ("c3@outside.test", "many")):
        with pytest.raises(contacts.ContactRefused) as refused:
            contacts.add(ALICE, address, "ja", "admin", now)
        assert refused.value.problem.code == code


def test_postfixadmins_address_is_as_old_as_its_row_at_first_and_new_when_it_changes(
    two_tenants: None, now: datetime
) -> None:
    rows = SiteMailbox.objects.filter(username=ALICE)
    rows.update(email_other="alice@outside.test", modified=now - 30 * DAY)
    assert contacts.adopt_site_contacts(now) == 1
    assert contacts.adopt_site_contacts(now) == 0
    assert [c.address for c in contacts.that_count(ALICE, now)] == ["alice@outside.test"]
    assert told("contact_new") == []

    rows.update(email_other="evil@outside.test", modified=now - 30 * DAY)
    assert contacts.adopt_site_contacts(now) == 2
    assert contacts.that_count(ALICE, now) == []
    assert "alice@outside.test" in told("contact_told") and told("contact_new") == ["evil@outside.test"]
    with pytest.raises(contacts.ContactRefused):
        contacts.remove(contacts.of_mailbox(ALICE).get(), "admin", now)
    rows.update(email_other="")
    assert contacts.adopt_site_contacts(now) == 1
    assert not contacts.of_mailbox(ALICE).exists()


def test_postfixadmins_address_on_our_own_servers_is_left_out(two_tenants: None, now: datetime) -> None:
    SiteMailbox.objects.filter(username=ALICE).update(email_other="bob@ours.test", modified=now - 30 * DAY)
    assert contacts.adopt_site_contacts(now) == 0
    assert not OwnerContact.objects.exists()


def test_what_an_earlier_owner_of_the_address_enrolled_counts_nothing(now: datetime) -> None:
    contacts.add(ALICE, "former@outside.test", "ja", "admin", now - 60 * DAY)
    codes = paper.print_sheet(ALICE, "admin", now - 60 * DAY)
    SiteMailbox.objects.filter(username=ALICE).update(created=now - 40 * DAY)
    assert contacts.that_count(ALICE, now) == [] and not contacts.of_mailbox(ALICE).exists()
    assert paper.unused(ALICE)[0] == 0 and not paper.take(ALICE, codes[0], now)
    again = contacts.add(ALICE, "present@outside.test", "ja", "admin", now - 30 * DAY)
    assert contacts.that_count(ALICE, now) == [again]


def test_a_large_site_is_adopted_in_parts(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    SiteMailbox.objects.exclude(username=ALICE).delete()
    for number in range(5):
        provision.add_mailbox(f"m{number}@ours.test", "first password of them all")
    SiteMailbox.objects.exclude(username=ALICE).update(email_other="shared@outside.test", modified=now)
    monkeypatch.setattr(contacts, "ADOPTED_AT_ONCE", 2)
    assert [contacts.adopt_site_contacts(now) for _ in range(4)] == [2, 2, 1, 0]


def test_a_paper_code_counts_after_two_weeks_and_once(two_tenants: None, now: datetime) -> None:
    codes = paper.print_sheet(ALICE, "admin", now)
    later = now + 15 * DAY
    assert len(set(codes)) == 10 and all(len(code) == 14 for code in codes)
    assert not paper.take(ALICE, codes[0], now + 13 * DAY)
    assert not paper.take("bob@ours.test", codes[0], later)
    assert paper.take(ALICE, f"  {codes[0].upper().replace('-', ' ')} ", later)
    assert not paper.take(ALICE, codes[0], later)
    assert paper.unused(ALICE)[0] == 9
    for row in PaperCode.objects.all():
        assert not any(code.replace("-", "") in row.digest for code in codes)


def test_a_sheet_printed_during_the_incident_does_not_count(incident: Incident, now: datetime) -> None:
    codes = paper.print_sheet(ALICE, "admin", now + DAY)
    assert not paper.take(ALICE, codes[0], now + 30 * DAY)


def test_a_new_sheet_voids_the_old_one_and_the_contacts_hear_of_it(two_tenants: None, now: datetime) -> None:
    contacts.add(ALICE, "alice@outside.test", "ja", "admin", now)
    old = paper.print_sheet(ALICE, "admin", now)
    paper.print_sheet(ALICE, "admin", now + DAY)
    assert not paper.take(ALICE, old[0], now + 30 * DAY)
    assert told("codes_printed") == ["alice@outside.test"] * 2
