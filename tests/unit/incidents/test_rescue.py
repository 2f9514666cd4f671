"""A suspended mailbox accepts its mail by a person's word or by its domain's rule, and is suspended all the while."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from django.utils import timezone
from test_decisions import T, record

from sekisho.config import settings
from sekisho.directory.models import Contact
from sekisho.incidents import channel_texts, decisions, orders, rescue
from sekisho.incidents.changes import NotAllowed
from sekisho.incidents.deferred import earliest_returns, note_arrival, note_waiting, summarize
from sekisho.incidents.letters import Stale
from sekisho.incidents.models import (
    Audit,
    DeferredPair,
    Incident,
    MailboxStatus,
    Notice,
    Order,
    TimelineEntry,
    Transition,
)
from sekisho.incidents.notice_texts import compose
from sekisho.incidents.notices import OPERATOR_KINDS
from sekisho.journal import MailArrived, SenderDeferred

ALICE = "alice@ours.test"
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)

pytestmark = pytest.mark.django_db(databases=["default", "site"], transaction=False)


def set_up(monkeypatch: pytest.MonkeyPatch, transport: str) -> None:
    postfix = msgspec.structs.replace(settings().postfix, rescue_transport=transport)
    changed = msgspec.structs.replace(settings(), postfix=postfix)
    monkeypatch.setattr("sekisho.incidents.rescue.settings", lambda: changed)


@pytest.fixture(autouse=True)
def delivery_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch, "keep:unix:private/lmtp")


def wait(sender: str = "s@outside.test", at: datetime = NOW, where: str = "sender") -> None:
    note_waiting(SenderDeferred(at.timestamp(), ALICE, sender, ALICE, "out.outside.test[192.0.2.1]", where))


@pytest.fixture
def operator(two_tenants: None) -> str:
    """A contact of the operator's."""
    Contact.objects.create(domain="ALL", address="duty@provider.test", language="en")
    return "duty@provider.test"


def told(*kinds: str) -> list[tuple[str, str]]:
    """Notices of these kinds: kind and recipient."""
    return list(Notice.objects.filter(kind__in=kinds).order_by("id").values_list("kind", "recipient"))


LOW = [("waiting_low", "boss@outside.test"), ("waiting_low_op", "duty@provider.test")]
RESCUED = [("rescued", "boss@outside.test"), ("rescued_op", "duty@provider.test")]


def row() -> MailboxStatus:
    return MailboxStatus.objects.get(mailbox=ALICE)


def test_switching_writes_an_order_for_each_host_an_audit_row_and_a_line_of_the_story(incident: Incident) -> None:
    before = Transition.objects.count()
    placed = rescue.switch(ALICE, True, "operator", now=NOW)
    assert [(o.kind, o.generation, o.state, o.host) for o in placed] == [("rescue_on", 0, "open", settings().host)]
    assert (row().status, row().rescue_since) == ("suspended", NOW)
    assert Transition.objects.count() == before
    assert Audit.objects.filter(verb="rescue_on", subject=ALICE, actor="operator").count() == 1
    assert TimelineEntry.objects.filter(incident=incident, kind="rescue_on").count() == 1
    # Said twice it changes nothing.
    assert rescue.switch(ALICE, True, "operator", now=NOW + HOUR) == []
    assert row().rescue_since == NOW and Audit.objects.filter(verb="rescue_on").count() == 1


def test_off_and_on_again_leave_one_order_to_be_carried_out(incident: Incident) -> None:
    for on in (True, False, True):
        rescue.switch(ALICE, on, "operator")
    assert dict(Order.objects.filter(kind__startswith="rescue").values_list("kind", "state")) == {
        "rescue_on": "open",
        "rescue_off": "obsolete",
    }


def test_only_a_suspended_mailbox_can_be_rescued(two_tenants: None) -> None:
    with pytest.raises(NotAllowed, match="is active"):
        rescue.switch(ALICE, True, "operator")
    decisions.restrict(ALICE, "strange", "operator")
    with pytest.raises(NotAllowed, match="is restricted"):
        rescue.switch(ALICE, True, "operator")


def test_without_a_delivery_agent_nobody_can_switch_it_on(incident: Incident, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch, "")
    with pytest.raises(NotAllowed, match="rescue_transport"):
        rescue.switch(ALICE, True, "operator")
    with pytest.raises(NotAllowed, match="rescue_transport"):
        rescue.set_rule("ours.test", 12, "operator")
    assert row().rescue_since is None and not Order.objects.filter(kind="rescue_on").exists()


@pytest.mark.parametrize("how", ["reinstate", "dismiss"])
def test_it_ends_with_the_suspension(incident: Incident, how: str) -> None:
    [order] = rescue.switch(ALICE, True, "operator")
    if how == "reinstate":
        decisions.reinstate(ALICE, "boss")
    else:
        decisions.dismiss(incident, "operator")
    assert row().rescue_since is None
    order.refresh_from_db()
    assert order.state == "obsolete"
    decisions.suspend(ALICE, "again", "operator")
    assert row().rescue_since is None


def test_an_order_has_its_effect_when_the_doors_were_found_shut(incident: Incident) -> None:
    [order] = rescue.switch(ALICE, True, "operator", now=NOW)
    for place, name in enumerate(("find_home", "accept_mail", "retry_waiting", "probe_doors"), 1):
        assert not orders.has_effect(order)
        orders.record_step(ALICE, 0, "rescue_on", order.host, name, place, "done", "read back", NOW)
    assert orders.has_effect(order)
    incident.refresh_from_db()
    assert incident.phase == "detected" and incident.recovered_at is None


class TestRules:
    @pytest.fixture(autouse=True)
    def rule(self, incident: Incident) -> None:
        assert rescue.set_rule("ours.test", 12, "operator")

    def test_it_switches_so_many_hours_before_the_earliest_return(self) -> None:
        wait()
        assert rescue.apply_rules(NOW + 35 * HOUR) == []
        assert rescue.apply_rules(NOW + 36 * HOUR) == [ALICE]
        assert row().rescue_since == NOW + 36 * HOUR and row().status == "suspended"
        assert rescue.apply_rules(NOW + 37 * HOUR) == []
        assert Audit.objects.get(verb="rescue_on").actor == "worker"

    def test_nothing_is_switched_while_nobody_waits_outside(self) -> None:
        wait(where="ours")
        assert rescue.apply_rules(NOW + 100 * HOUR) == []

    def test_what_a_person_switched_off_stays_off_in_this_suspension(self) -> None:
        wait()
        rescue.switch(ALICE, True, "operator")
        rescue.switch(ALICE, False, "operator")
        assert rescue.apply_rules(NOW + 47 * HOUR) == []

    def test_it_speaks_for_its_own_domain_only(self, two_tenants: None) -> None:
        decisions.suspend("carol@theirs.test", "spam", "operator")
        event = SenderDeferred(NOW.timestamp(), "carol@theirs.test", "s@x.test", "carol@theirs.test", "c", "sender")
        note_waiting(event)
        assert rescue.apply_rules(NOW + 47 * HOUR) == []

    def test_it_can_be_taken_away_and_is_audited(self) -> None:
        assert not rescue.set_rule("ours.test", 12, "operator")
        assert rescue.set_rule("ours.test", None, "operator") and rescue.rule_of("ours.test") is None
        assert [line.details["after"] for line in Audit.objects.filter(verb="rescue_rule").order_by("id")] == [12, None]
        for domain, hours in (("alias.test", 12), ("nowhere.test", 12), ("ours.test", 48), ("ours.test", 0)):
            with pytest.raises(NotAllowed):
                rescue.set_rule(domain, hours, "operator")


class TestClock:
    def test_the_first_sender_in_time_sets_it_and_our_own_queue_does_not(self, incident: Incident) -> None:
        wait("late@outside.test", NOW + HOUR)
        wait("first@outside.test", NOW)
        wait("colleague@ours.test", NOW - HOUR, where="ours")
        assert summarize(incident, NOW).earliest_return == NOW + 48 * HOUR
        assert summarize(incident, NOW).overdue == 0

    def test_a_rhythm_seen_twice_gives_the_sender_longer(self, incident: Incident) -> None:
        for gap in (0, 300, 900, 2100, 4500, 8700, 12900, 17100):
            wait(at=NOW + timedelta(seconds=gap))
        pair = DeferredPair.objects.get()
        assert (pair.tries, pair.gaps[-2:]) == (8, [4200, 4200])
        assert pair.give_up_at == NOW + timedelta(days=5)

    def test_what_has_arrived_waits_no_more_and_new_mail_begins_anew(self, incident: Incident) -> None:
        wait()
        note_arrival(MailArrived((NOW + HOUR).timestamp(), ALICE, "s@outside.test", "4bX1y2z3AbCdEf"))
        assert summarize(incident, NOW + HOUR).earliest_return is None
        wait(at=NOW + 30 * HOUR)
        assert summarize(incident, NOW).earliest_return == NOW + 78 * HOUR

    def test_what_never_came_back_in_an_older_incident_starts_no_clock(self, incident: Incident) -> None:
        wait()
        decisions.reinstate(ALICE, "boss")
        decisions.suspend(ALICE, "again", "operator")
        assert earliest_returns([ALICE]) == {}
        wait(at=NOW + 100 * HOUR)
        assert earliest_returns([ALICE]) == {ALICE: NOW + 148 * HOUR}

    def test_what_never_came_back_is_counted_when_its_time_is_over(self, incident: Incident) -> None:
        wait()
        wait("other@outside.test", NOW + 3 * HOUR)
        found = summarize(incident, NOW + 49 * HOUR)
        assert (found.waited, found.arrived, found.overdue) == (2, 0, 1)


# --- who is told


def test_domain_and_operator_are_told_once_that_the_clock_runs_low(operator: str, incident: Incident) -> None:
    wait()
    assert rescue.tell_running_low(NOW + 35 * HOUR) == []
    assert rescue.tell_running_low(NOW + 36 * HOUR) == [ALICE]
    wait("other@outside.test", NOW + 36 * HOUR)
    assert rescue.tell_running_low(NOW + 37 * HOUR) == []
    assert told(*dict(LOW)) == LOW


def test_a_contact_of_both_is_told_once(operator: str, incident: Incident) -> None:
    Contact.objects.create(domain="ALL", address="boss@outside.test")
    wait()
    rescue.tell_running_low(NOW + 36 * HOUR)
    rescue.switch(ALICE, True, "operator", now=NOW + 37 * HOUR)
    recipients = [recipient for _, recipient in told(*dict(LOW))]
    assert sorted(recipients) == ["boss@outside.test", "duty@provider.test"]
    assert len(told(*dict(RESCUED))) == 2


@pytest.mark.parametrize("by_rule", [True, False])
def test_both_are_told_once_that_mail_is_kept_and_how_it_came(operator: str, incident: Incident, by_rule: bool) -> None:
    wait()
    if by_rule:
        rescue.set_rule("ours.test", 6, "operator")
        # The rule is about to act: nobody needs to be called before.
        assert rescue.tell_running_low(NOW + 41 * HOUR) == []
        assert rescue.apply_rules(NOW + 42 * HOUR) == [ALICE]
    else:
        rescue.switch(ALICE, True, "operator", now=NOW)
    assert rescue.tell_running_low(NOW + 43 * HOUR) == []
    rescue.switch(ALICE, False, "operator", now=NOW + 44 * HOUR)
    rescue.switch(ALICE, True, "operator" if not by_rule else "worker", now=NOW + 45 * HOUR)
    assert (told(*dict(LOW)), told(*dict(RESCUED))) == ([], RESCUED)
    how = ("ルールにより自動", "by the domain's rule") if by_rule else ("担当者の操作", "switched on by hand")
    for notice in Notice.objects.filter(kind__startswith="rescued"):
        subject, body = compose(notice)
        assert ALICE in subject and all(words in body for words in how) and "http" not in body
        assert body.index("停止は続いています") > 0 and body.index("stays suspended") > 0


def test_a_rule_that_a_person_overruled_keeps_nobody_from_being_told(operator: str, incident: Incident) -> None:
    rescue.set_rule("ours.test", 6, "operator")
    wait()
    rescue.switch(ALICE, True, "operator", now=NOW)
    rescue.switch(ALICE, False, "operator", now=NOW)
    assert rescue.tell_running_low(NOW + 36 * HOUR) == [ALICE]


def test_the_notice_says_how_many_wait_and_until_when_and_is_dropped_when_it_is_over(
    operator: str, incident: Incident
) -> None:
    wait()
    wait("other@outside.test")
    rescue.tell_running_low(NOW + 36 * HOUR)
    low = Notice.objects.get(kind="waiting_low")
    subject, body = compose(low)
    assert "戻される" in subject
    assert "少なくとも 2 件" in body and "at least 2" in body and "other@outside.test" not in body
    assert timezone.localtime(NOW + 48 * HOUR).strftime("%Y-%m-%d %H:%M") in body
    english = compose(Notice.objects.get(kind="waiting_low_op"))[0]
    assert english == f"Mail waiting for {ALICE} may soon be returned to its senders"
    decisions.reinstate(ALICE, "boss")
    with pytest.raises(Stale):
        compose(low)


def test_channels_hear_of_it_in_words_of_their_own(incident: Incident) -> None:
    for kind in ("waiting_low", "rescued"):
        notice = Notice(incident=incident, kind=kind, message_id=f"<{kind}@x>", created_at=NOW)
        for language in ("ja", "en"):
            message = channel_texts.compose(notice, language)
            assert message.title and message.title != kind
            assert f"#{incident.pk}" in message.text


def test_an_operators_copy_is_none_of_the_domain_admins_business(operator: str, incident: Incident) -> None:
    rescue.switch(ALICE, True, "operator", now=NOW)
    assert {kind for kind, _ in told(*dict(RESCUED))} & set(OPERATOR_KINDS) == {"rescued_op"}


def test_a_first_alert_and_its_repetition_are_told_to_nobody_by_mail(two_tenants: None) -> None:
    for number, seconds in (("a1", 0), ("a2", 86_400)):
        decisions.record_detection(record(number, "alert", t=T + seconds))
    assert Incident.objects.get().decisions.count() == 2
    assert not Notice.objects.exists()
