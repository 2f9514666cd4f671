"""Record and own decisions: which one counts."""

from __future__ import annotations

import msgspec

from sekisho.guard.standing import ACTIVE, Stand, Standing
from sekisho.journal import DecisionRecord, MailboxState, StateFile
from sekisho.journal.records import Status

A = "a@x.test"


def decision(
    after: Status, generation: int = 0, limit: int | None = None, *, enforced: bool = True, t: float = 1.0
) -> DecisionRecord:
    action = {"suspended": "suspend", "restricted": "restrict"}.get(after, "alert")
    return DecisionRecord(
        "id",
        t,
        "mx",
        A,
        generation,
        action,
        "active",
        after,
        limit,
        enforced,
        9.0,
        (),  # type: ignore[arg-type]
    )


def state(status: Status | None = None, generation: int = 0, limit: int | None = None) -> StateFile:
    return StateFile(2.0, {A: MailboxState(status, generation, limit, 2.0)} if status else {})


def test_a_mailbox_nobody_mentions_is_active() -> None:
    assert Standing().of(A) == ACTIVE


def test_our_trip_counts_before_the_record_has_it() -> None:
    standing = Standing()
    standing.take_decision(decision("suspended"))
    standing.take_state(state())
    assert standing.of(A).status == "suspended"


def test_a_newer_generation_ends_our_trip() -> None:
    standing = Standing()
    standing.take_decision(decision("suspended"))
    assert standing.take_state(state("probation", 1, 20)) == [(A, 1)]
    assert standing.of(A) == Stand("probation", 1, 20)
    assert A not in standing.own


def test_a_trip_of_an_older_generation_changes_nothing() -> None:
    standing = Standing()
    standing.take_state(state("probation", 2, 20))
    standing.take_decision(decision("suspended", 1))
    assert standing.of(A).status == "probation"


def test_the_same_generation_cannot_lift_a_suspension() -> None:
    standing = Standing()
    standing.take_decision(decision("suspended"))
    standing.take_state(state("suspended"))
    standing.take_state(state("active"))
    assert standing.of(A).status == "suspended"
    standing.take_state(state())
    assert standing.of(A).status == "suspended"


def test_a_restriction_ends_when_the_record_had_it_and_has_it_no_longer() -> None:
    standing = Standing()
    standing.take_decision(decision("restricted", limit=10))
    standing.take_state(state())
    assert standing.of(A).status == "restricted"
    standing.take_state(state("restricted", limit=10))
    standing.take_state(state())
    assert standing.of(A) == ACTIVE


def test_of_two_restrictions_the_smaller_limit_counts() -> None:
    standing = Standing()
    standing.take_decision(decision("restricted", limit=0))
    standing.take_state(state("restricted", limit=10))
    assert standing.of(A).limit == 0


def test_an_operators_suspension_counts_over_our_restriction() -> None:
    standing = Standing()
    standing.take_decision(decision("restricted", limit=10))
    standing.take_state(state("suspended"))
    assert standing.of(A).status == "suspended"


def test_a_decision_in_observe_mode_stops_nobody() -> None:
    standing = Standing()
    standing.take_decision(decision("suspended", enforced=False))
    assert standing.of(A) == ACTIVE


def test_an_alert_keeps_the_status() -> None:
    standing = Standing()
    standing.take_decision(decision("restricted", limit=10))
    standing.take_decision(decision("active", t=5.0))
    assert standing.of(A).status == "restricted"
    assert standing.own[A].alerted_at == 5.0


def test_own_decisions_come_back_from_a_snapshot() -> None:
    before = Standing()
    before.take_decision(decision("suspended", 3))
    after = Standing()
    after.restore(before.own)
    assert after.of(A) == Stand("suspended", 3, None)
    assert after.counts() == {"restricted": 0, "suspended": 1, "probation": 0}


def test_an_alert_lifts_no_limit_that_an_operator_has_set() -> None:
    standing = Standing()
    standing.take_state(state("restricted", 0, 10))
    alert = decision("restricted")
    standing.take_decision(msgspec.structs.replace(alert, action="alert", before="restricted"))
    assert standing.of(A) == Stand("restricted", 0, 10)
    assert standing.own[A].alerted_at == alert.t


def test_a_restriction_without_a_limit_never_outdoes_one_with() -> None:
    standing = Standing()
    standing.take_state(state("restricted", 0, 10))
    standing.take_decision(decision("restricted", limit=None))
    assert standing.of(A) == Stand("restricted", 0, 10)
