"""Who goes on trying the old password: recognised by Dovecot's hash of it, told apart by place, bounded in rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from sekisho.incidents import decisions, knocking
from sekisho.incidents.events import EventBatch
from sekisho.incidents.facts import incident_story
from sekisho.incidents.models import Incident, SignIn, UsualUse
from sekisho.journal import LoginSeen

pytestmark = pytest.mark.django_db(databases=["default", "site"])

ALICE = "alice@ours.test"
OLD, NEW = "0a1b", "0c2d"
OFFICE, ABROAD = "198.18.40.7", "198.19.18.66"


def login(at: datetime, ip: str, pwhash: str, success: bool = False, **more: object) -> LoginSeen:
    return LoginSeen(at.timestamp(), ALICE, success, "imap", ip, pwhash=pwhash, **more)  # type: ignore[arg-type]


def take(*events: LoginSeen) -> None:
    batch = EventBatch()
    for event in events:
        batch.add(event)
    for _, write in batch.sums():
        write()


@pytest.fixture
def taken_over(two_tenants: None) -> Incident:
    """alice, at home in the office for three days, suspended just now."""
    now = timezone.now()
    take(*(login(now - timedelta(days=day), OFFICE, OLD, success=True) for day in (1, 2, 3)))
    return decisions.suspend(ALICE, "spam", "operator")


def after(minutes: int = 1) -> datetime:
    return timezone.now() + timedelta(minutes=minutes)


def test_the_owners_phone_and_the_hijacker_are_told_apart(taken_over: Incident) -> None:
    take(login(after(), "198.18.40.99", OLD, device="iPhone Mail"), login(after(), ABROAD, OLD, country="NG"))
    take(login(after(61), ABROAD, OLD, country="NG"), login(after(61), ABROAD, OLD, country="NG"))
    hijacker, phone = knocking.knocks(taken_over)
    assert (hijacker.ip, hijacker.known, hijacker.count, hijacker.country) == (ABROAD, False, 3, "NG")
    assert (phone.ip, phone.known, phone.count, phone.device) == ("198.18.40.99", True, 1, "iPhone Mail")
    assert [knock["ip"] for knock in incident_story(taken_over, "en")["knocking"]] == [ABROAD, "198.18.40.99"]


def test_other_wrong_passwords_are_no_knocking(taken_over: Incident) -> None:
    take(login(after(), ABROAD, "ffff"), login(after(), ABROAD, ""), login(after(), OFFICE, NEW))
    assert knocking.knocks(taken_over) == []
    assert SignIn.objects.filter(success=False).count() == 2


def test_a_guesser_makes_two_rows_an_hour_however_much_he_tries(taken_over: Incident) -> None:
    hour = datetime(2100, 1, 1, tzinfo=UTC)
    Incident.objects.update(detected_at=hour - timedelta(days=1))
    take(*(login(hour + timedelta(seconds=n), ABROAD, f"{n:04x}") for n in range(50)), login(hour, ABROAD, OLD))
    rows = SignIn.objects.filter(success=False)
    assert sorted(rows.values_list("old_password", "count")) == [(False, 50), (True, 1)]


def test_the_network_of_the_mailboxs_usual_provider_is_known(taken_over: Incident) -> None:
    UsualUse.objects.create(mailbox=ALICE, at=timezone.now(), facts={"owners": [64501]})
    take(login(after(), "198.18.70.1", OLD, asn=64501), login(after(), "198.18.90.1", OLD, asn=64502))
    assert {knock.ip: knock.known for knock in knocking.knocks(taken_over)} == {
        "198.18.70.1": True,
        "198.18.90.1": False,
    }


def test_nobody_is_called_a_stranger_where_no_home_is_known(two_tenants: None) -> None:
    take(login(timezone.now() - timedelta(minutes=5), OFFICE, OLD, success=True))
    incident = decisions.suspend(ALICE, "spam", "operator")
    take(login(after(), OFFICE, OLD), login(after(), ABROAD, OLD))
    assert [knock.known for knock in knocking.knocks(incident)] == [None, None]


def test_a_device_is_named_as_it_calls_itself(taken_over: Incident) -> None:
    take(login(after(), OFFICE, OLD, device='"vendor" "Apple" "name" "iPhone Mail" "version" "19H"'))
    [knock] = knocking.knocks(taken_over)
    assert knock.device == "iPhone Mail"


def test_it_goes_on_after_recovery_and_ends_with_a_dismissal(taken_over: Incident) -> None:
    assert knocking.is_old_password(ALICE, OLD, after())
    decisions.dismiss(taken_over, "operator")
    assert not knocking.is_old_password(ALICE, OLD, after())
    assert not knocking.is_old_password("bob@ours.test", OLD, after())


def test_a_password_used_after_the_recovery_is_not_the_old_one(taken_over: Incident) -> None:
    take(login(after(), OFFICE, NEW, success=True))
    assert not knocking.is_old_password(ALICE, NEW, after(2))
    assert knocking.is_old_password(ALICE, OLD, after(2))
    assert not knocking.is_old_password(ALICE, OLD, after() + knocking.WATCHED + timedelta(days=1))


def test_each_incident_has_its_own(taken_over: Incident) -> None:
    take(login(after(), ABROAD, OLD))
    Incident.objects.filter(pk=taken_over.pk).update(phase="recovered", recovered_at=after(5))
    second = Incident.objects.create(
        mailbox=ALICE, domain="ours.test", generation=9, cause="operator", action="suspend", enforced=True,
        phase="contained", detected_at=after(10), first_risk_at=after(10), contained_at=after(11),
    )  # fmt: skip
    take(login(after(20), OFFICE, OLD))
    assert [knock.ip for knock in knocking.knocks(taken_over)] == [ABROAD]
    assert [knock.ip for knock in knocking.knocks(second)] == [OFFICE]
