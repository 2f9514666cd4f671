"""The breaker's table and decisions, and the two properties everything rests on, over random lives of a mailbox."""

from __future__ import annotations

import random
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detection.stream import MAILBOX, World, abroad, home
from sekisho.detection import DEFAULT_LIMITS, Assessment, Fuse, burned_reset, with_burned_login
from sekisho.detection.breaker import (
    TRANSITIONS,
    Cause,
    Mode,
    Status,
    TransitionRefused,
    change_status,
    decide,
    may_log_in,
    may_send,
    next_generation,
)

STATUSES: tuple[Status, ...] = get_args(Status)
CAUSES: tuple[Cause, ...] = get_args(Cause)


def assessment(score: float, **changes: object) -> Assessment:
    """An assessment of an unfamiliar, sending, authenticated source unless changed."""
    facts: dict[str, object] = {"source_familiar": False, "has_sending_evidence": True, "authenticated": True}
    return Assessment(MAILBOX, 1000.0, score, **{**facts, **changes})  # type: ignore[arg-type]


def blown() -> Fuse:
    fuse = Fuse()
    for _ in range(10):
        fuse.record("shop.example", 1000.0)
    return fuse


# -- the table --------------------------------------------------------------------------------------------------------


def test_the_table_names_every_cause_and_only_known_statuses() -> None:
    assert set(TRANSITIONS) == set(CAUSES)
    for rows in TRANSITIONS.values():
        assert set(rows) <= set(STATUSES)
        assert all(after <= set(STATUSES) and after for after in rows.values())


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize("before", STATUSES)
@pytest.mark.parametrize("wanted", STATUSES)
def test_a_change_is_what_the_table_says_or_refused(before: Status, cause: Cause, wanted: Status) -> None:
    if wanted in TRANSITIONS[cause].get(before, ()):
        assert change_status(before, cause, wanted) == wanted
    else:
        with pytest.raises(TransitionRefused, match=before):
            change_status(before, cause, wanted)


def test_only_a_new_password_or_a_dismissal_leads_out_of_suspended() -> None:
    leaving = {cause for cause in CAUSES if TRANSITIONS[cause].get("suspended")}
    assert leaving == {"recovery", "dismissal"}
    assert TRANSITIONS["recovery"]["suspended"] == {"probation"}
    assert TRANSITIONS["dismissal"]["suspended"] == {"active", "probation"}


def test_only_detection_and_an_operator_lead_to_suspended() -> None:
    assert {cause for cause in CAUSES if any("suspended" in after for after in TRANSITIONS[cause].values())} == {
        "detection",
        "operator",
    }


def test_doors_follow_the_status() -> None:
    assert [status for status in STATUSES if not may_log_in(status)] == ["suspended"]
    assert not may_send("suspended", None)
    assert not may_send("restricted", 0)
    assert may_send("restricted", 10) and may_send("probation", None) and may_send("active", None)


def test_a_judgement_or_its_time_running_out_begins_a_new_generation() -> None:
    assert [cause for cause in CAUSES if next_generation(3, cause) == 4] == [
        "recovery",
        "dismissal",
        "answer",
        "expiry",
    ]
    assert all(next_generation(3, cause) >= 3 for cause in CAUSES)


# -- decisions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("score", "action"),
    [
        (3.9, None),
        (4.0, "alert"),
        (6.4, "alert"),
        (6.5, "restrict"),
        (8.9, "restrict"),
        (9.0, "suspend"),
        (30.0, "suspend"),
    ],
)
def test_three_thresholds_decide(score: float, action: str | None) -> None:
    decision = decide("active", assessment(score), "detection", "enforce", Fuse())
    assert (decision.action if decision else None) == action


def test_a_decision_says_what_follows() -> None:
    alert = decide("active", assessment(5.0), "detection", "enforce", Fuse())
    restrict = decide("active", assessment(7.0), "detection", "enforce", Fuse())
    suspend = decide("restricted", assessment(9.0, first_risk_at=5.0), "detection", "enforce", Fuse(), limit=10)
    assert alert and restrict and suspend
    assert (alert.before, alert.after, alert.limit) == ("active", "active", None)
    assert (restrict.after, restrict.limit, restrict.hold, restrict.enforced) == ("restricted", 10, False, True)
    assert (suspend.before, suspend.after, suspend.limit, suspend.first_risk_at) == (
        "restricted",
        "suspended",
        None,
        5.0,
    )


@pytest.mark.parametrize("changes", [{"source_familiar": True}, {"has_sending_evidence": False}])
def test_a_familiar_source_or_mere_logins_only_restrict(changes: dict[str, object]) -> None:
    decision = decide("active", assessment(30.0, **changes), "detection", "enforce", Fuse())
    assert decision and (decision.after, decision.limit, decision.hold) == ("restricted", 10, False)


def test_without_an_authenticated_event_nothing_is_decided() -> None:
    assert decide("active", assessment(30.0, authenticated=False), "detection", "enforce", Fuse()) is None


def test_a_protected_mailbox_or_a_blown_fuse_stops_sending_instead() -> None:
    for fuse, protected in ((Fuse(), True), (blown(), False)):
        decision = decide("active", assessment(9.0), "detection", "enforce", fuse, protected=protected)
        assert decision and (decision.action, decision.after, decision.limit) == ("restrict", "restricted", 0)
        assert decision.hold
    assert decide("active", assessment(9.0), "detection", "enforce", Fuse(), protected=False).after == "suspended"  # type: ignore[union-attr]


def test_a_restricted_mailbox_is_tightened_once() -> None:
    tighter = decide("restricted", assessment(9.0), "detection", "enforce", blown(), limit=10)
    assert tighter and (tighter.before, tighter.after, tighter.limit) == ("restricted", "restricted", 0)
    assert decide("restricted", assessment(9.0), "detection", "enforce", blown(), limit=0) is None
    assert decide("restricted", assessment(7.0), "detection", "enforce", Fuse(), limit=10) is None


def test_a_suspended_mailbox_is_left_alone() -> None:
    assert decide("suspended", assessment(30.0), "detection", "enforce", Fuse()) is None


def test_a_relapse_on_probation_suspends_one_nat_below_a_restriction_and_asks_no_more() -> None:
    relapse = decide("probation", assessment(5.5), "detection", "enforce", Fuse())
    assert relapse and (relapse.action, relapse.after) == ("suspend", "suspended")
    assert decide("probation", assessment(5.4), "detection", "enforce", Fuse()).action == "alert"  # type: ignore[union-attr]
    assert decide("probation", assessment(3.5), "detection", "enforce", Fuse()) is None


@pytest.mark.parametrize("excuse", [{"source_familiar": True}, {"has_sending_evidence": False}])
def test_what_never_suspends_does_not_on_probation_either(excuse: dict[str, bool]) -> None:
    found = decide("probation", assessment(20.0, **excuse), "detection", "enforce", Fuse())
    assert found and found.after == "restricted"
    assert decide("probation", assessment(5.5), "detection", "enforce", blown()).after == "restricted"  # type: ignore[union-attr]
    assert decide("probation", assessment(5.5), "detection", "enforce", Fuse(), protected=True).limit == 0  # type: ignore[union-attr]


def test_an_alert_is_said_once_and_observing_repeats_nothing() -> None:
    def said(score: float, announced: str, mode: Mode) -> bool:
        return decide("active", assessment(score, announced=announced), "detection", mode, Fuse()) is not None

    assert not said(5.0, "alert", "enforce")
    assert said(7.0, "alert", "enforce")
    assert said(7.0, "restrict", "enforce")
    assert not said(7.0, "restrict", "observe")
    assert said(9.0, "restrict", "observe")
    observed = decide("active", assessment(9.0), "detection", "observe", Fuse())
    assert observed and not observed.enforced and observed.after == "suspended"


# -- properties -------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.sampled_from(CAUSES), st.sampled_from(STATUSES)), max_size=40))
@settings(max_examples=500)
def test_no_life_leads_from_suspended_to_sending_without_new_password_or_dismissal(
    life: list[tuple[Cause, Status]],
) -> None:
    status: Status = "active"
    generation, shut = 0, False
    for cause, wanted in life:
        before = generation
        try:
            status = change_status(status, cause, wanted)
        except TransitionRefused:
            continue
        generation = next_generation(generation, cause)
        assert generation >= before
        shut = status == "suspended" or (shut and cause not in ("recovery", "dismissal"))
        assert not (shut and may_send(status, None))


def _fail_and_forge(world: World, draw: random.Random) -> None:
    """One event anybody can cause without the password."""
    source = draw.choice([home(), abroad(draw.randrange(30)), home(network=draw.randrange(200))])
    kind = draw.randrange(4)
    world.now += draw.choice([0.1, 1.0, 60.0, 3600.0, 90_000.0])
    if kind < 2:
        world.login(source, draw.choice(["imap", "smtp", "pop3"]), success=False)
    elif kind == 2:
        world.delivered(f"x{draw.randrange(99)}@y.test", "bounced", draw.choice(["5.1.1", "5.7.1", "5.2.2"]))
    else:
        world.delivered(f"x{draw.randrange(99)}@y.test")


def test_without_an_authenticated_event_nothing_ever_touches_a_mailbox() -> None:
    """10,000 seeded streams of 12 events each: failed logins, forged bounces, with and without a history."""
    draw = random.Random(20260701)
    for number in range(10_000):
        world = World(status=draw.choice(["active", "probation"]))
        before = world.status
        for _ in range(12):
            _fail_and_forge(world, draw)
        assert not world.decisions, number
        assert world.status == before


def test_a_new_generation_is_as_untouchable_as_a_new_mailbox() -> None:
    draw = random.Random(7)
    world = World().live(10)
    for generation in range(1, 200):
        world.send(abroad(draw.randrange(30)), [f"a{n}@b.test" for n in range(4)], 2)
        world.profile.start_generation(generation, world.now)
        world.status, world.limit = "probation", None
        world.decisions.clear()
        for _ in range(20):
            _fail_and_forge(world, draw)
        assert not world.decisions


events = st.tuples(
    st.sampled_from(["login", "fail", "recipient", "submit", "bounce", "sent", "forward", "discard", "generation"]),
    st.integers(0, 12),
    st.sampled_from([0.1, 5.0, 600.0, 4000.0, 90_000.0]),
)


@given(st.lists(events, max_size=60), st.booleans(), st.booleans())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_happens_the_rules_of_suspension_hold(
    life: list[tuple[str, int, float]], protected: bool, is_blown: bool
) -> None:
    world = World(protected=protected, fuse=blown() if is_blown else Fuse())
    world.now = 1000.0 if is_blown else world.now
    authenticated, generation = False, 0
    for kind, number, gap in life:
        world.now += gap if not is_blown else 0.0
        source = home() if number == 0 else abroad(number)
        decided = len(world.decisions)
        was = world.status
        if kind == "generation":
            world.profile.start_generation(number, world.now)
            assert world.profile.generation >= generation
            authenticated = authenticated and world.profile.generation == generation
            generation = world.profile.generation
        elif kind == "fail":
            world.login(source, success=False)
        elif kind in ("bounce", "sent"):
            world.delivered(f"r{number}@x.test", *(("bounced", "5.1.1") if kind == "bounce" else ("sent", "2.0.0")))
        else:
            authenticated = True
            if kind == "login":
                world.login(source)
            elif kind == "recipient":
                world.recipient(source, f"r{number}{world.now}@x.test")
            elif kind == "submit":
                world.submit(source)
            else:
                world.script(source, kind, "x@outside.test")
        for decision in world.decisions[decided:]:
            assert authenticated
            assert not (decision.after == "suspended" and (protected or is_blown))
        assert not (was == "suspended" and world.status != "suspended")


# -- a burned password ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["active", "probation", "restricted"])
def test_a_burned_password_suspends_also_at_a_familiar_source_and_before_anything_is_sent(status: Status) -> None:
    quiet = Assessment(MAILBOX, 1000.0, 0.0, authenticated=True)
    judged = with_burned_login(quiet, DEFAULT_LIMITS)
    decision = decide(status, judged, "detection", "enforce", Fuse(), limit=0)
    assert decision is not None and (decision.action, decision.after, decision.first_risk_at) == (
        "suspend",
        "suspended",
        1000.0,
    )


def test_a_burned_password_spares_the_protected_and_heeds_the_fuse() -> None:
    judged = burned_reset(MAILBOX, 1000.0, DEFAULT_LIMITS)
    for facts in ({"protected": True, "fuse": Fuse()}, {"protected": False, "fuse": blown()}):
        decision = decide("active", judged, "detection", "enforce", facts["fuse"], protected=facts["protected"])  # type: ignore[arg-type]
        assert decision is not None and (decision.after, decision.limit, decision.hold) == ("restricted", 0, True)
