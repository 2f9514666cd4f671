from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from sekisho.incidents import decisions, orders
from sekisho.incidents.decisions import NotAllowed
from sekisho.incidents.models import (
    Audit,
    BurnedPassword,
    Decision,
    HostHeartbeat,
    Incident,
    Indicator,
    MailboxStatus,
    Notice,
    Order,
    Transition,
)
from sekisho.journal import DecisionRecord, IndicatorRecord

pytestmark = pytest.mark.django_db(databases=["default", "site"])

T = 1_700_000_000.0
ALICE = "alice@ours.test"


def record(identifier: str = "d1", action: str = "suspend", **fields: object) -> DecisionRecord:
    """A decision about alice; `fields` replace what the guard would have written."""
    after = {"suspend": "suspended", "restrict": "restricted", "alert": "active"}[action]
    values: dict[str, object] = {
        "id": identifier,
        "t": T,
        "host": "mx01.provider.example",
        "mailbox": ALICE,
        "generation": 0,
        "action": action,
        "before": "active",
        "after": after,
        "limit": 10 if action == "restrict" else None,
        "enforced": True,
        "score": 9.5,
        "indicators": (IndicatorRecord("new_country", 3.0, "初めての国 BR", "first login from BR"),),
        "ip": "192.0.2.1",
        "country": "BR",
        "asn": 65004,
        "first_risk_at": T - 60,
        "queue_ids": ("4abc",),
    }
    return DecisionRecord(**{**values, **fields})  # type: ignore[arg-type]


def status() -> MailboxStatus:
    return MailboxStatus.objects.get(mailbox=ALICE)


def test_a_trip_suspends_and_leaves_its_whole_trail(two_tenants: None) -> None:
    incident = decisions.record_detection(record())
    assert incident is not None
    assert (status().status, status().generation) == ("suspended", 0)
    assert (incident.action, incident.phase, incident.cause, incident.enforced) == (
        "suspend",
        "detected",
        "detection",
        True,
    )
    assert incident.first_risk_at == datetime.fromtimestamp(T - 60, UTC)
    change = Transition.objects.get()
    assert (change.before, change.after, change.cause, change.actor) == (
        "active",
        "suspended",
        "detection",
        "guard@mx01.provider.example",
    )
    order = Order.objects.get()
    assert (order.kind, order.generation, order.state) == ("contain", 0, "open")
    assert order.details["hold_since"] == T - 60
    assert order.details["queue_ids"] == ["4abc"]
    assert Notice.objects.get().recipient == "boss@outside.test"
    assert Indicator.objects.get().evidence_ja == "初めての国 BR"
    assert Audit.objects.filter(verb="suspended", domain="ours.test").count() == 1
    assert BurnedPassword.objects.filter(mailbox=ALICE).count() == 1


def test_the_same_record_again_changes_nothing(two_tenants: None) -> None:
    decisions.record_detection(record())
    decisions.record_detection(record())
    assert (Incident.objects.count(), Transition.objects.count(), Decision.objects.count()) == (1, 1, 1)
    assert (Order.objects.count(), Notice.objects.count()) == (1, 1)


def test_an_alert_is_an_incident_without_a_status_change(two_tenants: None) -> None:
    incident = decisions.record_detection(record(action="alert"))
    assert incident is not None
    assert incident.action == "alert"
    assert not MailboxStatus.objects.exists()
    assert not Order.objects.exists()
    assert not Notice.objects.exists()


def test_a_trip_after_an_alert_escalates_the_same_incident(two_tenants: None) -> None:
    first = decisions.record_detection(record("d1", "alert", score=4.5))
    second = decisions.record_detection(record("d2", "suspend", t=T + 5))
    assert first == second
    assert Incident.objects.get().action == "suspend"
    assert status().status == "suspended"


def test_a_trip_after_a_restriction_gives_the_stronger_order_and_one_notice(two_tenants: None) -> None:
    decisions.record_detection(record("d1", "restrict"))
    decisions.record_detection(record("d2", "suspend", before="restricted"))
    assert list(Order.objects.order_by("id").values_list("kind", flat=True)) == ["restrict", "contain"]
    assert [notice.kind for notice in Notice.objects.all()] == ["suspended"]
    assert list(Transition.objects.order_by("id").values_list("after", flat=True)) == ["restricted", "suspended"]


def test_a_later_restriction_does_not_open_a_suspended_mailbox(two_tenants: None) -> None:
    decisions.record_detection(record("d1", "suspend"))
    decisions.record_detection(record("d2", "restrict"))
    assert status().status == "suspended"
    assert Incident.objects.get().action == "suspend"
    assert Decision.objects.count() == 2


def test_a_tighter_limit_is_a_new_order_and_a_wider_one_is_none(two_tenants: None) -> None:
    decisions.record_detection(record("d1", "restrict", limit=10))
    Order.objects.update(state="done")
    decisions.record_detection(record("d2", "restrict", limit=0))
    order = Order.objects.get()
    assert (order.state, order.details["limit"], status().limit) == ("open", 0, 0)
    decisions.record_detection(record("d3", "restrict", limit=5))
    assert status().limit == 0


def test_observe_mode_records_what_would_have_been_done(two_tenants: None) -> None:
    incident = decisions.record_detection(record(enforced=False))
    assert incident is not None
    assert (incident.action, incident.enforced) == ("suspend", False)
    assert not MailboxStatus.objects.exists()
    assert not Order.objects.exists()
    assert not Notice.objects.exists()
    assert not BurnedPassword.objects.exists()


def test_every_host_gets_its_order(two_tenants: None) -> None:
    HostHeartbeat.objects.create(host="mx02.provider.example", process="agent", at=timezone.now())
    old = timezone.now() - timedelta(days=31)
    HostHeartbeat.objects.create(host="gone.provider.example", process="agent", at=old)
    decisions.record_detection(record())
    assert sorted(Order.objects.values_list("host", flat=True)) == ["mx01.provider.example", "mx02.provider.example"]


def test_evidence_of_an_older_generation_suspends_nothing_and_opens_the_doors_again(incident: Incident) -> None:
    [order] = decisions.reinstate(ALICE, "operator")
    orders.finish_order(order, "done")
    assert decisions.record_detection(record()) == incident
    assert (status().status, status().generation) == ("probation", 1)
    order.refresh_from_db()
    assert order.state == "open"
    assert Audit.objects.filter(verb="late_decision").count() == 1


def test_an_operator_suspends_and_a_second_time_changes_nothing(two_tenants: None) -> None:
    first = decisions.suspend(ALICE, "complaints", "operator")
    second = decisions.suspend(ALICE, "again", "operator")
    assert first == second
    assert Transition.objects.count() == 1
    assert (status().status, status().reason) == ("suspended", "complaints")


def test_an_operators_suspension_holds_the_mail_of_the_last_hour_unless_told_otherwise(two_tenants: None) -> None:
    now = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    decisions.suspend(ALICE, "x", "operator", now=now)
    decisions.suspend("bob@ours.test", "x", "operator", hold_since=now - timedelta(minutes=5), now=now)
    held = {order.mailbox: now.timestamp() - order.details["hold_since"] for order in Order.objects.all()}
    assert held == {ALICE: 3600.0, "bob@ours.test": 300.0}


def test_an_operators_suspension_escalates_the_open_alert(two_tenants: None) -> None:
    alert = decisions.record_detection(record(action="alert"))
    incident = decisions.suspend(ALICE, "complaints", "operator")
    assert incident == alert
    assert incident.action == "suspend"
    assert Order.objects.get().details["hold_since"] == T - 60


def test_an_operator_cannot_restrict_what_is_suspended(incident: Incident) -> None:
    with pytest.raises(NotAllowed):
        decisions.restrict(ALICE, "x", "operator")
    assert status().status == "suspended"


def test_reinstating_begins_probation_in_the_next_generation(incident: Incident) -> None:
    [order] = decisions.reinstate(ALICE, "operator")
    assert (status().status, status().generation, status().limit) == ("probation", 1, 20)
    assert (order.kind, order.generation) == ("release", 1)
    incident.refresh_from_db()
    assert incident.phase == "recovered"
    assert Order.objects.get(kind="contain").state == "obsolete"


@pytest.mark.parametrize("before", ["active", "probation"])
def test_only_what_is_shut_can_be_reinstated(incident: Incident, before: str) -> None:
    decisions.reinstate(ALICE, "operator")
    MailboxStatus.objects.update(status=before)
    with pytest.raises(NotAllowed):
        decisions.reinstate(ALICE, "operator")


def test_a_second_trip_during_probation_is_a_second_incident(incident: Incident) -> None:
    decisions.reinstate(ALICE, "operator")
    second = decisions.record_detection(record(generation=1, before="probation"))
    assert second is not None and second != incident
    assert (status().status, status().generation) == ("suspended", 1)


def test_dismissing_restores_what_was_before(incident: Incident) -> None:
    [order] = decisions.dismiss(incident, "operator", "newsletter")
    assert (status().status, status().generation, status().limit) == ("active", 1, None)
    assert order.kind == "dismiss"
    assert not BurnedPassword.objects.exists()
    incident.refresh_from_db()
    assert incident.phase == "dismissed"


def test_dismissing_a_trip_during_probation_restores_probation(incident: Incident) -> None:
    decisions.reinstate(ALICE, "operator")
    second = decisions.record_detection(record(generation=1, before="probation"))
    assert second is not None
    decisions.dismiss(second, "operator")
    assert (status().status, status().generation, status().limit) == ("probation", 2, 20)


def test_dismissing_an_escalated_restriction_restores_active(two_tenants: None) -> None:
    decisions.record_detection(record("d1", "restrict"))
    incident = decisions.record_detection(record("d2", "suspend", before="restricted"))
    assert incident is not None
    decisions.dismiss(incident, "operator")
    assert status().status == "active"


def test_dismissing_an_alert_orders_nothing_but_ends_its_evidence(two_tenants: None) -> None:
    alert = decisions.record_detection(record(action="alert"))
    assert alert is not None
    assert decisions.dismiss(alert, "operator") == []
    assert (status().status, status().generation) == ("active", 1)
    decisions.record_detection(record("d2", "suspend"))
    assert status().status == "active"


def test_a_trip_that_crossed_the_dismissal_of_its_alert_is_opened_again(two_tenants: None) -> None:
    alert = decisions.record_detection(record(action="alert"))
    assert alert is not None
    decisions.dismiss(alert, "operator")
    decisions.record_detection(record("d2", "suspend"))
    order = Order.objects.get()
    assert (order.kind, order.generation, order.state) == ("release", 1, "open")


def test_a_late_trip_does_not_open_a_mailbox_suspended_since(incident: Incident) -> None:
    [order] = decisions.reinstate(ALICE, "operator")
    orders.finish_order(order, "done")
    decisions.suspend(ALICE, "again", "operator")
    decisions.record_detection(record())
    order.refresh_from_db()
    assert order.state == "done"
    assert status().status == "suspended"


def test_suspending_overtakes_an_order_to_open(incident: Incident) -> None:
    [order] = decisions.reinstate(ALICE, "operator")
    decisions.suspend(ALICE, "again", "operator")
    order.refresh_from_db()
    assert order.state == "obsolete"


def test_what_is_over_cannot_be_dismissed(incident: Incident) -> None:
    decisions.reinstate(ALICE, "operator")
    with pytest.raises(NotAllowed):
        decisions.dismiss(incident, "operator")


def test_an_incident_cannot_be_closed_over_a_shut_mailbox(incident: Incident) -> None:
    with pytest.raises(NotAllowed):
        decisions.close(incident, "operator")


def test_a_closed_alert_is_opened_by_the_next_decision(two_tenants: None) -> None:
    alert = decisions.record_detection(record(action="alert"))
    assert alert is not None
    decisions.close(alert, "operator")
    alert.refresh_from_db()
    assert alert.phase == "closed"
    again = decisions.record_detection(record("d2", "suspend"))
    assert again == alert
    assert Incident.objects.get().phase == "detected"


def test_an_operator_can_suspend_after_closing_the_alert(two_tenants: None) -> None:
    alert = decisions.record_detection(record(action="alert"))
    assert alert is not None
    decisions.close(alert, "operator")
    assert decisions.suspend(ALICE, "x", "operator") == alert
    assert Incident.objects.get().phase == "detected"


def test_an_answer_ends_a_restriction(two_tenants: None) -> None:
    incident = decisions.record_detection(record(action="restrict"))
    assert incident is not None
    [order] = decisions.answer(incident, "owner")
    assert (status().status, order.kind, order.generation) == ("active", "release", 1)


def test_no_answer_opens_a_suspended_mailbox(incident: Incident) -> None:
    with pytest.raises(NotAllowed):
        decisions.answer(incident, "owner")
    assert status().status == "suspended"


def test_a_restriction_by_detection_runs_out_after_a_quiet_week_and_an_operators_does_not(two_tenants: None) -> None:
    decisions.record_detection(record(action="restrict"))
    at = datetime.fromtimestamp(T, UTC)
    decisions.restrict("bob@ours.test", "x", "operator", now=at)
    assert decisions.expire_restrictions(at + timedelta(days=6)) == 0
    assert decisions.expire_restrictions(at + timedelta(days=8)) == 1
    assert status().status == "active"
    assert MailboxStatus.objects.get(mailbox="bob@ours.test").status == "restricted"


def test_a_restriction_with_new_findings_stays(two_tenants: None) -> None:
    decisions.record_detection(record(action="restrict"))
    decisions.record_detection(record("d2", "alert", t=T + 5 * 86400))
    assert decisions.expire_restrictions(datetime.fromtimestamp(T, UTC) + timedelta(days=8)) == 0


def test_a_suspension_never_runs_out(incident: Incident) -> None:
    assert decisions.expire_restrictions(timezone.now() + timedelta(days=3650)) == 0
    assert status().status == "suspended"


def test_probation_ends_after_seven_clean_days_and_closes_the_incident(incident: Incident) -> None:
    now = timezone.now()
    decisions.reinstate(ALICE, "operator", now=now)
    assert decisions.end_probations(now + timedelta(days=6, hours=23)) == 0
    assert decisions.end_probations(now + timedelta(days=7, minutes=1)) == 1
    assert (status().status, status().generation, status().limit) == ("active", 1, None)
    incident.refresh_from_db()
    assert incident.phase == "closed"


def test_probation_with_an_open_alert_goes_on(incident: Incident) -> None:
    now = timezone.now()
    decisions.reinstate(ALICE, "operator", now=now)
    decisions.record_detection(record("d9", "alert", generation=1, before="probation", after="probation"))
    assert decisions.end_probations(now + timedelta(days=30)) == 0


def test_the_site_database_may_be_away_during_a_trip(two_tenants: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    from sekisho.incidents import burned

    class Away:
        @staticmethod
        def filter(**_: object) -> None:
            raise OperationalError("gone")

    monkeypatch.setattr(burned.SiteMailbox, "objects", Away)
    decisions.record_detection(record())
    assert status().status == "suspended"
