"""Campaigns for new passwords: what is known, who is reminded when, and that nobody waits who was not told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sekisho.directory.models import SiteMailbox
from sekisho.directory.passwords import hash_password
from sekisho.incidents import letters, renewal
from sekisho.incidents.changes import NotAllowed, write_audit
from sekisho.incidents.models import Audit, Notice, RenewalMailbox
from sekisho.incidents.state import build_state
from sekisho.recovery import renewals
from sekisho.recovery.renewals import Renewals

pytestmark = pytest.mark.django_db(databases=["default", "site"])

ALICE, BOB, CAROL = "alice@ours.test", "bob@ours.test", "carol@theirs.test"
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
DUE = NOW + timedelta(days=20)
OLD_HASH = "{MD5-CRYPT}$1$abcdefgh$0123456789012345678901"


@pytest.fixture
def campaign(two_tenants):
    return renewal.start("ours.test", [ALICE, BOB], "chosen", DUE, "boss", NOW)


def row_of(mailbox: str = ALICE) -> RenewalMailbox:
    return RenewalMailbox.objects.get(mailbox=mailbox)


def run(at: datetime, sends: bool = True) -> None:
    """A turn of the worker's duty; `sends`: the outbox hands over what is open."""
    Renewals()(at)
    if sends:
        Notice.objects.filter(state="open").update(state="sent", sent_at=at)


def stages(mailbox: str = ALICE) -> list[str]:
    return [notice.about.split()[2] for notice in renewal.reminders_of(row_of(mailbox))]


def remind_all() -> None:
    for days in (14, 7, 1):
        run(DUE - timedelta(days=days))


def test_the_facts_are_scheme_and_what_somebody_wrote_down(two_tenants):
    SiteMailbox.objects.filter(username=ALICE).update(password=OLD_HASH)
    SiteMailbox.objects.filter(username=BOB).update(password="{CRYPT}" + hash_password("x" * 20, "SHA512-CRYPT"))
    Audit.objects.filter(subject=BOB)
    write_audit("boss", "set_password", BOB, {}, at=NOW)
    facts = {fact.mailbox: fact for fact in renewal.password_facts("ours.test")}
    assert (facts[ALICE].scheme, facts[ALICE].is_old, facts[ALICE].since) == ("MD5-CRYPT", True, None)
    assert (facts[BOB].scheme, facts[BOB].is_old, facts[BOB].source) == ("SHA512-CRYPT", False, "ours")
    assert facts[BOB].since == NOW
    assert CAROL not in facts
    assert renewal.schemes_in(facts.values()) == [("MD5-CRYPT", True, 1), ("SHA512-CRYPT", False, 1)]
    assert renewal.meeting(facts.values(), "old_scheme", 0, [], NOW) == [ALICE]


def test_an_unknown_age_counts_from_the_mailbox_itself(two_tenants):
    SiteMailbox.objects.filter(username=ALICE).update(created=NOW - timedelta(days=900))
    SiteMailbox.objects.filter(username=BOB).update(created=NOW - timedelta(days=10))
    facts = renewal.password_facts("ours.test")
    assert renewal.meeting(facts, "age", 365, [], NOW) == [ALICE]
    write_audit("boss", "set_password", ALICE, {}, at=NOW - timedelta(days=100))
    assert renewal.meeting(renewal.password_facts("ours.test"), "age", 365, [], NOW) == []


@pytest.mark.parametrize("days", [1, 14, 181])
def test_a_day_that_leaves_no_time_for_the_reminders_is_refused(days, two_tenants):
    with pytest.raises(NotAllowed, match="day"):
        renewal.start("ours.test", [ALICE], "chosen", NOW + timedelta(days=days), "boss", NOW)


def test_another_tenants_mailbox_cannot_be_chosen_and_one_campaign_is_open_at_a_time(campaign):
    with pytest.raises(NotAllowed, match=CAROL):
        renewal.meeting(renewal.password_facts("ours.test"), "chosen", 0, [CAROL], NOW)
    with pytest.raises(NotAllowed, match="open"):
        renewal.start("ours.test", [ALICE], "chosen", DUE, "boss", NOW)


def test_owners_are_reminded_on_their_days_and_once_each(campaign):
    run(DUE - timedelta(days=15))
    assert stages() == []
    for days, wanted in ((14, ["1"]), (13, ["1"]), (7, ["1", "2"]), (1, ["1", "2", "3"]), (0, ["1", "2", "3"])):
        run(DUE - timedelta(days=days))
        assert stages() == wanted, days


def test_after_the_day_new_recipients_wait_and_only_after_every_reminder_has_left(campaign):
    remind_all()
    run(DUE - timedelta(hours=1))
    assert renewal.overdue(DUE) == ()
    run(DUE)
    assert renewal.overdue(DUE) == (ALICE, BOB)
    assert build_state(DUE).renewals == (ALICE, BOB)
    assert Audit.objects.filter(verb="renewal_enforced").count() == 2


def test_without_reminders_nobody_waits_however_late_it_is(campaign):
    """The outbox does not get rid of anything: the reminders are written and do not leave."""
    for day in range(40):
        run(DUE + timedelta(days=day), sends=False)
    assert stages() == ["1", "2", "3"] and renewal.overdue(DUE + timedelta(days=60)) == ()
    Notice.objects.update(state="failed")
    run(DUE + timedelta(days=50), sends=False)
    assert renewal.overdue(DUE + timedelta(days=60)) == ()


def test_a_worker_that_was_away_sends_the_reminders_a_day_apart_before_anything_happens(campaign):
    for hours in (0, 1, 24, 48, 49):
        run(DUE + timedelta(hours=hours))
    assert stages() == ["1", "2", "3"]
    assert renewal.overdue(DUE + timedelta(hours=50)) == ()
    run(DUE + timedelta(hours=72))
    assert renewal.overdue(DUE + timedelta(hours=73)) == (ALICE, BOB)


def test_a_new_password_frees_at_once_and_the_last_one_ends_the_campaign(campaign):
    remind_all()
    run(DUE)
    SiteMailbox.objects.filter(username=ALICE).update(password=hash_password("another " * 3, "SHA512-CRYPT"))
    later = DUE + timedelta(minutes=1)
    run(later)
    assert renewal.overdue(later) == (BOB,)
    assert renewal.progress(campaign, later) == {"all": 2, "renewed": 1, "excepted": 0, "waiting": 1, "left": 1}
    SiteMailbox.objects.filter(username=BOB).delete()
    run(later)
    campaign.refresh_from_db()
    assert campaign.ended_at == later and renewal.overdue(later) == ()


def test_an_exception_has_a_reason_and_an_end(campaign):
    remind_all()
    run(DUE)
    with pytest.raises(NotAllowed):
        renewal.except_until(row_of(), DUE + timedelta(days=30), " ", "boss", DUE)
    with pytest.raises(NotAllowed):
        renewal.except_until(row_of(), DUE + timedelta(days=400), "scanner", "boss", DUE)
    renewal.except_until(row_of(), DUE + timedelta(days=30), "scanner", "boss", DUE)
    assert renewal.overdue(DUE) == (BOB,)
    assert renewal.overdue(DUE + timedelta(days=31)) == (ALICE, BOB)
    renewal.except_until(row_of(), None, "", "boss", DUE)
    assert renewal.overdue(DUE) == (ALICE, BOB)


def test_ending_it_undoes_everything_at_once(campaign):
    remind_all()
    run(DUE)
    renewal.end(campaign, "boss", DUE)
    assert renewal.overdue(DUE) == () and build_state(DUE).renewals == ()
    assert renewal.of_mailbox(ALICE) is None


def test_a_reminder_holds_no_link_and_is_not_sent_once_it_is_over(campaign):
    Renewals()(DUE - timedelta(days=14))
    letter = Notice.objects.get(kind=renewal.KIND, recipient=ALICE)
    subject, text = letters.compose(letter)
    assert "http" not in text and ALICE in subject and "初めての宛先" in text and "new recipients" in text
    renewal.end(campaign, "boss", NOW)
    with pytest.raises(letters.Stale):
        renewals.compose(letter)
