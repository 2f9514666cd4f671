from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from sekisho.containment.record_keeping import Records
from sekisho.incidents import decisions, orders
from sekisho.incidents.models import HostHeartbeat, Incident, Order, Step
from sekisho.recovery import flow

pytestmark = pytest.mark.django_db(databases=["default", "site"])

HOST = "mx01.provider.example"
OTHER = "mx02.provider.example"
ALICE = "alice@ours.test"
NOW = timezone.now()
CONTAIN = ("raise_barrier", "flush_auth_cache", "kick_sessions", "hold_queue", "freeze_redirects", "probe_doors")


def do_steps(names: tuple[str, ...], plan: str = "contain", generation: int = 0, host: str = HOST) -> None:
    for position, name in enumerate(names):
        assert orders.record_step(ALICE, generation, plan, host, name, position, "done", "ok", NOW)


def test_an_order_is_claimed_once(incident: Incident) -> None:
    assert [order.kind for order in orders.claim_orders(HOST, NOW)] == ["contain"]
    assert orders.claim_orders(HOST, NOW) == []


def test_an_order_of_another_host_is_not_claimed(incident: Incident) -> None:
    assert orders.claim_orders(OTHER, NOW) == []


def test_a_claim_whose_lease_has_run_out_is_claimed_again(incident: Incident) -> None:
    orders.claim_orders(HOST, NOW)
    assert orders.claim_orders(HOST, NOW + timedelta(seconds=59)) == []
    assert len(orders.claim_orders(HOST, NOW + timedelta(seconds=61))) == 1


def test_a_started_agent_takes_over_its_predecessors_claims_at_once(incident: Incident) -> None:
    killed, successor = Records(HOST), Records(HOST)
    [order] = killed.claim()
    assert killed.claim() == []
    assert successor.claim() == [order]
    assert successor.claim() == []
    assert Records(OTHER).claim() == []


def test_a_renewed_claim_is_kept(incident: Incident) -> None:
    [order] = orders.claim_orders(HOST, NOW)
    assert orders.renew_claim(order, NOW + timedelta(seconds=50))
    assert orders.claim_orders(HOST, NOW + timedelta(seconds=100)) == []
    Order.objects.update(state="obsolete")
    assert not orders.renew_claim(order, NOW + timedelta(seconds=100))


def test_a_step_before_its_incident_is_recorded_has_to_come_again(two_tenants: None) -> None:
    assert not orders.record_step(ALICE, 0, "contain", HOST, "raise_barrier", 0, "done", "", NOW)


def test_a_step_is_one_row_however_often_it_is_told(incident: Incident) -> None:
    for state in ("failed", "failed", "done"):
        orders.record_step(ALICE, 0, "contain", HOST, "kick_sessions", 2, state, "3 sessions ended", NOW)
    step = Step.objects.get()
    assert (step.state, step.attempts, step.outcome) == ("done", 2, "3 sessions ended")


def test_an_incident_is_contained_when_the_doors_were_probed(incident: Incident) -> None:
    do_steps(CONTAIN[:-1])
    incident.refresh_from_db()
    assert incident.phase == "detected"
    do_steps(CONTAIN)
    incident.refresh_from_db()
    assert (incident.phase, incident.contained_at) == ("contained", NOW)
    assert flow.wait_until_contained(incident, 0)


def test_a_failed_step_before_the_probe_is_not_contained(incident: Incident) -> None:
    orders.record_step(ALICE, 0, "contain", HOST, "hold_queue", 3, "failed", "postsuper: no answer", NOW)
    do_steps(("raise_barrier", "flush_auth_cache", "kick_sessions"))
    orders.record_step(ALICE, 0, "contain", HOST, "probe_doors", 5, "done", "", NOW)
    incident.refresh_from_db()
    assert incident.phase == "detected"
    orders.record_step(ALICE, 0, "contain", HOST, "hold_queue", 3, "done", "2 held", NOW)
    incident.refresh_from_db()
    assert incident.phase == "contained"


def test_one_of_two_hosts_is_not_enough(two_tenants: None) -> None:
    HostHeartbeat.objects.create(host=OTHER, process="agent", at=timezone.now())
    incident = decisions.suspend(ALICE, "x", "operator")
    do_steps(CONTAIN)
    incident.refresh_from_db()
    assert incident.phase == "detected"
    do_steps(CONTAIN, host=OTHER)
    incident.refresh_from_db()
    assert incident.phase == "contained"


def test_a_restriction_is_contained_when_its_order_is_done(two_tenants: None) -> None:
    incident = decisions.restrict(ALICE, "x", "operator", 0)
    [order] = orders.claim_orders(HOST, NOW)
    orders.finish_order(order, "done", NOW)
    incident.refresh_from_db()
    assert incident.phase == "contained"


def test_a_suspension_on_top_of_a_contained_restriction_is_to_be_contained_again(two_tenants: None) -> None:
    incident = decisions.restrict(ALICE, "x", "operator", 0)
    [order] = orders.claim_orders(HOST, NOW)
    orders.finish_order(order, "done", NOW)
    decisions.suspend(ALICE, "x", "operator")
    incident.refresh_from_db()
    assert (incident.phase, incident.contained_at) == ("detected", None)
    do_steps(CONTAIN)
    incident.refresh_from_db()
    assert incident.phase == "contained"


def test_the_doors_are_open_when_every_host_has_probed_them(incident: Incident) -> None:
    do_steps(CONTAIN)
    decisions.reinstate(ALICE, "operator")
    assert not flow.is_released(incident)
    do_steps(("restore_active", "lower_barrier", "probe_open"), plan="release", generation=1)
    assert flow.is_released(incident)
    incident.refresh_from_db()
    assert incident.recovered_at == NOW


def test_a_release_order_opened_again_is_not_released(incident: Incident) -> None:
    assert not flow.wait_until_released(incident, 0)


def test_finishing_an_overtaken_order_leaves_it_overtaken(incident: Incident) -> None:
    [order] = orders.claim_orders(HOST, NOW)
    decisions.reinstate(ALICE, "operator")
    orders.finish_order(order, "done", NOW)
    order.refresh_from_db()
    assert order.state == "obsolete"


def test_late_steps_of_the_containment_do_not_touch_a_recovered_incident(incident: Incident) -> None:
    decisions.reinstate(ALICE, "operator")
    do_steps(CONTAIN)
    incident.refresh_from_db()
    assert incident.phase == "recovered"


def test_a_refresh_that_nobody_has_claimed_serves_the_next_change_too(two_tenants: None) -> None:
    [first] = orders.place_refresh(ALICE, 0, "admin", NOW)
    assert orders.place_refresh(ALICE, 0, "admin", NOW) == [first]
    [bobs] = orders.place_refresh("bob@ours.test", 0, "admin", NOW)
    assert bobs != first


def test_a_change_during_a_refresh_is_refreshed_after_it(two_tenants: None) -> None:
    orders.place_refresh(ALICE, 0, "admin", NOW)
    [first] = orders.claim_orders(HOST, NOW)
    [second] = orders.place_refresh(ALICE, 0, "admin", NOW)
    assert second != first
    orders.finish_order(first, "done", NOW)
    assert orders.claim_orders(HOST, NOW) == [second]
    orders.finish_order(second, "done", NOW)
    [third] = orders.place_refresh(ALICE, 0, "admin", NOW)
    assert third not in (first, second)
    assert [order.state for order in Order.objects.order_by("id")] == ["done", "done", "open"]


def test_every_host_refreshes(two_tenants: None) -> None:
    HostHeartbeat.objects.create(host=OTHER, process="agent", at=timezone.now())
    assert [order.host for order in orders.place_refresh(ALICE, 0, "admin", NOW)] == [HOST, OTHER]


def test_neither_suspension_nor_recovery_overtakes_a_refresh(two_tenants: None) -> None:
    orders.place_refresh(ALICE, 0, "admin", NOW)
    decisions.suspend(ALICE, "x", "operator")
    decisions.reinstate(ALICE, "operator")
    assert Order.objects.get(kind="refresh").state == "open"


def test_a_refresh_does_not_hold_up_an_incident(incident: Incident) -> None:
    [refresh] = orders.place_refresh(ALICE, 0, "admin", NOW)
    do_steps(CONTAIN)
    incident.refresh_from_db()
    assert incident.phase == "contained"
    with pytest.raises(ValueError, match="no incident"):
        _ = refresh.its_incident


@pytest.mark.parametrize(("kind", "state"), [("refresh", "open"), ("contain", "open")])
def test_the_database_refuses_a_second_waiting_refresh_and_other_orders_without_incident(
    two_tenants: None, kind: str, state: str
) -> None:
    orders.place_refresh(ALICE, 0, "admin", NOW)
    with pytest.raises(IntegrityError), transaction.atomic(using="default"):
        Order.objects.create(
            mailbox=ALICE, kind=kind, state=state, host=HOST, generation=0, created_at=NOW, actor="admin"
        )


@pytest.mark.parametrize("claimed", [False, True])
def test_a_tighter_limit_reaches_the_agent_that_has_not_carried_out_the_former(
    two_tenants: None, claimed: bool
) -> None:
    decisions.restrict(ALICE, "too many letters", "operator", limit=10)
    if claimed:
        assert [order.details["limit"] for order in orders.claim_orders(HOST, NOW)] == [10]
    decisions.restrict(ALICE, "far too many", "operator", limit=0)
    assert [order.details["limit"] for order in orders.claim_orders(HOST, NOW)] == [0]
