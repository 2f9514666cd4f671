"""The answer to an alert: "this was me", or "it was not"."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.utils import timezone
from test_decisions import ALICE, T, record

from sekisho.incidents import decisions
from sekisho.incidents.alert_sources import of
from sekisho.incidents.events import EventBatch
from sekisho.incidents.models import Audit, Incident, MailboxStatus, Order, SignIn, Transition, UsualUse
from sekisho.incidents.state import build_state
from sekisho.incidents.usual import usual_words
from sekisho.journal import UsualSeen

pytestmark = pytest.mark.django_db(databases=["default", "site"])
HOTEL, LATER = "192.0.2.1", "198.51.100.9"


@pytest.fixture
def alert(two_tenants: None) -> Incident:
    found = decisions.record_detection(record(action="alert", limit=None, score=4.5))
    assert found is not None
    return found


def sign_in(ip: str, t: float, *, success: bool = True) -> None:
    SignIn.objects.create(
        mailbox=ALICE,
        at=datetime.fromtimestamp(t, UTC),
        success=success,
        protocol="imap",
        ip=ip,
        country="KR",
        asn=4766,
    )


def test_yes_dismisses_the_alert_and_vouches_for_its_sources_alone(alert: Incident) -> None:
    sign_in(HOTEL, T)
    sign_in(LATER, T + 600)
    sign_in("203.0.113.5", T - 30, success=False)
    assert decisions.recognise(alert, "boss") == [HOTEL]
    alert.refresh_from_db()
    assert alert.phase == "dismissed"
    change = Transition.objects.get()
    assert (change.before, change.after, change.cause, change.sources) == ("active", "active", "answer", [HOTEL])
    audit = Audit.objects.get(verb="active")
    assert (audit.actor, audit.details["sources"]) == ("boss", [HOTEL])
    stated = build_state(timezone.now()).mailboxes[ALICE]
    assert (stated.generation, stated.confirmed, stated.vouched) == (1, True, (HOTEL,))
    assert not Order.objects.exists()


def test_the_logins_that_led_to_the_alert_are_among_its_sources(alert: Incident) -> None:
    sign_in("203.0.113.5", T - 30)
    sign_in("203.0.113.6", T - 90)
    assert [source.ip for source in of(alert)] == ["203.0.113.5", HOTEL]


def test_a_source_found_since_the_page_was_shown_is_not_vouched_for(alert: Incident) -> None:
    decisions.record_detection(record("d2", "alert", limit=None, score=5.0, ip=LATER, t=T + 60))
    with pytest.raises(decisions.Overtaken):
        decisions.recognise(alert, "boss", seen=[HOTEL])
    alert.refresh_from_db()
    assert alert.phase == "detected" and not Transition.objects.exists()
    assert decisions.recognise(alert, "boss", seen=[LATER, HOTEL]) == [HOTEL, LATER]


def test_a_second_answer_changes_nothing(alert: Incident) -> None:
    decisions.recognise(alert, "boss")
    with pytest.raises(decisions.NotAllowed):
        decisions.recognise(alert, "boss")
    with pytest.raises(decisions.NotAllowed):
        decisions.disown(alert, "boss", "no")
    assert Transition.objects.count() == 1


def test_no_suspends_by_that_persons_word_and_holds_mail_since_the_first_sign(alert: Incident) -> None:
    decisions.disown(alert, "boss", "nobody of us was there")
    status = MailboxStatus.objects.get(mailbox=ALICE)
    assert (status.status, status.generation) == ("suspended", 0)
    change = Transition.objects.get()
    assert (change.cause, change.actor, change.sources) == ("operator", "boss", None)
    assert Order.objects.get(kind="contain").details["hold_since"] == T - 60
    with pytest.raises(decisions.NotAllowed):
        decisions.disown(alert, "boss", "again")
    assert Transition.objects.count() == 1


def test_yes_opens_neither_a_restricted_nor_a_suspended_mailbox(two_tenants: None) -> None:
    for identifier, action in (("d1", "restrict"), ("d2", "suspend")):
        found = decisions.record_detection(record(identifier, action))
        assert found is not None
        with pytest.raises(decisions.NotAllowed):
            decisions.recognise(found, "boss")


def test_a_restriction_is_disowned_as_well(two_tenants: None) -> None:
    found = decisions.record_detection(record(action="restrict"))
    assert found is not None
    decisions.disown(found, "boss", "no")
    assert MailboxStatus.objects.get(mailbox=ALICE).status == "suspended"


def test_dismissing_an_alert_vouches_for_no_more_than_its_sources(alert: Incident) -> None:
    decisions.dismiss(alert, "operator")
    assert build_state(timezone.now()).mailboxes[ALICE].vouched == (HOTEL,)


@pytest.mark.parametrize("action", ["restrict", "suspend"])
def test_a_dismissal_vouches_for_what_detection_had_shown_and_for_nobody_who_came_later(
    two_tenants: None, action: str
) -> None:
    found = decisions.record_detection(record(action=action))
    assert found is not None
    sign_in(LATER, T + 60)
    decisions.dismiss(found, "operator")
    stated = build_state(timezone.now()).mailboxes[ALICE]
    assert (stated.confirmed, stated.vouched) == (True, (HOTEL,))


def test_the_answer_to_a_question_vouches_for_nobody_who_came_after_it_was_asked(two_tenants: None) -> None:
    found = decisions.record_detection(record(action="restrict"))
    assert found is not None
    sign_in(LATER, T + 60)
    decisions.answer(found, "boss")
    assert build_state(timezone.now()).mailboxes[ALICE].vouched == (HOTEL,)


def test_the_dismissal_of_an_operators_own_suspension_is_about_the_whole_day(two_tenants: None) -> None:
    found = decisions.suspend(ALICE, "a call", "operator")
    decisions.dismiss(found, "operator")
    stated = build_state(timezone.now()).mailboxes[ALICE]
    assert (stated.confirmed, stated.vouched) == (True, None)


def test_what_is_usual_is_kept_as_last_told_and_said_with_names(two_tenants: None) -> None:
    names = ((4713, "OCN"),)
    batch = EventBatch()
    batch.add(UsualSeen(T, ALICE, ("JP",), (4713, 9605), ("imap",), 12, 30, names))
    batch.add(UsualSeen(T - 60, ALICE, (), (), (), 0, 1))
    assert UsualUse.objects.get().facts["days"] == 30
    english, japanese = usual_words(ALICE, "en"), usual_words(ALICE, "ja")
    assert english and english.text.startswith("Usually: Japan, OCN and AS9605; 12 new recipients")
    assert japanese and "日本、OCN・AS9605" in japanese.text
    assert usual_words("bob@ours.test", "en") is None
